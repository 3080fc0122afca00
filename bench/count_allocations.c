// Preloaded into a program, counts what it takes from the allocator, in a file that others read:
// calls and bytes, as two 64-bit numbers. ALLOCATION_COUNTS names the file.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct Counts {
  _Atomic uint64_t calls;
  _Atomic uint64_t bytes;
};

static struct Counts before_the_file;
static struct Counts* counts = &before_the_file;

__attribute__((constructor)) static void MapCounts(void) {
  const char* path = getenv("ALLOCATION_COUNTS");
  const int file = path ? open(path, O_RDWR | O_CREAT, 0644) : -1;
  if (file < 0 || ftruncate(file, sizeof(struct Counts)) != 0) return;
  void* mapped = mmap(NULL, sizeof(struct Counts), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped != MAP_FAILED) counts = mapped;
  close(file);
}

static void Count(size_t bytes) {
  atomic_fetch_add_explicit(&counts->calls, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&counts->bytes, bytes, memory_order_relaxed);
}

// glibc's own, below the names that are taken here.
extern void* __libc_malloc(size_t bytes);
extern void* __libc_calloc(size_t count, size_t bytes);
extern void* __libc_realloc(void* old, size_t bytes);
extern void* __libc_memalign(size_t alignment, size_t bytes);

void* malloc(size_t bytes) {
  Count(bytes);
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  Count(count * bytes);
  return __libc_calloc(count, bytes);
}
void* realloc(void* old, size_t bytes) {
  Count(bytes);
  return __libc_realloc(old, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  Count(bytes);
  return __libc_memalign(alignment, bytes);
}
void* memalign(size_t alignment, size_t bytes) {
  Count(bytes);
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** out, size_t alignment, size_t bytes) {
  Count(bytes);
  *out = __libc_memalign(alignment, bytes);
  return *out == NULL ? 12 : 0;  // ENOMEM
}

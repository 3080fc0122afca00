// Memory for bytes read back from disk.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace cdc {

// Copies byte strings into chunks that are shared by what is copied one after the other, so that an
// allocation serves many. Not thread-safe.
class Arena {
 public:
  explicit Arena(size_t chunk_bytes) : chunk_bytes_(chunk_bytes) {}

  // Makes place for `bytes` in one chunk.
  void Reserve(size_t bytes) {
    if (size_ - used_ >= bytes) return;
    size_ = std::max(bytes, chunk_bytes_);
    used_ = 0;
    chunk_ = std::shared_ptr<char[]>(new char[size_]);
  }
  // Of bytes that were reserved.
  std::string_view Copy(std::string_view bytes) {
    char* to = chunk_.get() + used_;
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    used_ += bytes.size();
    return {to, bytes.size()};
  }
  // Keeps alive what was copied since the last Reserve.
  const std::shared_ptr<char[]>& owner() const { return chunk_; }

 private:
  const size_t chunk_bytes_;
  std::shared_ptr<char[]> chunk_;
  size_t size_ = 0;
  size_t used_ = 0;
};

}  // namespace cdc

// The node's disk for what does not fit into memory: sorted keys and values in one RocksDB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace cdc {

// Names a set of keys that are ordered, read and dropped together; never used twice.
enum class SpillSpace : uint64_t {};

// Holds what can be had again from upstream: nothing is logged, nothing survives the process, and
// the directory is emptied at open. The database itself is made at the first write, so that a node
// whose memory suffices does no I/O at all.
//
// Threads: all calls from any thread. Writing and reading do I/O and may take long.
// Errors: kDiskFull when the quota or the disk is used up, kSorterIo for all else that the disk or
// the database reports. What was to be written is then not there, and all else is as before.
class SpillStore {
 public:
  struct Options {
    std::string dir;         // this store makes one of its own below, and removes left ones
    uint64_t bytes_max = 0;  // of files; 0: no limit but the disk's
    uint64_t cache_bytes = uint64_t{64} << 20;
    uint64_t file_bytes = uint64_t{64} << 20;  // of one file, about
  };

  // One sorted run on its way to the disk; what is in it can be read once Finish has returned.
  // Dropped unfinished, it leaves nothing behind. Not thread-safe.
  class Run {
   public:
    virtual ~Run() = default;
    // In increasing order of (space, key).
    virtual Status Add(SpillSpace space, std::string_view key, std::string_view value) = 0;
    virtual Status Finish() = 0;
  };

  // Reads keys of one space in order. Sees what had been written when it was made. Hold it only
  // briefly: it keeps the files. Not thread-safe.
  class Cursor {
   public:
    virtual ~Cursor() = default;
    virtual bool Valid() const = 0;  // false at the end, and on errors
    virtual void Next() = 0;
    virtual std::string_view key() const = 0;  // until the next call; so is value()
    virtual std::string_view value() const = 0;
    virtual Status status() const = 0;
  };

  static Result<std::unique_ptr<SpillStore>> Open(Options options);
  virtual ~SpillStore() = default;  // removes the directory

  virtual SpillSpace NewSpace() = 0;
  virtual Result<std::unique_ptr<Run>> NewRun() = 0;
  // From `from` on; an empty one is the beginning.
  virtual Result<std::unique_ptr<Cursor>> Read(SpillSpace space, std::string_view from) = 0;
  // False if the key is not there.
  virtual Result<bool> Get(SpillSpace space, std::string_view key, std::string* value) = 0;
  // Nobody will ask for keys below `key` any more, which take about `bytes`.
  virtual void DropBelow(SpillSpace space, std::string_view key, uint64_t bytes) = 0;
  // Nobody will ask for anything of the space any more.
  virtual void Drop(SpillSpace space) = 0;

  virtual uint64_t disk_bytes() const = 0;       // of all files
  virtual uint64_t disk_bytes_peak() const = 0;  // the most that were ever there
  virtual uint64_t bytes_max() const = 0;
  // Whether more than this part of the quota is used.
  virtual bool FullerThan(double part) const = 0;
};

}  // namespace cdc

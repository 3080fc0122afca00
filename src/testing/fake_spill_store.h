// A spill store in memory, for tests that spill often.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "dataflow/spill/spill_store.h"

namespace cdc {

// Checks what callers promise: keys of a run are in order, and of a space that lives. Thread-safe.
class FakeSpillStore : public SpillStore {
 public:
  // Every run and read fails with this from now on; Ok: works again.
  void FailWith(Status status) {
    std::lock_guard lock(mutex_);
    failure_ = std::move(status);
  }
  size_t spaces() const {
    std::lock_guard lock(mutex_);
    return spaces_.size();
  }
  // How many keys were ever written.
  size_t written() const {
    std::lock_guard lock(mutex_);
    return written_;
  }
  size_t broken_promises() const {
    std::lock_guard lock(mutex_);
    return broken_promises_;
  }

  SpillSpace NewSpace() override {
    std::lock_guard lock(mutex_);
    spaces_[SpillSpace{next_}];
    return SpillSpace{next_++};
  }
  Result<std::unique_ptr<Run>> NewRun() override {
    std::lock_guard lock(mutex_);
    if (!failure_.ok()) return Unexpected(failure_);
    return std::make_unique<FakeRun>(*this);
  }
  Result<std::unique_ptr<Cursor>> Read(SpillSpace space, std::string_view from) override {
    std::lock_guard lock(mutex_);
    if (!failure_.ok()) return Unexpected(failure_);
    Entries entries = spaces_[space];
    entries.erase(entries.begin(), entries.lower_bound(from));
    return std::make_unique<FakeCursor>(std::move(entries));
  }
  Result<bool> Get(SpillSpace space, std::string_view key, std::string* value) override {
    std::lock_guard lock(mutex_);
    if (!failure_.ok()) return Unexpected(failure_);
    const auto found = spaces_[space].find(key);
    if (found == spaces_[space].end()) return false;
    *value = found->second;
    return true;
  }
  void DropBelow(SpillSpace space, std::string_view key, uint64_t) override {
    std::lock_guard lock(mutex_);
    Entries& entries = spaces_[space];
    entries.erase(entries.begin(), entries.lower_bound(key));
  }
  void Drop(SpillSpace space) override {
    std::lock_guard lock(mutex_);
    broken_promises_ += spaces_.erase(space) == 0;
  }
  uint64_t disk_bytes() const override { return 0; }
  uint64_t disk_bytes_peak() const override { return 0; }
  uint64_t bytes_max() const override { return 0; }
  bool FullerThan(double) const override { return false; }

 private:
  using Entries = std::map<std::string, std::string, std::less<>>;

  class FakeRun : public Run {
   public:
    explicit FakeRun(FakeSpillStore& store) : store_(store) {}
    Status Add(SpillSpace space, std::string_view key, std::string_view value) override {
      std::lock_guard lock(store_.mutex_);
      if (!store_.failure_.ok()) return store_.failure_;
      const std::pair at(space, std::string(key));
      if (!entries_.empty() && at <= entries_.rbegin()->first) ++store_.broken_promises_;
      if (!store_.spaces_.contains(space)) ++store_.broken_promises_;
      entries_[at] = value;
      return Status::Ok();
    }
    Status Finish() override {
      std::lock_guard lock(store_.mutex_);
      if (!store_.failure_.ok()) return store_.failure_;
      store_.written_ += entries_.size();
      for (auto& [at, value] : entries_) store_.spaces_[at.first][at.second] = std::move(value);
      return Status::Ok();
    }

   private:
    FakeSpillStore& store_;
    std::map<std::pair<SpillSpace, std::string>, std::string> entries_;
  };

  class FakeCursor : public Cursor {
   public:
    explicit FakeCursor(Entries entries) : entries_(std::move(entries)), at_(entries_.begin()) {}
    bool Valid() const override { return at_ != entries_.end(); }
    void Next() override { ++at_; }
    std::string_view key() const override { return at_->first; }
    std::string_view value() const override { return at_->second; }
    Status status() const override { return Status::Ok(); }

   private:
    const Entries entries_;
    Entries::const_iterator at_;
  };

  mutable std::mutex mutex_;  // guards all below
  std::map<SpillSpace, Entries> spaces_;
  uint64_t next_ = 1;
  size_t written_ = 0;
  size_t broken_promises_ = 0;
  Status failure_;
};

}  // namespace cdc

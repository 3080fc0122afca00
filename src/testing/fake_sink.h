// A sink in memory that keeps what it is given and misbehaves on demand. For tests of everything in
// front of a sink.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "dataflow/sink/sink.h"

namespace cdc {

// Holds batches until Acknowledge; with auto_acknowledge, acknowledges in Write. Thread-safe.
class FakeSink : public Sink {
 public:
  explicit FakeSink(bool auto_acknowledge = true) : auto_acknowledge_(auto_acknowledge) {}
  ~FakeSink() override { FailAll(Status(Code::kStopped, "the sink was closed")); }

  void Write(std::shared_ptr<const RowBatch> batch, Done done) override {
    {
      std::lock_guard lock(mutex_);
      batches_.push_back(batch);
      if (!auto_acknowledge_) {
        held_.push_back(std::move(done));
        return;
      }
    }
    done(Status::Ok());
  }
  Status ExecuteDdl(const DdlEvent& ddl, std::stop_token) override {
    std::lock_guard lock(mutex_);
    ddls_.push_back(ddl.query);
    return Status::Ok();
  }
  Status Checkpoint(Ts) override { return Status::Ok(); }

  // Completes the `index`-th of the held batches.
  void Acknowledge(size_t index = 0, const Status& status = Status::Ok()) {
    Done done;
    {
      std::lock_guard lock(mutex_);
      done = std::move(held_[index]);
      held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(index));
    }
    done(status);
  }
  size_t held() const {
    std::lock_guard lock(mutex_);
    return held_.size();
  }
  // All batches so far, in the order of Write.
  std::vector<std::shared_ptr<const RowBatch>> batches() const {
    std::lock_guard lock(mutex_);
    return batches_;
  }
  std::vector<std::string> ddls() const {
    std::lock_guard lock(mutex_);
    return ddls_;
  }

 private:
  void FailAll(const Status& status) {
    while (held() > 0) Acknowledge(0, status);
  }

  const bool auto_acknowledge_;
  mutable std::mutex mutex_;  // guards all below
  std::vector<std::shared_ptr<const RowBatch>> batches_;
  std::deque<Done> held_;
  std::vector<std::string> ddls_;
};

}  // namespace cdc

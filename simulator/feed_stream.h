// What waits to be sent on one EventFeed stream.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace cdc {

// Thread-safe. Encoded pieces of ChangeDataEvent go in, messages come out in the same order.
//
// A resolved timestamp must not share a message with rows that come after it: protobuf does not
// keep the order of different fields, and clients look at the rows first. That is safe the other
// way around, so appending resolved timestamps ends the message.
class FeedStream {
 public:
  explicit FeedStream(uint64_t store) : store_(store) {}

  uint64_t store() const { return store_; }
  // The same order in every run of a simulation, unlike that of addresses.
  struct Older {
    bool operator()(const std::shared_ptr<FeedStream>& a,
                    const std::shared_ptr<FeedStream>& b) const {
      return a->number_ < b->number_;
    }
  };
  void Append(std::string_view events);
  void Append(std::string&& events);  // large ones become a message without being copied
  void AppendResolved(std::string_view resolved);

  // The next message, once there is one and the stream is not stalled; nullopt at the end.
  std::optional<std::string> Next();
  void Close();
  void Stall(bool on);

  size_t queued_bytes() const;
  // Until less than `bytes` wait to be sent. False: the stream is closed, or `stop` asks to leave.
  bool WaitForRoom(size_t bytes, std::stop_token stop);

 private:
  void SealLocked();
  static uint64_t NextNumber();

  const uint64_t number_ = NextNumber();
  const uint64_t store_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable_any filled_;
  std::condition_variable_any drained_;
  std::string open_;  // the message that still grows
  std::deque<std::string> sealed_;
  size_t queued_bytes_ = 0;
  bool closed_ = false;
  bool stalled_ = false;
};

}  // namespace cdc

// One subscription of the region feed: its pieces, how far they are, and the way to its listener.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/upstream/region_cache.h"
#include "dataflow/upstream/region_feed.h"
#include "dataflow/upstream/span_frontier.h"

namespace cdc {

// A piece of a subscription at one attempt to follow it: `attempt` tells it from those before.
struct PieceRef {
  SpanFrontier::Piece piece{};
  uint32_t attempt = 0;
};

// Thread-safe. A piece goes locating → queued → scanning → streaming, and back to locating when
// anything fails. Whoever works on a piece holds a PieceRef; once the piece has moved on, what
// comes with an old one is ignored.
class Subscription {
 public:
  enum class Phase : uint8_t { kLocating, kQueued, kScanning, kStreaming };

  // A part of the span in one region, to be registered.
  struct Assignment {
    PieceRef ref;
    RegionRef region;
    KeyRange range;
    Ts checkpoint;
    bool recovering = false;  // was streaming before
  };
  // A part of the span whose regions are to be found, not before `delay` has passed.
  struct Locating {
    PieceRef ref;
    Duration delay = Duration::zero();
  };
  struct LocateResult {
    std::vector<Assignment> assigned;
    std::optional<Locating> rest;  // the regions known did not reach the end of the piece
  };
  // What holds the subscription back, for the watchdog.
  struct Laggard {
    PieceRef ref;
    KeyRange range;
    RegionRef region;
    Ts resolved;
  };

  Subscription(SubscriptionId id, const Span& span, Ts checkpoint, FeedListener* listener,
               bool filter_loop, SteadyTime now);

  SubscriptionId id() const { return id_; }
  const Span& span() const { return span_; }
  bool filter_loop() const { return filter_loop_; }
  bool stopped() const { return stopped_.load(std::memory_order_acquire); }

  // The whole span, to start with.
  Locating Start();
  // The range and resolved ts of a piece that is to be located; nullopt if it has moved on.
  std::optional<std::pair<KeyRange, Ts>> ToLocate(PieceRef ref);
  // Cuts the piece along `regions`, which cover its beginning without gaps, and hands its parts
  // out. Neighbours that wait to be located and lie in the same region are merged in.
  LocateResult Located(PieceRef ref, const std::vector<RegionRef>& regions);
  // The piece has to be located again. nullopt if it has moved on or the subscription has ended.
  std::optional<Locating> Failed(PieceRef ref, std::string reason, Duration delay_min);
  void SetPhase(PieceRef ref, Phase phase);
  // For the API: what the watchdog found. Gone with the next progress of the piece.
  void SetReason(PieceRef ref, std::string reason);

  // To the listener, one call at a time. Nothing is called any more once Stop has returned.
  void DeliverEvents(std::vector<KvEvent> events);
  // Raises pieces and tells the listener if that raises the whole span.
  void Advance(const std::vector<SpanFrontier::Piece>& pieces, Ts resolved, SteadyTime now);
  void Fail(Status status);  // OnFailure, then as Stop, but does not wait
  void Stop();               // waits for a call of the listener to end

  SpanProgress Progress() const;
  Ts resolved() const;  // of the whole span
  // Since when the resolved ts of the span stands still.
  SteadyTime stands_since() const;
  // The streaming pieces that are resolved only below `before`, slowest first, at most `max`.
  std::vector<Laggard> Laggards(Ts before, size_t max) const;

 private:
  struct PieceState {
    uint32_t attempt = 0;
    Phase phase = Phase::kLocating;
    bool was_streaming = false;
    uint8_t failures = 0;  // in a row
    RegionRef region;
    std::string reason;
  };

  PieceState* FindLocked(PieceRef ref);
  PieceState& StateLocked(SpanFrontier::Piece piece);
  void MergePendingLocked(SpanFrontier::Piece piece, const Region& region);
  std::string ReasonLocked(const PieceState& state) const;

  const SubscriptionId id_;
  const Span span_;
  const bool filter_loop_;
  FeedListener* const listener_;
  std::atomic<bool> stopped_{false};

  // Held during calls of the listener, and by nothing else; taken before mutex_.
  std::mutex delivery_;
  Ts delivered_;  // guarded by delivery_

  mutable std::mutex mutex_;  // guards all below
  SpanFrontier frontier_;
  std::vector<PieceState> pieces_;  // indexed by SpanFrontier::Piece
  SteadyTime stands_since_;
};

}  // namespace cdc

#include "dataflow/upstream/subscription.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"

namespace cdc {
namespace {

// 0 for the first failure, then 20 ms, doubling up to 10 s.
Duration DelayAfter(uint8_t failures) {
  if (failures <= 1) return Duration::zero();
  constexpr int kDoublingsMax = 9;
  const int doublings = std::min<int>(failures - 2, kDoublingsMax);
  return std::min<Duration>(20ms * (1 << doublings), 10s);
}

std::string_view PhaseText(Subscription::Phase phase) {
  switch (phase) {
    case Subscription::Phase::kLocating:
      return "locating the region";
    case Subscription::Phase::kQueued:
      return "waiting for other regions' scans";
    case Subscription::Phase::kScanning:
      return "scanning";
    case Subscription::Phase::kStreaming:
      return "streaming";
  }
  return "";
}

}  // namespace

Subscription::Subscription(SubscriptionId id, const Span& span, Ts checkpoint,
                           FeedListener* listener, bool filter_loop, SteadyTime now)
    : id_(id),
      span_(span),
      filter_loop_(filter_loop),
      listener_(listener),
      delivered_(checkpoint),
      frontier_(span.range, checkpoint),
      stands_since_(now) {}

Subscription::PieceState& Subscription::StateLocked(SpanFrontier::Piece piece) {
  const auto index = static_cast<size_t>(piece);
  if (pieces_.size() <= index) pieces_.resize(index + 1);
  return pieces_[index];
}

Subscription::PieceState* Subscription::FindLocked(PieceRef ref) {
  PieceState& state = StateLocked(ref.piece);
  return state.attempt == ref.attempt && !stopped() ? &state : nullptr;
}

Subscription::Locating Subscription::Start() {
  std::lock_guard lock(mutex_);
  const SpanFrontier::Piece piece = frontier_.first();
  return {.ref = {.piece = piece, .attempt = ++StateLocked(piece).attempt}};
}

std::optional<std::pair<KeyRange, Ts>> Subscription::ToLocate(PieceRef ref) {
  std::lock_guard lock(mutex_);
  if (!FindLocked(ref)) return std::nullopt;
  return std::pair(frontier_.range(ref.piece), frontier_.resolved(ref.piece));
}

// Adds the pieces after `piece` that nobody follows at present and that begin inside `region`, so
// that splits undone by merges do not leave ever smaller pieces.
void Subscription::MergePendingLocked(SpanFrontier::Piece piece, const Region& region) {
  for (;;) {
    const SpanFrontier::Piece next = frontier_.Next(piece);
    if (next == piece || !Contains(region, frontier_.range(next).start)) return;
    PieceState& state = StateLocked(next);
    if (state.phase != Phase::kLocating) return;
    ++state.attempt;
    state.reason.clear();
    state.region.reset();
    state.failures = 0;
    frontier_.MergeNext(piece);
  }
}

Subscription::LocateResult Subscription::Located(PieceRef ref,
                                                 const std::vector<RegionRef>& regions) {
  LocateResult result;
  std::lock_guard lock(mutex_);
  if (!FindLocked(ref)) return result;
  SpanFrontier::Piece piece = ref.piece;
  for (const RegionRef& region : regions) {
    MergePendingLocked(piece, *region);
    const KeyRange range = frontier_.range(piece);
    const bool ends_inside =
        !region->end_key.empty() && (range.end.empty() || region->end_key < range.end);
    std::optional<SpanFrontier::Piece> rest;
    if (ends_inside) rest = frontier_.Split(piece, region->end_key);
    PieceState& state = StateLocked(piece);
    ++state.attempt;
    state.phase = Phase::kQueued;
    state.region = region;
    const uint8_t failures = state.failures;
    const bool was_streaming = state.was_streaming;
    result.assigned.push_back({.ref = {.piece = piece, .attempt = state.attempt},
                               .region = region,
                               .range = frontier_.range(piece),
                               .checkpoint = frontier_.resolved(piece),
                               .recovering = was_streaming});
    if (!rest) return result;
    PieceState& rest_state = StateLocked(*rest);
    rest_state = {
        .attempt = rest_state.attempt + 1, .was_streaming = was_streaming, .failures = failures};
    piece = *rest;
  }
  result.rest = Locating{.ref = {.piece = piece, .attempt = StateLocked(piece).attempt}};
  return result;
}

std::optional<Subscription::Locating> Subscription::Failed(PieceRef ref, std::string reason,
                                                           Duration delay_min) {
  std::lock_guard lock(mutex_);
  PieceState* state = FindLocked(ref);
  if (!state) return std::nullopt;
  ++state->attempt;
  state->phase = Phase::kLocating;
  state->reason = std::move(reason);
  if (state->failures < UINT8_MAX) ++state->failures;
  return Locating{.ref = {.piece = ref.piece, .attempt = state->attempt},
                  .delay = std::max(delay_min, DelayAfter(state->failures))};
}

void Subscription::SetPhase(PieceRef ref, Phase phase) {
  std::lock_guard lock(mutex_);
  PieceState* state = FindLocked(ref);
  if (!state) return;
  state->phase = phase;
  if (phase != Phase::kStreaming) return;
  state->failures = 0;
  state->was_streaming = true;
  state->reason.clear();
}

void Subscription::SetReason(PieceRef ref, std::string reason) {
  std::lock_guard lock(mutex_);
  if (PieceState* state = FindLocked(ref)) state->reason = std::move(reason);
}

void Subscription::DeliverEvents(std::vector<KvEvent> events) {
  if (events.empty()) return;
  std::lock_guard delivery(delivery_);
  if (!stopped()) listener_->OnEvents(std::move(events));
}

void Subscription::Advance(const std::vector<SpanFrontier::Piece>& pieces, Ts resolved,
                           SteadyTime now) {
  std::lock_guard delivery(delivery_);
  if (stopped()) return;
  Ts whole;
  {
    std::lock_guard lock(mutex_);
    const Ts before = frontier_.min();
    for (const SpanFrontier::Piece piece : pieces) {
      if (resolved <= frontier_.resolved(piece)) continue;
      frontier_.Advance(piece, resolved);
      StateLocked(piece).reason.clear();
    }
    whole = frontier_.min();
    if (whole > before) stands_since_ = now;
  }
  if (whole <= delivered_) return;
  delivered_ = whole;
  listener_->OnResolved(whole);
}

void Subscription::Fail(Status status) {
  std::lock_guard delivery(delivery_);
  if (stopped_.exchange(true)) return;
  listener_->OnFailure(std::move(status));
}

void Subscription::Stop() {
  stopped_.store(true, std::memory_order_release);
  std::lock_guard delivery(delivery_);
}

SteadyTime Subscription::stands_since() const {
  std::lock_guard lock(mutex_);
  return stands_since_;
}

std::string Subscription::ReasonLocked(const PieceState& state) const {
  if (state.reason.empty()) return std::string(PhaseText(state.phase));
  if (state.phase == Phase::kStreaming) return state.reason;
  return fmt::format("{} after: {}", PhaseText(state.phase), state.reason);
}

Ts Subscription::resolved() const {
  std::lock_guard lock(mutex_);
  return frontier_.min();
}

SpanProgress Subscription::Progress() const {
  std::lock_guard lock(mutex_);
  SpanProgress progress{.resolved = frontier_.min(), .regions = frontier_.size()};
  SpanFrontier::Piece piece = frontier_.first();
  for (size_t i = 0; i < frontier_.size(); ++i, piece = frontier_.Next(piece)) {
    const auto index = static_cast<size_t>(piece);
    if (index >= pieces_.size()) continue;
    progress.regions_initialized += pieces_[index].phase == Phase::kStreaming;
  }
  progress.slowest_resolved = frontier_.min();
  const auto slowest = static_cast<size_t>(frontier_.slowest());
  if (slowest < pieces_.size()) {
    const PieceState& state = pieces_[slowest];
    if (state.region) {
      progress.slowest_region = state.region->id;
      progress.slowest_store = state.region->leader_store;
    }
    progress.reason = ReasonLocked(state);
  }
  return progress;
}

std::vector<Subscription::Laggard> Subscription::Laggards(Ts before, size_t max) const {
  std::lock_guard lock(mutex_);
  std::vector<Laggard> laggards;
  SpanFrontier::Piece piece = frontier_.first();
  for (size_t i = 0; i < frontier_.size(); ++i, piece = frontier_.Next(piece)) {
    const auto index = static_cast<size_t>(piece);
    if (index >= pieces_.size() || pieces_[index].phase != Phase::kStreaming) continue;
    const Ts resolved = frontier_.resolved(piece);
    if (resolved >= before) continue;
    laggards.push_back({.ref = {.piece = piece, .attempt = pieces_[index].attempt},
                        .range = frontier_.range(piece),
                        .region = pieces_[index].region,
                        .resolved = resolved});
  }
  std::ranges::sort(laggards, {}, &Laggard::resolved);
  if (laggards.size() > max) laggards.resize(max);
  return laggards;
}

}  // namespace cdc

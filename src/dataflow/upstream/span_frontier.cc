#include "dataflow/upstream/span_frontier.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"

namespace cdc {

SpanFrontier::SpanFrontier(KeyRange range, Ts resolved) : end_(std::move(range.end)) {
  Add(std::move(range.start), resolved);
}

SpanFrontier::Piece SpanFrontier::Add(std::string start, Ts resolved) {
  uint32_t index;
  if (free_.empty()) {
    index = static_cast<uint32_t>(pieces_.size());
    pieces_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  const auto [place, fresh] = by_start_.emplace(std::move(start), Piece{index});
  CDC_CHECK(fresh, "two pieces start at {}", ToHex(place->first));
  pieces_[index].resolved = resolved;
  pieces_[index].place = place;
  heap_.push_back(index);
  pieces_[index].heap_index = static_cast<uint32_t>(heap_.size() - 1);
  SiftUp(pieces_[index].heap_index);
  return Piece{index};
}

KeyRange SpanFrontier::range(Piece piece) const {
  const auto place = At(piece).place;
  const auto next = std::next(place);
  return {.start = place->first, .end = next == by_start_.end() ? end_ : next->first};
}

SpanFrontier::Piece SpanFrontier::Next(Piece piece) const {
  const auto next = std::next(At(piece).place);
  return next == by_start_.end() ? piece : next->second;
}

void SpanFrontier::Advance(Piece piece, Ts resolved) {
  Node& node = pieces_[static_cast<uint32_t>(piece)];
  if (resolved <= node.resolved) return;
  node.resolved = resolved;
  SiftDown(node.heap_index);
}

SpanFrontier::Piece SpanFrontier::Split(Piece piece, std::string_view key) {
  const KeyRange whole = range(piece);
  CDC_CHECK(key > whole.start && (whole.end.empty() || key < whole.end),
            "cannot cut [{}, {}) at {}", ToHex(whole.start), ToHex(whole.end), ToHex(key));
  return Add(std::string(key), At(piece).resolved);
}

void SpanFrontier::MergeNext(Piece piece) {
  const Piece gone = Next(piece);
  CDC_CHECK(gone != piece, "the last piece has no next one");
  Node& node = pieces_[static_cast<uint32_t>(piece)];
  if (At(gone).resolved < node.resolved) {
    node.resolved = At(gone).resolved;
    SiftUp(node.heap_index);
  }
  const uint32_t hole = At(gone).heap_index;
  by_start_.erase(At(gone).place);
  free_.push_back(static_cast<uint32_t>(gone));
  const uint32_t last = heap_.back();
  heap_.pop_back();
  if (hole == heap_.size()) return;
  Place(hole, last);
  SiftUp(hole);
  SiftDown(pieces_[last].heap_index);
}

void SpanFrontier::Place(uint32_t index, uint32_t piece) {
  heap_[index] = piece;
  pieces_[piece].heap_index = index;
}

void SpanFrontier::SiftUp(uint32_t index) {
  const uint32_t piece = heap_[index];
  while (index > 0) {
    const uint32_t parent = (index - 1) / 2;
    if (pieces_[heap_[parent]].resolved <= pieces_[piece].resolved) break;
    Place(index, heap_[parent]);
    index = parent;
  }
  Place(index, piece);
}

void SpanFrontier::SiftDown(uint32_t index) {
  const uint32_t piece = heap_[index];
  for (;;) {
    size_t child = size_t{index} * 2 + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() &&
        pieces_[heap_[child + 1]].resolved < pieces_[heap_[child]].resolved) {
      ++child;
    }
    if (pieces_[piece].resolved <= pieces_[heap_[child]].resolved) break;
    Place(index, heap_[child]);
    index = static_cast<uint32_t>(child);
  }
  Place(index, piece);
}

}  // namespace cdc

// How far a span is resolved: the minimum over its pieces.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/kv_event.h"
#include "model/ts.h"

namespace cdc {

// A span cut into pieces, each with a resolved ts. The pieces are what lies between the boundaries,
// so they always cover the span without gap or overlap. Pure; not thread-safe.
class SpanFrontier {
 public:
  // Names a piece. A number is used again only after the piece was merged away.
  enum class Piece : uint32_t {};

  SpanFrontier(KeyRange range, Ts resolved);  // one piece

  Piece first() const { return by_start_.begin()->second; }
  Ts min() const { return Ts(pieces_[heap_.front()].resolved); }
  Piece slowest() const { return Piece{heap_.front()}; }
  size_t size() const { return heap_.size(); }
  Ts resolved(Piece piece) const { return At(piece).resolved; }
  KeyRange range(Piece piece) const;

  // O(log n). A ts below the present one is ignored: a piece never goes back.
  void Advance(Piece piece, Ts resolved);
  // Cuts `piece` at `key`, which must lie inside it. It keeps the left part; the right part, with
  // the same resolved ts, is returned.
  Piece Split(Piece piece, std::string_view key);
  // The next piece in key order; `piece` itself if it is the last one.
  Piece Next(Piece piece) const;
  // Adds the next piece to `piece`, which gets the lower of the two resolved ts.
  void MergeNext(Piece piece);

 private:
  struct Node {
    Ts resolved;
    uint32_t heap_index = 0;
    std::map<std::string, Piece, std::less<>>::iterator place;
  };

  const Node& At(Piece piece) const { return pieces_[static_cast<uint32_t>(piece)]; }
  void SiftUp(uint32_t index);
  void SiftDown(uint32_t index);
  void Place(uint32_t index, uint32_t piece);
  Piece Add(std::string start, Ts resolved);

  const std::string end_;
  std::map<std::string, Piece, std::less<>> by_start_;
  std::vector<Node> pieces_;    // indexed by Piece
  std::vector<uint32_t> free_;  // unused indexes of pieces_
  std::vector<uint32_t> heap_;  // indexes of pieces_, the lowest resolved ts first
};

}  // namespace cdc

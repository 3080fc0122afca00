#include "dataflow/upstream/span_frontier.h"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace cdc {
namespace {

TEST(SpanFrontier, IsTheMinimumOfItsPieces) {
  SpanFrontier frontier({.start = "a", .end = "z"}, Ts(5));
  const auto left = frontier.first();
  const auto right = frontier.Split(left, "m");
  frontier.Advance(left, Ts(9));
  EXPECT_EQ(frontier.min(), Ts(5));
  EXPECT_EQ(frontier.slowest(), right);
  frontier.Advance(right, Ts(7));
  EXPECT_EQ(frontier.min(), Ts(7));
}

TEST(SpanFrontier, PiecesNeverGoBack) {
  SpanFrontier frontier({.start = "a", .end = "z"}, Ts(5));
  frontier.Advance(frontier.first(), Ts(3));
  EXPECT_EQ(frontier.min(), Ts(5));
}

TEST(SpanFrontier, MergingTakesTheLowerTs) {
  SpanFrontier frontier({.start = "", .end = ""}, Ts(5));
  const auto left = frontier.first();
  const auto right = frontier.Split(left, "m");
  frontier.Advance(left, Ts(9));
  frontier.MergeNext(left);
  EXPECT_EQ(frontier.min(), Ts(5));
  EXPECT_EQ(frontier.size(), 1U);
  EXPECT_EQ(frontier.range(left), KeyRange());
  EXPECT_EQ(frontier.Next(left), left);
  EXPECT_EQ(frontier.Split(left, "b"), right);  // the number is free again
}

// Against a map from start key to ts.
TEST(SpanFrontier, AgreesWithANaiveModel) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    SpanFrontier frontier({.start = "", .end = ""}, Ts(1));
    std::map<std::string, Ts> model{{"", Ts(1)}};
    std::map<std::string, SpanFrontier::Piece> pieces{{"", frontier.first()}};
    for (int i = 0; i < 300; ++i) {
      auto it = model.begin();
      std::advance(it, random() % model.size());
      const auto piece = pieces.at(it->first);
      const uint32_t action = random() % 10;
      if (action < 6) {
        const Ts ts(random() % 1000);
        frontier.Advance(piece, ts);
        it->second = std::max(it->second, ts);
      } else if (action < 8) {
        const std::string key(1 + random() % 3, static_cast<char>('a' + random() % 26));
        const auto owner = std::prev(model.upper_bound(key));
        if (owner->first == key) continue;
        pieces[key] = frontier.Split(pieces.at(owner->first), key);
        model[key] = owner->second;
      } else if (const auto next = std::next(it); next != model.end()) {
        frontier.MergeNext(piece);
        it->second = std::min(it->second, next->second);
        pieces.erase(next->first);
        model.erase(next);
      }
      Ts min = Ts::Max();
      auto at = frontier.first();
      for (auto m = model.begin(); m != model.end(); ++m, at = frontier.Next(at)) {
        min = std::min(min, m->second);
        const auto next = std::next(m);
        ASSERT_EQ(frontier.resolved(at), m->second);
        ASSERT_EQ(frontier.range(at).start, m->first);
        ASSERT_EQ(frontier.range(at).end, next == model.end() ? "" : next->first);
      }
      ASSERT_EQ(frontier.size(), model.size());
      ASSERT_EQ(frontier.min(), min) << "seed " << seed;
      ASSERT_EQ(frontier.resolved(frontier.slowest()), min);
    }
  }
}

}  // namespace
}  // namespace cdc

#include "edge/consumer/event_merger.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

const TopicPartition kP0{"t", 0};
const TopicPartition kP1{"t", 1};

ConsumedEvent Row(uint64_t ts, std::string name, bool deleted = false) {
  ConsumedRow row{.commit_ts = Ts(ts), .schema = "s", .table = std::move(name)};
  auto& columns = deleted ? row.before : row.after;
  columns.push_back({"id", ConsumedValue::Number("1")});
  return row;
}
ConsumedEvent Ddl(uint64_t ts, std::string query) {
  return ConsumedDdl{.commit_ts = Ts(ts), .schema = "s", .table = "t", .query = std::move(query)};
}
ConsumedEvent Watermark(uint64_t ts) { return ConsumedWatermark{Ts(ts)}; }

// "5:a" is a row of table a at ts 5, "-" behind it a delete, "5!q" a schema change.
std::string Notation(const std::vector<ConsumedEvent>& events) {
  std::string text;
  for (const ConsumedEvent& event : events) {
    if (!text.empty()) text += ' ';
    if (const auto* row = std::get_if<ConsumedRow>(&event))
      text += fmt::format("{}:{}{}", row->commit_ts, row->table, row->is_delete() ? "-" : "");
    else
      text += fmt::format("{}!{}", TsOf(event), std::get<ConsumedDdl>(event).query);
  }
  return text;
}

class EventMergerTest : public testing::Test {
 protected:
  EventMergerTest() {
    merger_.AddPartition(kP0, 0, Ts());
    merger_.AddPartition(kP1, 0, Ts());
  }
  void Add(const TopicPartition& partition, std::vector<ConsumedEvent> events) {
    for (ConsumedEvent& event : events)
      merger_.Add(partition, offsets_[partition]++, {std::move(event)});
  }

  EventMerger merger_{Ts()};
  std::map<TopicPartition, int64_t> offsets_;
};

TEST_F(EventMergerTest, GivesOutWhatTheLowestWatermarkHasPassed) {
  Add(kP0, {Row(5, "a"), Row(9, "b"), Watermark(10)});
  EXPECT_EQ(Notation(merger_.Take()), "");
  Add(kP1, {Row(7, "c"), Watermark(8)});
  EXPECT_EQ(Notation(merger_.Take()), "5:a 7:c");
  EXPECT_EQ(merger_.resolved(), Ts(8));
  Add(kP1, {Watermark(12)});
  EXPECT_EQ(Notation(merger_.Take()), "9:b");
}

TEST_F(EventMergerTest, PutsASchemaChangeOnceBehindTheRowsOfItsTime) {
  Add(kP0, {Ddl(6, "q"), Row(7, "a"), Watermark(8)});
  Add(kP1, {Row(6, "b"), Ddl(6, "q"), Ddl(6, "q2"), Watermark(8)});
  EXPECT_EQ(Notation(merger_.Take()), "6:b 6!q 6!q2 7:a");
}

TEST_F(EventMergerTest, PutsDeletesOfATransactionFirst) {
  Add(kP0, {Row(5, "a"), Watermark(8)});
  Add(kP1, {Row(5, "a", true), Watermark(8)});
  EXPECT_EQ(Notation(merger_.Take()), "5:a- 5:a");
}

TEST_F(EventMergerTest, DropsWhatAPartitionRepeatsBelowItsWatermark) {
  Add(kP0, {Row(5, "a"), Watermark(8), Row(5, "a"), Row(9, "b")});
  Add(kP1, {Watermark(20)});
  EXPECT_EQ(Notation(merger_.Take()), "5:a");
  EXPECT_EQ(merger_.duplicates(), 1u);
  Add(kP0, {Watermark(9)});
  EXPECT_EQ(Notation(merger_.Take()), "9:b");
}

TEST_F(EventMergerTest, AnEarlierWatermarkTakesNothingBack) {
  Add(kP0, {Watermark(8), Watermark(3)});
  Add(kP1, {Watermark(8)});
  EXPECT_EQ(merger_.lowest(), Ts(8));
}

TEST_F(EventMergerTest, APartitionThatCameLatePutsItsOwnOldEventsInOrderFirst) {
  Add(kP0, {Watermark(8)});
  Add(kP1, {Watermark(8)});
  EXPECT_EQ(Notation(merger_.Take()), "");
  const TopicPartition late0{"u", 0}, late1{"u", 1};
  merger_.AddPartition(late0, 0, Ts());
  merger_.AddPartition(late1, 0, Ts());
  Add(late0, {Row(3, "old"), Ddl(5, "q"), Row(6, "new"), Watermark(7)});
  EXPECT_EQ(Notation(merger_.Take()), "") << "the other has rows of before the schema change";
  Add(late1, {Row(4, "old"), Ddl(5, "q"), Watermark(7)});
  EXPECT_EQ(Notation(merger_.Take()), "3:old 4:old 5!q 6:new");
  EXPECT_EQ(merger_.resolved(), Ts(8)) << "never goes back";
}

TEST_F(EventMergerTest, HoldsTheOthersForOneThatCameLate) {
  Add(kP0, {Row(9, "a"), Watermark(10)});
  Add(kP1, {Watermark(10)});
  const TopicPartition late{"u", 0};
  merger_.AddPartition(late, 0, Ts());
  EXPECT_EQ(Notation(merger_.Take()), "");
  Add(late, {Row(8, "b"), Watermark(9)});
  EXPECT_EQ(Notation(merger_.Take()), "8:b 9:a");
}

TEST_F(EventMergerTest, GoesOnWithoutWatermarksOfATopicThatIsNotInUse) {
  Add(kP0, {Watermark(8)});
  Add(kP1, {Row(5, "a"), Row(11, "b"), Watermark(12)});
  EXPECT_EQ(merger_.ReadingOf(kP0).next_offset, 1);
  EXPECT_EQ(merger_.highest(), Ts(12));
  merger_.RaiseWatermark(kP0, Ts(12));
  EXPECT_EQ(Notation(merger_.Take()), "5:a 11:b");
  EXPECT_EQ(merger_.Positions().at(kP0).watermark, Ts(12));
  merger_.RaiseWatermark(kP0, Ts(10));
  EXPECT_EQ(merger_.lowest(), Ts(12));
}

TEST_F(EventMergerTest, ReadsAgainWhatIsReadyUntilItIsTaken) {
  Add(kP0, {Row(5, "a"), Watermark(10)});
  Add(kP1, {Watermark(10)});
  EXPECT_EQ(merger_.Positions().at(kP0).offset, 0);
  merger_.Take();
  EXPECT_EQ(merger_.Positions().at(kP0).offset, 2);
}

TEST_F(EventMergerTest, TellsWhereToReadOn) {
  Add(kP0, {Row(5, "a"), Row(9, "b"), Watermark(10)});
  Add(kP1, {Watermark(8), Row(11, "c")});
  EXPECT_EQ(Notation(merger_.Take()), "5:a");
  const auto positions = merger_.Positions();
  EXPECT_EQ(positions.at(kP0).offset, 1);
  EXPECT_EQ(positions.at(kP0).watermark, Ts(8)) << "b must not look like a repetition";
  EXPECT_EQ(positions.at(kP1).offset, 1);

  EventMerger next(merger_.resolved());
  for (const auto& [partition, position] : positions)
    next.AddPartition(partition, position.offset, position.watermark);
  next.Add(kP0, 1, {Row(9, "b")});
  next.Add(kP0, 2, {Watermark(10)});
  next.Add(kP1, 1, {Row(11, "c")});
  next.Add(kP1, 2, {Watermark(11)});
  EXPECT_EQ(Notation(next.Take()), "9:b");
}

TEST_F(EventMergerTest, KnowsWhichPartitionsOthersHoldBack) {
  Add(kP0, {Watermark(10)});
  Add(kP1, {Watermark(8)});
  EXPECT_TRUE(merger_.IsAhead(kP0));
  EXPECT_FALSE(merger_.IsAhead(kP1));
}

}  // namespace
}  // namespace cdc

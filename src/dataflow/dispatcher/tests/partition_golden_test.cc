// The partitions that TiCDC put the recordings' rows into, against ours.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "config/replica_config.h"
#include "dataflow/codec/message_order.h"
#include "dataflow/codec/tests/golden_messages.h"
#include "dataflow/codec/tests/recorded_changes.h"
#include "dataflow/codec/tests/rows.h"
#include "dataflow/dispatcher/event_router.h"

namespace cdc {
namespace {

constexpr int32_t kPartitions = 3;  // in all recordings

// "2 <row>"; the same row twice counts once, since TiCDC may send it again.
using Placed = std::set<std::string>;

class PartitionGoldenTest : public testing::TestWithParam<const char*> {
 protected:
  std::string Case() const { return std::string(CDC_RECORDINGS "/") + GetParam(); }

  std::unique_ptr<EventRouter> Router(const std::string& config_path) {
    std::ifstream file(config_path);
    const auto recorded = nlohmann::json::parse(file);
    const auto config = ReplicaConfig::FromJson(recorded["replica_config"].dump());
    EXPECT_TRUE(config.has_value());
    auto router = EventRouter::Create(config->sink.dispatchers, config->case_sensitive, "topic");
    EXPECT_TRUE(router.has_value()) << router.error().ToString();
    return *std::move(router);
  }

  static void Add(int32_t partition, const Message& message, Placed* out) {
    std::vector<GoldenItem> items;
    AppendItems(Protocol::kCanalJson, message, &items);
    for (const GoldenItem& item : items)
      if (!item.ddl) out->insert(std::to_string(partition) + " " + item.text);
  }

  Placed Ours(const EventRouter& router) {
    Placed placed;
    CodecOptions options{.protocol = Protocol::kCanalJson,
                         .max_message_bytes = size_t{64} << 20,
                         .enable_tidb_extension = true};
    options.clock = &clock_;
    auto encoder = EventEncoder::Create(options);
    MessageOrder order(true);
    std::vector<RowChange> rows;
    for (const RecordedChanges::Table& table : changes_->tables())
      for (const RowBatch& batch : table.batches) order.Arrange(batch.rows, &rows);
    for (const RowChange& row : rows) {
      const auto partitioner =
          router.PartitionRuleOf(row.table->schema, row.table->name).For(*row.table);
      EXPECT_TRUE(partitioner.has_value()) << partitioner.error().ToString();
      if (!partitioner) continue;
      const RowChange* pointer = &row;
      std::vector<Message> messages;
      EXPECT_TRUE((*encoder)->EncodeRows({&pointer, 1}, &messages).ok());
      for (const Message& message : messages)
        Add(partitioner->PartitionOf(row, kPartitions), message, &placed);
    }
    return placed;
  }

  StandingClock clock_;
  std::unique_ptr<RecordedChanges> changes_;
};

TEST_P(PartitionGoldenTest, RowsGoWhereTiCdcSendsThem) {
  auto changes = RecordedChanges::Load(Case());
  ASSERT_TRUE(changes.has_value()) << changes.error().ToString();
  changes_ = *std::move(changes);
  int variants = 0;
  for (const char* variant : {"dispatch_table", "dispatch_ts", "dispatch_index_value",
                              "dispatch_rowid", "dispatch_columns"}) {
    const std::string base = Case() + "/expected/" + variant;
    if (!std::filesystem::exists(base + ".jsonl.zst")) continue;
    SCOPED_TRACE(variant);
    ++variants;
    const auto golden = ReadGolden(base + ".jsonl.zst");
    ASSERT_TRUE(golden.has_value()) << golden.error().ToString();
    Placed theirs;
    for (const GoldenMessage& message : *golden) Add(message.partition, message.message, &theirs);
    const Placed ours = Ours(*Router(base + ".config.json"));
    Placed missing;
    std::ranges::set_difference(theirs, ours, std::inserter(missing, missing.end()));
    EXPECT_EQ(missing.size(), 0u) << "for example " << *missing.begin();
    EXPECT_EQ(ours.size(), theirs.size());
  }
  EXPECT_GT(variants, 0);
}

INSTANTIATE_TEST_SUITE_P(Recordings, PartitionGoldenTest,
                         testing::Values("05_keys", "06_dml_patterns", "13_partitions",
                                         "16_filters"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace cdc

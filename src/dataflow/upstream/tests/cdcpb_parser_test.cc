#include "dataflow/upstream/cdcpb_parser.h"

#include <random>

#include <gtest/gtest.h>

#include "tikv/cdcpb.pb.h"

namespace cdc {
namespace {

cdcpb::ChangeDataEvent SomeEvents() {
  cdcpb::ChangeDataEvent message;
  cdcpb::Event* event = message.add_events();
  event->set_region_id(1'000'000);
  event->set_index(3);
  event->set_request_id(uint64_t{1} << 60);
  auto* row = event->mutable_entries()->add_entries();
  row->set_type(cdcpb::Event::PREWRITE);
  row->set_op_type(cdcpb::Event::Row::PUT);
  row->set_start_ts(5);
  row->set_key("key");
  row->set_value(std::string(300, 'v'));
  row->set_old_value("old");
  row->set_generation(7);
  row->set_txn_source(1);
  row->set_expire_ts_unix_secs(2);
  row = event->mutable_entries()->add_entries();
  row->set_type(cdcpb::Event::COMMIT);
  row->set_op_type(cdcpb::Event::Row::DELETE);
  row->set_start_ts(5);
  row->set_commit_ts(UINT64_MAX);
  row->set_key("key");
  event = message.add_events();
  event->set_region_id(2);
  event->mutable_error()->mutable_not_leader()->set_region_id(2);
  event = message.add_events();
  event->set_region_id(3);
  event->set_resolved_ts(99);
  message.mutable_resolved_ts()->set_ts(100);
  message.mutable_resolved_ts()->set_request_id(4);
  for (uint64_t region : {1, 300, 70000}) message.mutable_resolved_ts()->add_regions(region);
  return message;
}

TEST(CdcpbParser, ReadsWhatProtobufWrites) {
  const std::string bytes = SomeEvents().SerializeAsString();
  ChangeData data;
  ASSERT_TRUE(ParseChangeData(bytes, &data).ok());
  ASSERT_EQ(data.events.size(), 3U);
  EXPECT_EQ(data.events[0].region_id, 1'000'000U);
  EXPECT_EQ(data.events[0].request_id, uint64_t{1} << 60);
  ASSERT_EQ(data.events[0].kind, CdcEvent::Kind::kEntries);
  EXPECT_EQ(data.events[1].kind, CdcEvent::Kind::kError);
  cdcpb::Error error;
  ASSERT_TRUE(error.ParseFromString(std::string(data.events[1].payload)));
  EXPECT_EQ(error.not_leader().region_id(), 2U);
  EXPECT_EQ(data.events[2].kind, CdcEvent::Kind::kResolved);
  EXPECT_EQ(data.events[2].resolved, Ts(99));
  ASSERT_TRUE(data.resolved);
  EXPECT_EQ(data.resolved->ts, Ts(100));
  EXPECT_EQ(data.resolved->request_id, 4U);
  EXPECT_EQ(data.resolved->regions, (std::vector<uint64_t>{1, 300, 70000}));

  CdcRowReader rows(data.events[0].payload);
  CdcRow row;
  ASSERT_TRUE(rows.Next(&row));
  EXPECT_EQ(row.type, CdcRowType::kPrewrite);
  EXPECT_EQ(row.op, KvOp::kPut);
  EXPECT_EQ(row.start_ts, Ts(5));
  EXPECT_EQ(row.key, "key");
  EXPECT_EQ(row.value, std::string(300, 'v'));
  EXPECT_EQ(row.old_value, "old");
  EXPECT_EQ(row.generation, 7U);
  ASSERT_TRUE(rows.Next(&row));
  EXPECT_EQ(row.type, CdcRowType::kCommit);
  EXPECT_EQ(row.op, KvOp::kDelete);
  EXPECT_EQ(row.commit_ts, Ts::Max());
  EXPECT_EQ(row.value, "");
  EXPECT_FALSE(rows.Next(&row));
  EXPECT_TRUE(rows.status().ok());
}

TEST(CdcpbParser, KeepsViewsIntoTheBuffer) {
  const std::string bytes = SomeEvents().SerializeAsString();
  ChangeData data;
  ASSERT_TRUE(ParseChangeData(bytes, &data).ok());
  CdcRowReader rows(data.events[0].payload);
  CdcRow row;
  ASSERT_TRUE(rows.Next(&row));
  EXPECT_GE(row.value.data(), bytes.data());
  EXPECT_LE(row.value.data() + row.value.size(), bytes.data() + bytes.size());
}

TEST(CdcpbParser, ReadsRegionsThatAreNotPacked) {
  ChangeData data;
  ASSERT_TRUE(ParseChangeData(std::string("\x12\x06\x08\x05\x08\x06\x10\x09", 8), &data).ok());
  EXPECT_EQ(data.resolved->regions, (std::vector<uint64_t>{5, 6}));
  EXPECT_EQ(data.resolved->ts, Ts(9));
}

TEST(CdcpbParser, SkipsFieldsOfTheFuture) {
  std::string bytes = SomeEvents().SerializeAsString();
  bytes += std::string("\x7a\x02hi\x78\x01\x7d\x01\x02\x03\x04", 11);  // field 15, three wire types
  ChangeData data;
  ASSERT_TRUE(ParseChangeData(bytes, &data).ok());
  EXPECT_EQ(data.events.size(), 3U);
}

TEST(CdcpbParser, RefusesEveryCutMessageOrReadsAPrefix) {
  const std::string bytes = SomeEvents().SerializeAsString();
  ChangeData data;
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string cut = bytes.substr(0, size);  // the events point into it
    if (!ParseChangeData(cut, &data).ok()) continue;
    for (const CdcEvent& event : data.events) {
      CdcRowReader rows(event.payload);
      for (CdcRow row; rows.Next(&row);) {
      }
    }
  }
}

TEST(CdcpbParser, SurvivesAnyBytes) {
  std::mt19937 random(1);
  const std::string bytes = SomeEvents().SerializeAsString();
  ChangeData data;
  for (int i = 0; i < 20'000; ++i) {
    std::string broken = bytes;
    for (int k = 0; k < 3; ++k) broken[random() % broken.size()] = static_cast<char>(random());
    if (!ParseChangeData(broken, &data).ok()) continue;
    for (const CdcEvent& event : data.events) {
      if (event.kind != CdcEvent::Kind::kEntries) continue;
      CdcRowReader rows(event.payload);
      for (CdcRow row; rows.Next(&row);) {
        EXPECT_LE(row.key.size(), broken.size());
      }
    }
  }
}

TEST(CdcpbParser, RefusesBrokenRows) {
  cdcpb::ChangeDataEvent message;
  ChangeData data;
  // events { entries { entries: <a row whose key is longer than the row> } }
  const std::string bytes("\x0a\x06\x1a\x04\x0a\x02\x2a\x09", 8);
  ASSERT_TRUE(ParseChangeData(bytes, &data).ok());
  CdcRowReader rows(data.events[0].payload);
  CdcRow row;
  EXPECT_FALSE(rows.Next(&row));
  EXPECT_EQ(rows.status().code(), Code::kEventFeedEvent);
}

}  // namespace
}  // namespace cdc

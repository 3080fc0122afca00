#include "model/changefeed.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

TEST(ChangefeedInfo, ReadsWhatTiCdcWrites) {
  const auto info = ChangefeedInfo::FromJson(
      R"({"sink-uri":"blackhole://","opts":{"a":"b"},"create-time":"2022-05-26T10:00:00.1+08:00",)"
      R"("start-ts":433000000000000001,"target-ts":0,"admin-job-type":1,"sort-engine":"unified",)"
      R"("sort-dir":"","config":{"case-sensitive":true},"state":"stopped","history":[1653530400000],)"
      R"("error":{"addr":"127.0.0.1:8300","code":"CDC:ErrExecDDLFailed","message":"m"},)"
      R"("sync-point-enabled":false,"sync-point-interval":600000000000,"creator-version":"v5.0.6"})");
  ASSERT_TRUE(info.has_value()) << info.error().ToString();
  EXPECT_EQ(info->start_ts, Ts(433000000000000001));
  EXPECT_EQ(info->TargetOrMax(), Ts::Max());
  EXPECT_EQ(info->state, FeedState::kStopped);
  EXPECT_EQ(info->admin_job_type, AdminJobType::kStop);
  EXPECT_EQ(info->config, R"({"case-sensitive":true})");
  EXPECT_EQ(info->error->code, "CDC:ErrExecDDLFailed");
  EXPECT_EQ(ChangefeedInfo::FromJson(info->ToJson()).value(), *info);
}

TEST(ChangefeedInfo, NamesWhatIsWrong) {
  EXPECT_EQ(ChangefeedInfo::FromJson("[]").error().code(), Code::kUnmarshal);
  EXPECT_EQ(ChangefeedInfo::FromJson("{").error().code(), Code::kUnmarshal);
  EXPECT_EQ(ChangefeedInfo::FromJson(R"({"start-ts":"x"})").error().code(), Code::kUnmarshal);
  EXPECT_EQ(ChangefeedInfo::FromJson(R"({"state":"odd"})").error().code(), Code::kUnmarshal);
}

TEST(ChangefeedStatus, AbsentFieldsOfOursAreZero) {
  const auto status =
      ChangefeedStatus::FromJson(R"({"resolved-ts":7,"checkpoint-ts":5,"admin-job-type":0})");
  EXPECT_EQ(status->checkpoint_ts, Ts(5));
  EXPECT_EQ(status->ddl_started_ts, Ts());
  EXPECT_EQ(ChangefeedStatus::FromJson(status->ToJson()).value(), *status);
}

TEST(TaskStatus, ReadsWhatTiCdcWrites) {
  const auto status = TaskStatus::FromJson(
      R"({"tables":{"51":{"start-ts":9,"mark-table-id":0}},"operation":{"51":{"done":false,)"
      R"("delete":false,"boundary_ts":9},"52":{"done":true,"delete":true,"flag":1,"boundary_ts":8,)"
      R"("status":2}},"admin-job-type":0})");
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->tables.at(TableId{51}).start_ts, Ts(9));
  EXPECT_FALSE(status->operations.at(TableId{51}).applied());
  EXPECT_TRUE(status->operations.at(TableId{52}).applied());
  EXPECT_EQ(status->operations.at(TableId{52}).flag, TableOperation::kFlagMove);
  EXPECT_EQ(TaskStatus::FromJson(status->ToJson()).value(), *status);
  EXPECT_EQ(TaskStatus().ToJson(), R"({"tables":{},"operation":null,"admin-job-type":0})");
  EXPECT_FALSE(TaskStatus::FromJson(R"({"tables":{"x":{}}})").has_value());
}

TEST(TaskPosition, RoundTrips) {
  TaskPosition position{.checkpoint_ts = Ts(5), .resolved_ts = Ts(7), .count = 3};
  EXPECT_EQ(position.ToJson(),
            R"({"checkpoint-ts":5,"resolved-ts":7,"count":3,"error":null,"ddl-reached-ts":0})");
  position.error = RunningError{"a", "CDC:ErrProcessorUnknown", "m"};
  EXPECT_EQ(TaskPosition::FromJson(position.ToJson()).value(), position);
}

TEST(CaptureInfo, HasTiCdcsShape) {
  const CaptureInfo info{"id", "127.0.0.1:8300", "v1"};
  EXPECT_EQ(info.ToJson(), R"({"id":"id","address":"127.0.0.1:8300","version":"v1"})");
  EXPECT_EQ(CaptureInfo::FromJson(info.ToJson()).value(), info);
}

TEST(ChangefeedId, LettersDigitsAndSingleDashes) {
  for (const char* good : {"a", "0-a", "simple-replication-task", "9f2e"})
    EXPECT_TRUE(ValidateChangefeedId(good).ok()) << good;
  for (const char* bad : {"", "-a", "a-", "a--b", "a_b", "a b", "ä"})
    EXPECT_EQ(ValidateChangefeedId(bad).code(), Code::kInvalidChangefeedId) << bad;
  EXPECT_TRUE(ValidateChangefeedId(std::string(128, 'a')).ok());
  EXPECT_FALSE(ValidateChangefeedId(std::string(129, 'a')).ok());
}

TEST(Times, AreUtcWithMilliseconds) {
  EXPECT_EQ(FormatTsTime(Ts::FromUnixMs(1653530400007)), "2022-05-26 02:00:00.007");
  EXPECT_EQ(FormatRfc3339(1653530400000), "2022-05-26T02:00:00.000Z");
}

}  // namespace
}  // namespace cdc

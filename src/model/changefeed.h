// What the nodes of a cluster tell each other through etcd: changefeeds, captures, tasks.
//
// The JSON of each is TiCDC's, field for field, so that a cluster's metadata carries over; fields
// of ours are marked. Reading is lenient (unknown fields are ignored, absent ones keep their
// default), a value of the wrong type is kUnmarshal.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/ids.h"
#include "model/ts.h"

namespace cdc {

enum class FeedState : uint8_t { kNormal, kError, kFailed, kStopped, kRemoved, kFinished };

std::string_view FeedStateName(FeedState state);  // "normal"
Result<FeedState> FeedStateFromName(std::string_view name);
// The value that the metric ticdc_owner_status shows.
int FeedStateNumber(FeedState state);

// Also a number in JSON and HTTP forms.
enum class AdminJobType : uint8_t { kNone = 0, kStop = 1, kResume = 2, kRemove = 3, kFinish = 4 };

struct RunningError {
  std::string address;  // of the node it happened on
  std::string code;     // "CDC:Err…"
  std::string message;
  friend bool operator==(const RunningError&, const RunningError&) = default;
};

struct ChangefeedInfo {
  std::string sink_uri;
  std::map<std::string, std::string> opts;
  std::string create_time;  // RFC 3339
  Ts start_ts;
  Ts target_ts;  // zero: none
  AdminJobType admin_job_type = AdminJobType::kNone;
  std::string sort_engine = "unified";
  std::string sort_dir;
  std::string config = "{}";  // a ReplicaConfig as JSON
  FeedState state = FeedState::kNormal;
  std::vector<int64_t> error_history;  // Unix ms
  std::optional<RunningError> error;
  bool sync_point_enabled = false;
  int64_t sync_point_interval_ns = 600'000'000'000;
  std::string creator_version;

  Ts TargetOrMax() const { return target_ts == Ts() ? Ts::Max() : target_ts; }

  static Result<ChangefeedInfo> FromJson(std::string_view json);
  std::string ToJson() const;
  friend bool operator==(const ChangefeedInfo&, const ChangefeedInfo&) = default;
};

struct ChangefeedStatus {
  Ts resolved_ts;
  Ts checkpoint_ts;
  AdminJobType admin_job_type = AdminJobType::kNone;
  // Ours. The last DDL whose execution downstream began, and the last that is known to be done:
  // equal when none is under way.
  Ts ddl_started_ts;
  Ts ddl_finished_ts;

  static Result<ChangefeedStatus> FromJson(std::string_view json);
  std::string ToJson() const;
  friend bool operator==(const ChangefeedStatus&, const ChangefeedStatus&) = default;
};

struct CaptureInfo {
  CaptureId id;
  std::string address;  // advertised
  std::string version;

  static Result<CaptureInfo> FromJson(std::string_view json);
  std::string ToJson() const;
  friend bool operator==(const CaptureInfo&, const CaptureInfo&) = default;
};

struct TableReplica {
  Ts start_ts;
  int64_t mark_table_id = 0;
  friend bool operator==(const TableReplica&, const TableReplica&) = default;
};

enum class OperationStatus : uint8_t { kDispatched = 0, kProcessed = 1, kFinished = 2 };

// A table on its way to a capture or away from it.
struct TableOperation {
  static constexpr uint64_t kFlagMove = 1;  // a removal that is followed by an addition elsewhere

  bool remove = false;
  uint64_t flag = 0;
  Ts boundary_ts;  // an addition's start ts; a removal's checkpoint
  OperationStatus status = OperationStatus::kDispatched;

  bool applied() const { return status == OperationStatus::kFinished; }
  friend bool operator==(const TableOperation&, const TableOperation&) = default;
};

// What one capture shall do for one changefeed: the owner adds and removes tables, the capture sets
// the status of operations.
struct TaskStatus {
  std::map<TableId, TableReplica> tables;
  std::map<TableId, TableOperation> operations;
  AdminJobType admin_job_type = AdminJobType::kNone;

  static Result<TaskStatus> FromJson(std::string_view json);
  std::string ToJson() const;
  friend bool operator==(const TaskStatus&, const TaskStatus&) = default;
};

// What one capture has reached for one changefeed.
struct TaskPosition {
  Ts checkpoint_ts;
  Ts resolved_ts;
  uint64_t count = 0;  // rows written
  std::optional<RunningError> error;
  // Ours. For every DDL with commit ts <= this, the tables here that it touches have been written
  // up to it.
  Ts ddl_reached_ts;

  static Result<TaskPosition> FromJson(std::string_view json);
  std::string ToJson() const;
  friend bool operator==(const TaskPosition&, const TaskPosition&) = default;
};

// Letters, digits and single dashes between them; at most 128 characters.
Status ValidateChangefeedId(std::string_view id);

// "2006-01-02 15:04:05.000" in UTC: how checkpoints are shown to people.
std::string FormatTsTime(Ts ts);
// RFC 3339 with milliseconds, UTC.
std::string FormatRfc3339(int64_t unix_ms);

}  // namespace cdc

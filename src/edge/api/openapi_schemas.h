// The shapes of bodies and answers, by the names that routes use. Private to this folder.
#pragma once

namespace cdc {

inline constexpr char kOpenApiSchemas[] = R"({
  "Error": {"type": "object", "required": ["error_msg", "error_code"], "properties": {
    "error_msg": {"type": "string"},
    "error_code": {"type": "string", "description": "CDC:Err…, see docs/errors.md"}}},
  "Empty": {"type": "object", "additionalProperties": false},
  "Done": {"type": "object", "required": ["status", "message"], "properties": {
    "status": {"type": "boolean"}, "message": {"type": "string"}}},
  "LogLevel": {"type": "string", "enum": ["debug", "info", "warn", "error", "fatal"]},
  "LogLevelRequest": {"type": "object", "required": ["log_level"], "properties": {
    "log_level": {"$ref": "#/components/schemas/LogLevel"}}},
  "ServerStatus": {"type": "object",
    "required": ["version", "git_hash", "id", "cluster_id", "pid", "is_owner", "liveness"],
    "properties": {
      "version": {"type": "string"}, "git_hash": {"type": "string"}, "id": {"type": "string"},
      "cluster_id": {"type": "string"}, "pid": {"type": "integer"},
      "is_owner": {"type": "boolean"}, "liveness": {"type": "integer"}}},
  "Capture": {"type": "object", "required": ["id", "is_owner", "address", "cluster_id"],
    "properties": {
      "id": {"type": "string"}, "is_owner": {"type": "boolean"}, "address": {"type": "string"},
      "cluster_id": {"type": "string"}}},
  "Captures": {"type": "array", "items": {"$ref": "#/components/schemas/Capture"}},
  "CaptureList": {"type": "object", "required": ["total", "items"], "properties": {
    "total": {"type": "integer"}, "items": {"$ref": "#/components/schemas/Captures"}}},
  "CaptureId": {"type": "object", "required": ["capture_id"], "properties": {
    "capture_id": {"type": "string"}}},
  "Drained": {"type": "object", "required": ["current_table_count"], "properties": {
    "current_table_count": {"type": "integer", "description": "tables that are still there"}}},
  "MoveTable": {"type": "object", "required": ["capture_id", "table_id"], "properties": {
    "capture_id": {"type": "string"}, "table_id": {"type": "integer"}}},
  "ProcessorName": {"type": "object", "required": ["namespace", "changefeed_id", "capture_id"],
    "properties": {
      "namespace": {"type": "string"}, "changefeed_id": {"type": "string"},
      "capture_id": {"type": "string"}}},
  "Processors": {"type": "array", "items": {"$ref": "#/components/schemas/ProcessorName"}},
  "ProcessorList": {"type": "object", "required": ["total", "items"], "properties": {
    "total": {"type": "integer"}, "items": {"$ref": "#/components/schemas/Processors"}}},
  "Processor": {"type": "object", "required": ["table_ids"], "properties": {
    "table_ids": {"type": "array", "items": {"type": "integer"}}}},
  "Tso": {"type": "object", "required": ["timestamp", "logic_time"], "properties": {
    "timestamp": {"type": "integer", "description": "Unix ms"},
    "logic_time": {"type": "integer"}}},
  "Metadata": {"type": "array", "items": {"type": "object", "required": ["key", "value"],
    "properties": {"key": {"type": "string"}, "value": {"type": "string"}}}},
  "ResolveLock": {"type": "object", "required": ["region_id"], "properties": {
    "region_id": {"type": "integer"},
    "ts": {"type": "integer", "description": "of transactions up to here; a minute ago"}}},
  "Synced": {"type": "object",
    "required": ["synced", "sink_checkpoint_ts", "puller_resolved_ts", "last_synced_ts", "now_ts",
                 "info"],
    "properties": {
      "synced": {"type": "boolean"}, "sink_checkpoint_ts": {"type": "string"},
      "puller_resolved_ts": {"type": "string"}, "last_synced_ts": {"type": "string"},
      "now_ts": {"type": "string"}, "info": {"type": "string"}}},
  "FailPoint": {"type": "object", "required": ["name", "expr"], "properties": {
    "name": {"type": "string"}, "expr": {"type": "string"}}},
  "FailPoints": {"type": "array", "items": {"$ref": "#/components/schemas/FailPoint"}},
  "RunningError": {"type": "object", "nullable": true, "required": ["addr", "code", "message"],
    "properties": {
      "addr": {"type": "string"}, "code": {"type": "string"}, "message": {"type": "string"}}},
  "Summary": {"type": "object", "required": ["state", "tso", "checkpoint", "error"],
    "properties": {
      "state": {"type": "string"}, "tso": {"type": "integer"}, "checkpoint": {"type": "string"},
      "error": {"$ref": "#/components/schemas/RunningError"}}},
  "ChangefeedCommon": {"type": "object",
    "required": ["upstream_id", "namespace", "id", "state", "checkpoint_tso", "checkpoint_time",
                 "error"],
    "properties": {
      "upstream_id": {"type": "integer"}, "namespace": {"type": "string"},
      "id": {"type": "string"},
      "state": {"type": "string",
                "enum": ["normal", "error", "failed", "stopped", "removed", "finished"]},
      "checkpoint_tso": {"type": "integer"}, "checkpoint_time": {"type": "string"},
      "error": {"$ref": "#/components/schemas/RunningError"}}},
  "ChangefeedsV1": {"type": "array",
                    "items": {"$ref": "#/components/schemas/ChangefeedCommon"}},
  "ChangefeedList": {"type": "object", "required": ["total", "items"], "properties": {
    "total": {"type": "integer"}, "items": {"$ref": "#/components/schemas/ChangefeedsV1"}}},
  "TaskStatus": {"type": "object", "required": ["capture_id", "table_ids", "table_operations"],
    "properties": {
      "capture_id": {"type": "string"},
      "table_ids": {"type": "array", "items": {"type": "integer"}},
      "table_operations": {"type": "object"}}},
  "ChangefeedV1": {"type": "object",
    "required": ["id", "state", "sink_uri", "create_time", "start_ts", "target_ts", "resolved_ts",
                 "checkpoint_tso", "checkpoint_time", "sort_engine", "error", "error_history",
                 "creator_version", "task_status"],
    "properties": {
      "id": {"type": "string"}, "state": {"type": "string"}, "sink_uri": {"type": "string"},
      "create_time": {"type": "string"}, "start_ts": {"type": "integer"},
      "target_ts": {"type": "integer"}, "resolved_ts": {"type": "integer"},
      "checkpoint_tso": {"type": "integer"}, "checkpoint_time": {"type": "string"},
      "sort_engine": {"type": "string"}, "error": {"$ref": "#/components/schemas/RunningError"},
      "error_history": {"type": "array", "items": {"type": "integer"}},
      "creator_version": {"type": "string"},
      "task_status": {"type": "array", "items": {"$ref": "#/components/schemas/TaskStatus"}}}},
  "Changefeed": {"type": "object",
    "required": ["upstream_id", "namespace", "id", "state", "sink_uri", "create_time", "start_ts",
                 "target_ts", "config", "error", "creator_version", "resolved_ts", "checkpoint_ts",
                 "checkpoint_time", "task_status"],
    "properties": {
      "upstream_id": {"type": "integer"}, "namespace": {"type": "string"},
      "id": {"type": "string"}, "state": {"type": "string"}, "sink_uri": {"type": "string"},
      "create_time": {"type": "string"}, "start_ts": {"type": "integer"},
      "target_ts": {"type": "integer"}, "admin_job_type": {"type": "integer"},
      "sort_engine": {"type": "string"}, "config": {"$ref": "#/components/schemas/ReplicaConfig"},
      "error": {"$ref": "#/components/schemas/RunningError"},
      "creator_version": {"type": "string"}, "resolved_ts": {"type": "integer"},
      "checkpoint_ts": {"type": "integer"}, "checkpoint_tso": {"type": "integer"},
      "checkpoint_time": {"type": "string"},
      "count": {"type": "integer", "description": "rows written since the captures started"},
      "task_status": {"type": "array", "items": {"$ref": "#/components/schemas/TaskStatus"}}}},
  "ChangefeedStatus": {"type": "object",
    "required": ["state", "resolved_ts", "checkpoint_ts", "last_error", "last_warning"],
    "properties": {
      "state": {"type": "string"}, "resolved_ts": {"type": "integer"},
      "checkpoint_ts": {"type": "integer"},
      "last_error": {"$ref": "#/components/schemas/RunningError"},
      "last_warning": {"$ref": "#/components/schemas/RunningError"}}},
  "TableProgress": {"type": "object",
    "required": ["table_id", "checkpoint_ts", "resolved_ts", "sorter_bytes", "reason"],
    "properties": {
      "table_id": {"type": "integer"}, "checkpoint_ts": {"type": "integer"},
      "resolved_ts": {"type": "integer"}, "sorter_bytes": {"type": "integer"},
      "regions": {"type": "integer"}, "regions_initialized": {"type": "integer"},
      "slowest_region": {"type": "integer"}, "slowest_store": {"type": "integer"},
      "slowest_resolved_ts": {"type": "integer"}, "reason": {"type": "string"}}},
  "TableList": {"type": "object", "required": ["total", "items"], "properties": {
    "total": {"type": "integer"},
    "items": {"type": "array", "items": {"$ref": "#/components/schemas/TableProgress"}}}},
  "ReplicaConfig": {"type": "object",
    "description": "The keys of docs/changefeed.md with underscores for dashes."},
  "CreateV1": {"type": "object", "required": ["sink_uri"], "properties": {
    "changefeed_id": {"type": "string"}, "start_ts": {"type": "integer"},
    "target_ts": {"type": "integer"}, "sink_uri": {"type": "string"},
    "timezone": {"type": "string"}, "force_replicate": {"type": "boolean"},
    "ignore_ineligible_table": {"type": "boolean"},
    "filter_rules": {"type": "array", "items": {"type": "string"}},
    "ignore_txn_start_ts": {"type": "array", "items": {"type": "integer"}},
    "mounter_worker_num": {"type": "integer"}, "sink_config": {"type": "object"}}},
  "CreateV2": {"type": "object", "required": ["sink_uri"], "properties": {
    "namespace": {"type": "string"}, "changefeed_id": {"type": "string"},
    "start_ts": {"type": "integer"}, "target_ts": {"type": "integer"},
    "sink_uri": {"type": "string"},
    "replica_config": {"$ref": "#/components/schemas/ReplicaConfig"},
    "pd_addrs": {"type": "array", "items": {"type": "string"}},
    "ca_path": {"type": "string"}, "cert_path": {"type": "string"},
    "key_path": {"type": "string"},
    "cert_allowed_cn": {"type": "array", "items": {"type": "string"}}}},
  "Resume": {"type": "object", "properties": {
    "overwrite_checkpoint_ts": {"type": "integer"},
    "pd_addrs": {"type": "array", "items": {"type": "string"}}}},
  "VerifyTables": {"type": "object", "properties": {
    "replica_config": {"$ref": "#/components/schemas/ReplicaConfig"},
    "start_ts": {"type": "integer"}, "sink_uri": {"type": "string"}}},
  "TableName": {"type": "object",
    "required": ["database_name", "table_name", "table_id", "is_partition"],
    "properties": {
      "database_name": {"type": "string"}, "table_name": {"type": "string"},
      "table_id": {"type": "integer"}, "is_partition": {"type": "boolean"}}},
  "Tables": {"type": "object", "required": ["ineligible_tables", "eligible_tables"],
    "properties": {
      "ineligible_tables": {"type": "array", "items": {"$ref": "#/components/schemas/TableName"}},
      "eligible_tables": {"type": "array", "items": {"$ref": "#/components/schemas/TableName"}},
      "all_tables": {"type": "array", "items": {"$ref": "#/components/schemas/TableName"}}}}
})";

}  // namespace cdc

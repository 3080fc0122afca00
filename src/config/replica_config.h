// A changefeed's configuration: TOML as users write it, JSON as etcd and the API carry it. Names
// and defaults as TiCDC's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/kafka_config.h"

namespace cdc {

// Rows and schema changes of the tables that `matcher` takes are left out where one of the others
// fits them.
struct EventFilterRule {
  std::vector<std::string> matcher;
  std::vector<std::string> ignore_event;  // "insert", "drop table", "all ddl" …
  std::vector<std::string> ignore_sql;    // regular expressions on a schema change's statement
  // SQL conditions on a row's values; "": none.
  std::string ignore_insert_value_expr;
  std::string ignore_update_new_value_expr;
  std::string ignore_update_old_value_expr;
  std::string ignore_delete_value_expr;
};

struct FilterConfig {
  std::vector<std::string> rules = {"*.*"};
  std::vector<uint64_t> ignore_txn_start_ts;
  std::vector<EventFilterRule> event_filters;
};

struct MounterConfig {
  int worker_num = 16;
};

struct IntegrityConfig {             // integrity: checksums of rows, which TiDB writes on demand
  std::string check_level = "none";  // integrity-check-level: none, correctness
  std::string corruption_handle_level = "warn";  // warn, error
};

struct DispatchRule {
  std::vector<std::string> matcher;
  std::string dispatcher;  // the old name of `partition`
  std::string partition;
  std::string topic;
  std::string index;
  std::vector<std::string> columns;
};

// Of the tables that `matcher` takes, only these columns are sent: names with '*' and '?', or left
// out with a leading '!'. The first one that matches a table decides.
struct ColumnSelector {
  std::vector<std::string> matcher;
  std::vector<std::string> columns;
};

struct MySqlConfig {  // sink.mysql-config; the URI's parameters win
  std::optional<int> worker_count;
  std::optional<int> max_txn_row;
  std::optional<int> max_multi_update_row;
  std::optional<int> max_multi_update_row_size;
  std::optional<std::string> tidb_txn_mode;
  std::optional<std::string> ssl_ca;
  std::optional<std::string> ssl_cert;
  std::optional<std::string> ssl_key;
  std::optional<std::string> time_zone;
  std::optional<std::string> write_timeout;
  std::optional<std::string> read_timeout;
  std::optional<std::string> timeout;
  std::optional<bool> enable_batch_dml;
  std::optional<bool> enable_multi_statement;
  std::optional<bool> enable_cache_prepared_statement;
};

struct SinkConfig {
  std::string protocol;
  std::vector<DispatchRule> dispatchers;
  std::vector<ColumnSelector> column_selectors;
  std::string transaction_atomicity;  // "", "none", "table"
  std::optional<bool> safe_mode;
  // What messages hold; only for message queues.
  std::optional<bool> only_output_updated_columns;
  std::optional<bool> delete_only_output_handle_key_columns;
  std::optional<bool> content_compatible;
  std::optional<bool> open_output_old_value;  // sink.open.output-old-value
  std::optional<std::string> schema_registry;
  std::optional<bool> debezium_disable_schema;
  std::optional<bool> debezium_output_old_value;  // sink.debezium.output-old-value
  std::optional<bool> debezium_include_start_ts;  // sink.debezium.include-start-ts
  // When tables are described to consumers of `simple`.
  std::optional<int64_t> send_bootstrap_interval_in_sec;
  std::optional<int32_t> send_bootstrap_in_msg_count;
  std::optional<bool> send_bootstrap_to_all_partition;
  std::optional<bool> send_all_bootstrap_at_start;
  KafkaConfig kafka;
  MySqlConfig mysql;
};

struct SchedulerConfig {
  std::string type = "table-number";
  int polling_time = -1;
};

struct ReplicaConfig {
  uint64_t memory_quota = uint64_t{1} << 30;  // bytes, per changefeed and node
  bool case_sensitive = false;
  bool force_replicate = false;
  bool ignore_ineligible_table = false;
  bool check_gc_safe_point = true;
  bool bdr_mode = false;
  FilterConfig filter;
  MounterConfig mounter;
  IntegrityConfig integrity;
  SinkConfig sink;
  SchedulerConfig scheduler;

  // Strict: an unknown key is an error (kInvalidReplicaConfig or kDecode) that names it. Keys that
  // TiCDC knows and this version does not act on are refused by name too, unless they are set to
  // what this version does anyway. Keys that the text leaves out are as in `base`.
  static Result<ReplicaConfig> FromToml(std::string_view text, std::string_view file_name);
  static Result<ReplicaConfig> FromToml(std::string_view text, std::string_view file_name,
                                        const ReplicaConfig& base);
  // As stored in etcd: lenient, keys unknown to this version are kept out and ignored (a newer
  // writer's).
  static Result<ReplicaConfig> FromJson(std::string_view text);
  std::string ToJson() const;
  // As the Open API carries it: the names of the file with underscores. Strict as FromToml.
  static Result<ReplicaConfig> FromApiJson(std::string_view text);
  std::string ToApiJson() const;
  // Relations between fields and syntax of the rules; no I/O.
  Status Validate() const;
};

}  // namespace cdc

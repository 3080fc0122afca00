#include "config/replica_config.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/log.h"
#include "config/config_tree.h"
#include "config/duration.h"
#include "config/table_filter.h"

namespace cdc {
namespace {

// Calls `visit(name, member)` for each key of an event filter.
template <typename Rule, typename Visitor>
void ForEachEventFilterKey(Rule& rule, Visitor visit) {
  visit("matcher", rule.matcher);
  visit("ignore-event", rule.ignore_event);
  visit("ignore-sql", rule.ignore_sql);
  visit("ignore-insert-value-expr", rule.ignore_insert_value_expr);
  visit("ignore-update-new-value-expr", rule.ignore_update_new_value_expr);
  visit("ignore-update-old-value-expr", rule.ignore_update_old_value_expr);
  visit("ignore-delete-value-expr", rule.ignore_delete_value_expr);
}

void ReadFilter(TreeReader& tree, FilterConfig* filter) {
  tree.Read("rules", &filter->rules);
  tree.Read("ignore-txn-start-ts", &filter->ignore_txn_start_ts);
  tree.List("event-filters", [filter](TreeReader& rule) {
    ForEachEventFilterKey(filter->event_filters.emplace_back(),
                          [&rule](const char* key, auto& field) { rule.Read(key, &field); });
    rule.KeepsTo("ignore-update-only-columns", Json::array());
  });
  for (const char* key : {"ddl-allow-list", "do-tables", "do-dbs", "ignore-tables", "ignore-dbs"})
    tree.KeepsTo(key, Json::array());
}

void ReadMySql(TreeReader& tree, MySqlConfig* mysql) {
  tree.Read("worker-count", &mysql->worker_count);
  tree.Read("max-txn-row", &mysql->max_txn_row);
  tree.Read("max-multi-update-row", &mysql->max_multi_update_row);
  tree.Read("max-multi-update-row-size", &mysql->max_multi_update_row_size);
  tree.Read("tidb-txn-mode", &mysql->tidb_txn_mode);
  tree.Read("ssl-ca", &mysql->ssl_ca);
  tree.Read("ssl-cert", &mysql->ssl_cert);
  tree.Read("ssl-key", &mysql->ssl_key);
  tree.Read("time-zone", &mysql->time_zone);
  tree.Read("write-timeout", &mysql->write_timeout);
  tree.Read("read-timeout", &mysql->read_timeout);
  tree.Read("timeout", &mysql->timeout);
  tree.Read("enable-batch-dml", &mysql->enable_batch_dml);
  tree.Read("enable-multi-statement", &mysql->enable_multi_statement);
  tree.Read("enable-cache-prepared-statement", &mysql->enable_cache_prepared_statement);
  tree.KeepsTo("async-ddl-timeout", "2m");
}

void ReadKafka(TreeReader& tree, KafkaConfig* kafka) {
  const auto reads_from = [](TreeReader& from) {
    return [&from](const char* key, auto& field) { from.Read(key, &field); };
  };
  ForEachUriKey(*kafka, reads_from(tree));
  ForEachFileKey(*kafka, reads_from(tree));
  tree.Section("codec-config", [&](TreeReader& codec) {
    ForEachCodecKey(kafka->codec, reads_from(codec));
    codec.KeepsTo("output-row-key", false);
  });
  tree.Section("large-message-handle", [&](TreeReader& large) {
    ForEachLargeMessageKey(kafka->large_message, reads_from(large));
  });
  tree.KeepsTo("glue-schema-registry-config", nullptr);
}

// Keys of sinks and encoders that this version does not have, with what they are without being set.
void KeepToSinkDefaults(TreeReader& tree) {
  tree.KeepsTo("encoder-concurrency", 32U);
  tree.KeepsTo("terminator", "\r\n");
  tree.KeepsTo("date-separator", "day");
  tree.KeepsTo("enable-partition-separator", true);
  tree.KeepsTo("file-index-digit", 20U);
  tree.KeepsTo("enable-kafka-sink-v2", false);
  tree.KeepsTo("advance-timeout-in-sec", 150U);
  tree.KeepsTo("large-message-handle", {{"large-message-handle-option", "none"},
                                        {"large-message-handle-compression", ""},
                                        {"claim-check-storage-uri", ""},
                                        {"claim-check-raw-value", false}});
  tree.KeepsTo("csv", {{"delimiter", ","},
                       {"quote", "\""},
                       {"null", "\\N"},
                       {"include-commit-ts", false},
                       {"binary-encoding-method", "base64"},
                       {"output-old-value", false},
                       {"output-handle-key", false},
                       {"output-field-header", false}});
  for (const char* key : {"pulsar-config", "cloud-storage-config"}) tree.KeepsTo(key, nullptr);
}

// Calls `visit(name, member)` for each.
template <typename Sink, typename Visitor>
void ForEachBootstrapKey(Sink& sink, Visitor visit) {
  visit("send-bootstrap-interval-in-sec", sink.send_bootstrap_interval_in_sec);
  visit("send-bootstrap-in-msg-count", sink.send_bootstrap_in_msg_count);
  visit("send-bootstrap-to-all-partition", sink.send_bootstrap_to_all_partition);
  visit("send-all-bootstrap-at-start", sink.send_all_bootstrap_at_start);
}

void ReadSink(TreeReader& tree, SinkConfig* sink) {
  tree.Read("protocol", &sink->protocol);
  tree.Read("transaction-atomicity", &sink->transaction_atomicity);
  tree.Read("safe-mode", &sink->safe_mode);
  tree.Read("only-output-updated-columns", &sink->only_output_updated_columns);
  tree.Read("delete-only-output-handle-key-columns", &sink->delete_only_output_handle_key_columns);
  tree.Read("content-compatible", &sink->content_compatible);
  ForEachBootstrapKey(*sink, [&tree](const char* key, auto& field) { tree.Read(key, &field); });
  tree.Read("schema-registry", &sink->schema_registry);
  tree.Read("debezium-disable-schema", &sink->debezium_disable_schema);
  tree.Section("debezium", [sink](TreeReader& debezium) {
    debezium.Read("output-old-value", &sink->debezium_output_old_value);
    debezium.Read("include-start-ts", &sink->debezium_include_start_ts);
  });
  tree.Section("open", [sink](TreeReader& open) {
    open.Read("output-old-value", &sink->open_output_old_value);
  });
  tree.List("dispatchers", [sink](TreeReader& rule) {
    DispatchRule& out = sink->dispatchers.emplace_back();
    rule.Read("matcher", &out.matcher);
    rule.Read("dispatcher", &out.dispatcher);
    rule.Read("partition", &out.partition);
    rule.Read("topic", &out.topic);
    rule.Read("index", &out.index);
    rule.Read("columns", &out.columns);
    rule.KeepsTo("target-schema", "");
    rule.KeepsTo("target-table", "");
  });
  tree.List("column-selectors", [sink](TreeReader& selector) {
    ColumnSelector& out = sink->column_selectors.emplace_back();
    selector.Read("matcher", &out.matcher);
    selector.Read("columns", &out.columns);
  });
  // The form that dispatchers had in the first versions.
  tree.List("dispatch-rules", [sink](TreeReader& rule) {
    std::string schema;
    std::string table;
    DispatchRule& out = sink->dispatchers.emplace_back();
    rule.Read("db-name", &schema);
    rule.Read("tbl-name", &table);
    rule.Read("rule", &out.dispatcher);
    rule.Ignore("tbl-id");
    rule.Ignore("is-partition");
    out.matcher.push_back(schema + "." + table);
  });
  tree.Section("mysql-config", [sink](TreeReader& mysql) { ReadMySql(mysql, &sink->mysql); });
  tree.Section("kafka-config", [sink](TreeReader& kafka) { ReadKafka(kafka, &sink->kafka); });
  KeepToSinkDefaults(tree);
}

void ReadScheduler(TreeReader& tree, SchedulerConfig* scheduler) {
  tree.Read("type", &scheduler->type);
  tree.Read("polling-time", &scheduler->polling_time);
  tree.KeepsTo("enable-table-across-nodes", false);
  tree.KeepsTo("enable-splittable-check", false);
  tree.KeepsTo("force-split", false);
  // Without tables split across nodes these have no effect; their defaults differ between versions.
  for (const char* key :
       {"region-threshold", "write-key-threshold", "region-per-span", "region-count-per-span",
        "region-count-refresh-interval", "scheduling-task-count-per-node",
        "balance-score-threshold", "min-traffic-percentage", "max-traffic-percentage"})
    tree.Ignore(key);
}

void KeepToDefaults(TreeReader& tree) {
  tree.KeepsTo("enable-old-value", true);
  tree.KeepsTo("enable-sync-point", false);
  tree.KeepsTo("sync-point-interval", "10m");
  tree.KeepsTo("sync-point-retention", "24h");
  tree.KeepsTo("enable-table-monitor", false);
  tree.KeepsTo("changefeed-error-stuck-duration", "30m");
  tree.KeepsTo("performance-mode", "throughput");
  tree.KeepsTo("enable-active-active", false);
  for (const char* key : {"active-active-progress-interval", "active-active-sync-stats-interval",
                          "event-collector-batch-count", "event-collector-batch-bytes"})
    tree.Ignore(key);  // tuning of what is off, or of what this design does not have
  tree.KeepsTo("sql-mode", "");
  tree.KeepsTo("cyclic-replication", {{"enable", false},
                                      {"replica-id", 0U},
                                      {"filter-replica-ids", Json::array()},
                                      {"id-buckets", 0U},
                                      {"sync-ddl", false}});
  tree.KeepsTo("consistent", {{"level", "none"},
                              {"max-log-size", 64U},
                              {"flush-interval", 2000U},
                              {"meta-flush-interval", 200U},
                              {"encoding-worker-num", 16U},
                              {"flush-worker-num", 8U},
                              {"storage", ""},
                              {"use-file-backend", false},
                              {"compression", ""},
                              {"flush-concurrency", 1U},
                              {"memory-usage", {{"memory-quota-percentage", 50U}}},
                              {"event-collector-batch-count", 0U}});
  tree.KeepsTo("synced-status", {{"synced-check-interval", 300U}, {"checkpoint-interval", 15U}});
}

ReplicaConfig ReadTree(const Json& json, TreeProblems* problems) {
  ReplicaConfig config;
  TreeReader tree(json, "", problems);
  tree.Read("memory-quota", &config.memory_quota);
  if (config.memory_quota == 0) config.memory_quota = ReplicaConfig().memory_quota;
  tree.Read("case-sensitive", &config.case_sensitive);
  tree.Read("force-replicate", &config.force_replicate);
  tree.Read("ignore-ineligible-table", &config.ignore_ineligible_table);
  tree.Read("check-gc-safe-point", &config.check_gc_safe_point);
  tree.Read("bdr-mode", &config.bdr_mode);
  tree.Section("filter", [&](TreeReader& filter) { ReadFilter(filter, &config.filter); });
  tree.Section("mounter", [&](TreeReader& mounter) {
    mounter.Read("worker-num", &config.mounter.worker_num);
  });
  tree.Section("integrity", [&](TreeReader& integrity) {
    integrity.Read("integrity-check-level", &config.integrity.check_level);
    integrity.Read("corruption-handle-level", &config.integrity.corruption_handle_level);
  });
  tree.Section("sink", [&](TreeReader& sink) { ReadSink(sink, &config.sink); });
  tree.Section("scheduler",
               [&](TreeReader& scheduler) { ReadScheduler(scheduler, &config.scheduler); });
  KeepToDefaults(tree);
  tree.Finish();
  return config;
}

template <typename T>
void PutIfSet(const char* key, const std::optional<T>& value, Json* out) {
  if (value) (*out)[key] = *value;
}

Json MySqlToJson(const MySqlConfig& mysql) {
  Json out = Json::object();
  PutIfSet("worker-count", mysql.worker_count, &out);
  PutIfSet("max-txn-row", mysql.max_txn_row, &out);
  PutIfSet("max-multi-update-row", mysql.max_multi_update_row, &out);
  PutIfSet("max-multi-update-row-size", mysql.max_multi_update_row_size, &out);
  PutIfSet("tidb-txn-mode", mysql.tidb_txn_mode, &out);
  PutIfSet("ssl-ca", mysql.ssl_ca, &out);
  PutIfSet("ssl-cert", mysql.ssl_cert, &out);
  PutIfSet("ssl-key", mysql.ssl_key, &out);
  PutIfSet("time-zone", mysql.time_zone, &out);
  PutIfSet("write-timeout", mysql.write_timeout, &out);
  PutIfSet("read-timeout", mysql.read_timeout, &out);
  PutIfSet("timeout", mysql.timeout, &out);
  PutIfSet("enable-batch-dml", mysql.enable_batch_dml, &out);
  PutIfSet("enable-multi-statement", mysql.enable_multi_statement, &out);
  PutIfSet("enable-cache-prepared-statement", mysql.enable_cache_prepared_statement, &out);
  return out;
}

Json KafkaToJson(const KafkaConfig& kafka) {
  const auto writes_to = [](Json* out) {
    return [out](const char* key, const auto& field) { PutIfSet(key, field, out); };
  };
  Json out = Json::object();
  Json codec = Json::object();
  Json large = Json::object();
  ForEachUriKey(kafka, writes_to(&out));
  ForEachFileKey(kafka, writes_to(&out));
  ForEachCodecKey(kafka.codec, writes_to(&codec));
  ForEachLargeMessageKey(kafka.large_message, writes_to(&large));
  if (!codec.empty()) out["codec-config"] = std::move(codec);
  if (!large.empty()) out["large-message-handle"] = std::move(large);
  return out;
}

Json SinkToJson(const SinkConfig& sink) {
  Json out = Json::object();
  if (!sink.protocol.empty()) out["protocol"] = sink.protocol;
  if (!sink.transaction_atomicity.empty())
    out["transaction-atomicity"] = sink.transaction_atomicity;
  PutIfSet("safe-mode", sink.safe_mode, &out);
  PutIfSet("only-output-updated-columns", sink.only_output_updated_columns, &out);
  PutIfSet("delete-only-output-handle-key-columns", sink.delete_only_output_handle_key_columns,
           &out);
  PutIfSet("content-compatible", sink.content_compatible, &out);
  ForEachBootstrapKey(sink,
                      [&out](const char* key, const auto& field) { PutIfSet(key, field, &out); });
  PutIfSet("schema-registry", sink.schema_registry, &out);
  PutIfSet("debezium-disable-schema", sink.debezium_disable_schema, &out);
  Json debezium = Json::object();
  PutIfSet("output-old-value", sink.debezium_output_old_value, &debezium);
  PutIfSet("include-start-ts", sink.debezium_include_start_ts, &debezium);
  if (!debezium.empty()) out["debezium"] = std::move(debezium);
  if (sink.open_output_old_value) out["open"] = {{"output-old-value", *sink.open_output_old_value}};
  for (const DispatchRule& rule : sink.dispatchers)
    out["dispatchers"].push_back({{"matcher", rule.matcher},
                                  {"dispatcher", rule.dispatcher},
                                  {"partition", rule.partition},
                                  {"topic", rule.topic},
                                  {"index", rule.index},
                                  {"columns", rule.columns}});
  for (const ColumnSelector& selector : sink.column_selectors)
    out["column-selectors"].push_back(
        {{"matcher", selector.matcher}, {"columns", selector.columns}});
  if (Json kafka = KafkaToJson(sink.kafka); !kafka.empty()) out["kafka-config"] = std::move(kafka);
  if (Json mysql = MySqlToJson(sink.mysql); !mysql.empty()) out["mysql-config"] = std::move(mysql);
  return out;
}

// The tree with `from` replaced by `to` in all keys; values stay.
Json RenameKeys(const Json& tree, char from, char to) {
  if (tree.is_array()) {
    Json out = Json::array();
    for (const Json& element : tree) out.push_back(RenameKeys(element, from, to));
    return out;
  }
  if (!tree.is_object()) return tree;
  Json out = Json::object();
  for (const auto& [key, value] : tree.items()) {
    std::string renamed = key;
    std::ranges::replace(renamed, from, to);
    out[renamed] = RenameKeys(value, from, to);
  }
  return out;
}

// Two keys of the sink have other names in the API than in the file.
void RenameSinkKeysOfApi(Json* config) {
  if (!config->contains("sink") || !(*config)["sink"].is_object()) return;
  Json& sink = (*config)["sink"];
  for (const auto& [api, file] : {std::pair("advance-timeout", "advance-timeout-in-sec"),
                                  std::pair("file-index-width", "file-index-digit")}) {
    if (!sink.contains(api)) continue;
    sink[file] = sink[api];
    sink.erase(api);
  }
}

Status ValidateSink(const SinkConfig& sink, bool case_sensitive) {
  for (const DispatchRule& rule : sink.dispatchers) {
    if (!rule.dispatcher.empty() && !rule.partition.empty())
      return Status(Code::kSinkConfig,
                    "dispatcher and partition are two names of one thing: give one (rule for {})",
                    rule.matcher.empty() ? "nothing" : rule.matcher.front());
    if (auto matcher = TableFilter::Parse(rule.matcher, case_sensitive); !matcher)
      return matcher.error().WithContext("sink.dispatchers");
  }
  const std::string& atomicity = sink.transaction_atomicity;
  if (!atomicity.empty() && atomicity != "none" && atomicity != "table")
    return Status(Code::kSinkConfig,
                  "sink.transaction-atomicity is \"{}\": must be \"none\" or \"table\"", atomicity);
  const MySqlConfig& mysql = sink.mysql;
  const std::array<std::pair<const char*, std::optional<int>>, 4> counts = {{
      {"worker-count", mysql.worker_count},
      {"max-txn-row", mysql.max_txn_row},
      {"max-multi-update-row", mysql.max_multi_update_row},
      {"max-multi-update-row-size", mysql.max_multi_update_row_size},
  }};
  for (const auto& [key, value] : counts)
    if (value && *value < (std::string_view(key) == "max-multi-update-row-size" ? 0 : 1))
      return Status(Code::kSinkConfig, "sink.mysql-config.{} is {}: too small", key, *value);
  for (const auto* timeout : {&mysql.timeout, &mysql.read_timeout, &mysql.write_timeout}) {
    if (!*timeout) continue;
    if (auto parsed = ParseDuration(**timeout); !parsed)
      return Status::Make(Code::kSinkConfig, std::string(parsed.error().message()))
          .WithContext("sink.mysql-config");
  }
  return Status::Ok();
}

}  // namespace

Result<ReplicaConfig> ReplicaConfig::FromToml(std::string_view text, std::string_view file_name) {
  return FromToml(text, file_name, ReplicaConfig());
}

Result<ReplicaConfig> ReplicaConfig::FromToml(std::string_view text, std::string_view file_name,
                                              const ReplicaConfig& base) {
  ASSIGN_OR_RETURN(const Json given, ParseToml(text, file_name));
  Json json = Json::parse(base.ToJson());
  json.merge_patch(given);
  TreeProblems problems;
  ReplicaConfig config = ReadTree(json, &problems);
  RETURN_UNEXPECTED_IF_ERROR(
      problems.ToStatus(Code::kInvalidReplicaConfig, fmt::format("config file {}", file_name)));
  return config;
}

Result<ReplicaConfig> ReplicaConfig::FromJson(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Error(Code::kUnmarshal, "changefeed config is no JSON object");
  TreeProblems problems;
  ReplicaConfig config = ReadTree(json, &problems);
  problems.unknown.clear();
  if (!problems.refused.empty()) {
    LogWarn("changefeed config: {}",
            problems.ToStatus(Code::kInvalidReplicaConfig, "ignored").message());
    problems.refused.clear();
  }
  RETURN_UNEXPECTED_IF_ERROR(problems.ToStatus(Code::kUnmarshal, "changefeed config"));
  return config;
}

std::string ReplicaConfig::ToJson() const {
  Json json = {
      {"memory-quota", memory_quota},
      {"case-sensitive", case_sensitive},
      {"enable-old-value", true},  // for readers of the time when it could be off
      {"force-replicate", force_replicate},
      {"ignore-ineligible-table", ignore_ineligible_table},
      {"check-gc-safe-point", check_gc_safe_point},
      {"bdr-mode", bdr_mode},
      {"filter", {{"rules", filter.rules}, {"ignore-txn-start-ts", filter.ignore_txn_start_ts}}},
      {"mounter", {{"worker-num", mounter.worker_num}}},
      {"integrity",
       {{"integrity-check-level", integrity.check_level},
        {"corruption-handle-level", integrity.corruption_handle_level}}},
      {"sink", SinkToJson(sink)},
      {"scheduler", {{"type", scheduler.type}, {"polling-time", scheduler.polling_time}}},
  };
  for (const EventFilterRule& rule : filter.event_filters) {
    Json& out = json["filter"]["event-filters"].emplace_back(Json::object());
    ForEachEventFilterKey(rule, [&out](const char* key, const auto& field) { out[key] = field; });
  }
  // Names come from users and may be any bytes.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<ReplicaConfig> ReplicaConfig::FromApiJson(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    return Error(Code::kInvalidReplicaConfig, "replica_config is no JSON object");
  Json renamed = RenameKeys(json, '_', '-');
  RenameSinkKeysOfApi(&renamed);
  TreeProblems problems;
  ReplicaConfig config = ReadTree(renamed, &problems);
  RETURN_UNEXPECTED_IF_ERROR(problems.ToStatus(Code::kInvalidReplicaConfig, "replica_config"));
  return config;
}

std::string ReplicaConfig::ToApiJson() const {
  return RenameKeys(Json::parse(ToJson()), '-', '_')
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Status ReplicaConfig::Validate() const {
  if (auto rules = TableFilter::Parse(filter.rules, case_sensitive); !rules) return rules.error();
  if (mounter.worker_num < 1)
    return Status(Code::kInvalidReplicaConfig, "mounter.worker-num is {}: must be at least 1",
                  mounter.worker_num);
  const auto known = [](const std::string& value, const char* first, const char* second) {
    return value == first || value == second;
  };
  if (!known(integrity.check_level, "none", "correctness"))
    return Status(Code::kInvalidReplicaConfig,
                  "integrity.integrity-check-level is \"{}\": none or correctness",
                  integrity.check_level);
  if (!known(integrity.corruption_handle_level, "warn", "error"))
    return Status(Code::kInvalidReplicaConfig,
                  "integrity.corruption-handle-level is \"{}\": warn or error",
                  integrity.corruption_handle_level);
  if (integrity.check_level != "none" && !sink.column_selectors.empty())
    return Status(
        Code::kInvalidReplicaConfig,
        "integrity.integrity-check-level excludes sink.column-selectors: a checksum is of "
        "all columns");
  if (scheduler.type != "table-number")
    return Status(Code::kInvalidReplicaConfig,
                  "scheduler.type is \"{}\": only \"table-number\" is known", scheduler.type);
  return ValidateSink(sink, case_sensitive);
}

}  // namespace cdc

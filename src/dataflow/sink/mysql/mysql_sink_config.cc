#include "dataflow/sink/mysql/mysql_sink_config.h"

#include <charconv>
#include <functional>
#include <map>

#include "base/log.h"
#include "config/parameter.h"

namespace cdc {
namespace {

using Setter = std::function<Status(const std::string& value, MySqlSinkConfig* config)>;

Status BadValue(std::string_view name, std::string_view value, std::string_view expected) {
  return Status(Code::kMySqlConfig, "invalid {} '{}': expected {}", name, value, expected);
}

Status SetNumber(std::string_view name, std::string_view value, int min, int max, int* target) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < min)
    return BadValue(name, value, fmt::format("a number from {} to {}", min, max));
  if (number > max) {
    LogWarn("sink parameter is above its limit and was lowered, name={} value={} limit={}", name,
            number, max);
    number = max;
  }
  *target = static_cast<int>(number);
  return Status::Ok();
}

Status SetTxnMode(const std::string& value, MySqlSinkConfig* config) {
  if (value != "optimistic" && value != "pessimistic")
    return BadValue("tidb-txn-mode", value, "optimistic or pessimistic");
  config->tidb_txn_mode = value;
  return Status::Ok();
}

Status SetAtomicity(const std::string& value, MySqlSinkConfig* config) {
  if (!value.empty() && value != "none" && value != "table")
    return BadValue("transaction-atomicity", value, "none or table");
  config->whole_transactions = value == "table";
  return Status::Ok();
}

template <auto Member>
Setter Number(const char* name, int min, int max) {
  return [=](const std::string& value, MySqlSinkConfig* config) {
    return SetNumber(name, value, min, max, &(config->*Member));
  };
}

template <auto Member>
Setter Bool(const char* name) {
  return [=](const std::string& value, MySqlSinkConfig* config) {
    ASSIGN_OR_RETURN_STATUS(config->*Member, ParseBool(Code::kMySqlConfig, name, value));
    return Status::Ok();
  };
}

template <auto Member>
Setter Timeout(const char* name) {
  return [=](const std::string& value, MySqlSinkConfig* config) {
    ASSIGN_OR_RETURN_STATUS(config->*Member, ParseTimeout(Code::kMySqlConfig, name, value));
    return Status::Ok();
  };
}

template <auto Member>
Setter Text() {
  return [](const std::string& value, MySqlSinkConfig* config) {
    config->*Member = value;
    return Status::Ok();
  };
}

// Parameters that are checked but change nothing here; why is in the header.
Setter UnusedBool(const char* name) {
  return [=](const std::string& value, MySqlSinkConfig*) {
    const auto ignored = ParseBool(Code::kMySqlConfig, name, value);
    return ignored ? Status::Ok() : ignored.error();
  };
}

Setter Refused(const char* name, const char* reason) {
  return [=](const std::string&, MySqlSinkConfig*) {
    return Status(Code::kSinkUri, "parameter {} is not accepted: {}", name, reason);
  };
}

std::map<std::string, Setter, std::less<>> MakeSetters() {
  using C = MySqlSinkConfig;
  return {
      {"worker-count", Number<&C::worker_count>("worker-count", 1, 1024)},
      {"max-txn-row", Number<&C::max_txn_row>("max-txn-row", 1, 2048)},
      {"max-multi-update-row", Number<&C::max_multi_update_row>("max-multi-update-row", 1, 256)},
      {"max-multi-update-row-size",
       Number<&C::max_multi_update_row_size>("max-multi-update-row-size", 0, 8192)},
      {"tidb-txn-mode", SetTxnMode},
      {"ssl-ca", Text<&C::ssl_ca>()},
      {"ssl-cert", Text<&C::ssl_cert>()},
      {"ssl-key", Text<&C::ssl_key>()},
      {"safe-mode", Bool<&C::safe_mode>("safe-mode")},
      {"time-zone", Text<&C::time_zone>()},
      {"read-timeout", Timeout<&C::read_timeout>("read-timeout")},
      {"write-timeout", Timeout<&C::write_timeout>("write-timeout")},
      {"timeout", Timeout<&C::dial_timeout>("timeout")},
      {"batch-dml-enable", Bool<&C::batch_dml>("batch-dml-enable")},
      {"multi-stmt-enable", Bool<&C::multi_statement>("multi-stmt-enable")},
      {"has-vector-type", Bool<&C::has_vector_type>("has-vector-type")},
      {"transaction-atomicity", SetAtomicity},
      {"enable-ddl-ts", UnusedBool("enable-ddl-ts")},
      {"cache-prep-stmts", UnusedBool("cache-prep-stmts")},
      {"batch-replace-enable", UnusedBool("batch-replace-enable")},
      {"batch-replace-size",
       [](const std::string& value, MySqlSinkConfig*) {
         int ignored = 0;
         return SetNumber("batch-replace-size", value, 1, 2048, &ignored);
       }},
      {"async-ddl-timeout",
       [](const std::string& value, MySqlSinkConfig*) {
         const auto ignored = ParseTimeout(Code::kMySqlConfig, "async-ddl-timeout", value);
         return ignored ? Status::Ok() : ignored.error();
       }},
      {"where-clause", [](const std::string&, MySqlSinkConfig*) { return Status::Ok(); }},
      {"protocol", Refused("protocol", "rows go to the database as SQL")},
      {"enable-old-value", Refused("enable-old-value", "old values are always on")},
  };
}

Status ApplySection(const SinkConfig& sink, MySqlSinkConfig* config) {
  static const auto setters = MakeSetters();
  const auto apply = [&](const char* name, const std::optional<std::string>& value) {
    return value ? setters.at(name)(*value, config) : Status::Ok();
  };
  const auto number = [&](const char* name, const std::optional<int>& value) {
    return value ? setters.at(name)(std::to_string(*value), config) : Status::Ok();
  };
  const MySqlConfig& section = sink.mysql;
  if (sink.safe_mode) config->safe_mode = *sink.safe_mode;
  if (section.enable_batch_dml) config->batch_dml = *section.enable_batch_dml;
  if (section.enable_multi_statement) config->multi_statement = *section.enable_multi_statement;
  RETURN_IF_ERROR(SetAtomicity(sink.transaction_atomicity, config));
  RETURN_IF_ERROR(number("worker-count", section.worker_count));
  RETURN_IF_ERROR(number("max-txn-row", section.max_txn_row));
  RETURN_IF_ERROR(number("max-multi-update-row", section.max_multi_update_row));
  RETURN_IF_ERROR(number("max-multi-update-row-size", section.max_multi_update_row_size));
  RETURN_IF_ERROR(apply("tidb-txn-mode", section.tidb_txn_mode));
  RETURN_IF_ERROR(apply("ssl-ca", section.ssl_ca));
  RETURN_IF_ERROR(apply("ssl-cert", section.ssl_cert));
  RETURN_IF_ERROR(apply("ssl-key", section.ssl_key));
  RETURN_IF_ERROR(apply("time-zone", section.time_zone));
  RETURN_IF_ERROR(apply("write-timeout", section.write_timeout));
  RETURN_IF_ERROR(apply("read-timeout", section.read_timeout));
  return apply("timeout", section.timeout);
}

Status ApplyParameters(const Uri& uri, MySqlSinkConfig* config) {
  static const auto setters = MakeSetters();
  for (const auto& [name, value] : uri.params) {
    const auto setter = setters.find(name);
    if (setter == setters.end())
      return Status(Code::kSinkUri, "unknown parameter '{}' for a {} sink", name, uri.scheme);
    RETURN_IF_ERROR(setter->second(value, config));
  }
  return Status::Ok();
}

Status SettleTimeZone(const std::optional<std::string>& changefeed_zone, MySqlSinkConfig* config) {
  if (!changefeed_zone) return Status::Ok();
  if (!config->time_zone.empty() && config->time_zone != *changefeed_zone)
    return Status(Code::kMySqlConfig,
                  "time-zone '{}' differs from the time zone rows are read in, '{}'",
                  config->time_zone, *changefeed_zone);
  config->time_zone = *changefeed_zone;
  return Status::Ok();
}

}  // namespace

bool IsMySqlScheme(std::string_view scheme) {
  return scheme == "mysql" || scheme == "mysql+ssl" || scheme == "tidb" || scheme == "tidb+ssl";
}

Result<MySqlSinkConfig> MySqlSinkConfig::Make(const Uri& uri, const ReplicaConfig& config,
                                              std::optional<std::string> changefeed_zone) {
  if (!IsMySqlScheme(uri.scheme))
    return Error(Code::kSinkUri, "scheme '{}' is not one of mysql, mysql+ssl, tidb, tidb+ssl",
                 uri.scheme);
  if (uri.host.empty()) return Error(Code::kSinkUri, "a {} sink needs a host", uri.scheme);
  if (!uri.path.empty() && uri.path != "/")
    return Error(Code::kSinkUri, "a {} sink takes no path, but the URI has '{}'", uri.scheme,
                 uri.path);
  if (!config.sink.protocol.empty())
    return Error(Code::kSinkConfig, "sink.protocol '{}' has no meaning for a {} sink",
                 config.sink.protocol, uri.scheme);
  MySqlSinkConfig result;
  result.host = uri.host;
  if (uri.port) result.port = *uri.port;
  if (!uri.user.empty()) result.user = uri.user;
  if (uri.password) result.password = *uri.password;
  RETURN_UNEXPECTED_IF_ERROR(ApplySection(config.sink, &result));
  RETURN_UNEXPECTED_IF_ERROR(ApplyParameters(uri, &result));
  if (result.ssl_cert.empty() != result.ssl_key.empty())
    return Error(Code::kMySqlConfig,
                 "ssl-cert and ssl-key belong together: one of them is missing");
  result.tls = uri.scheme.ends_with("+ssl") || !result.ssl_ca.empty() || !result.ssl_cert.empty();
  RETURN_UNEXPECTED_IF_ERROR(SettleTimeZone(changefeed_zone, &result));
  return result;
}

}  // namespace cdc

#include "base/metrics.h"
#include "dataflow/dispatcher/event_router.h"
#include "dataflow/sink/blackhole/blackhole_sink.h"
#include "dataflow/sink/kafka/kafka_sink.h"
#include "dataflow/sink/mysql/mysql_sink.h"
#include "dataflow/sink/mysql/mysql_sink_config.h"
#include "dataflow/sink/sink.h"

namespace cdc {
namespace {

Status UnknownScheme(const Uri& uri) {
  return Status(Code::kSinkUri,
                "no sink for scheme '{}': known are mysql, mysql+ssl, tidb, tidb+ssl, kafka, "
                "kafka+ssl, blackhole",
                uri.scheme);
}

}  // namespace

Result<std::unique_ptr<Sink>> OpenSink(const Uri& uri, const SinkContext& context) {
  if (IsMySqlScheme(uri.scheme)) {
    ASSIGN_OR_RETURN(MySqlSinkConfig config,
                     MySqlSinkConfig::Make(uri, *context.config, context.time_zone));
    ASSIGN_OR_RETURN(std::unique_ptr<Sink> sink,
                     MySqlSink::Open(std::move(config), context, Metrics()));
    return sink;
  }
  if (IsKafkaScheme(uri.scheme)) {
    ASSIGN_OR_RETURN(KafkaSinkConfig config,
                     KafkaSinkConfig::Make(uri, *context.config, context.changefeed));
    return KafkaSink::Open(std::move(config), context, Metrics());
  }
  if (uri.scheme == "blackhole") {
    RETURN_UNEXPECTED_IF_ERROR(BlackholeSink::Validate(uri));
    return std::make_unique<BlackholeSink>(context.changefeed, Metrics());
  }
  return Unexpected(UnknownScheme(uri));
}

Status ValidateSinkUri(const Uri& uri, const ReplicaConfig& config) {
  if (IsMySqlScheme(uri.scheme)) {
    auto parsed = MySqlSinkConfig::Make(uri, config, std::nullopt);
    return parsed ? Status::Ok() : std::move(parsed).error();
  }
  if (IsKafkaScheme(uri.scheme)) return KafkaSink::Validate(uri, config);
  if (uri.scheme == "blackhole") return BlackholeSink::Validate(uri);
  return UnknownScheme(uri);
}

Status ValidateSinkTables(const Uri& uri, const ReplicaConfig& config,
                          std::span<const TableInfoPtr> tables) {
  if (!IsKafkaScheme(uri.scheme)) return Status::Ok();
  ASSIGN_OR_RETURN_STATUS(const KafkaSinkConfig kafka, KafkaSinkConfig::Make(uri, config, ""));
  ASSIGN_OR_RETURN_STATUS(
      const auto router,
      EventRouter::Create(config.sink.dispatchers, config.case_sensitive, kafka.topic));
  for (const TableInfoPtr& table : tables)
    RETURN_IF_ERROR(router->Check(*table, kafka.column_selectors.get()));
  return Status::Ok();
}

}  // namespace cdc

// The sink's configuration in librdkafka's words.
#pragma once

#include <map>
#include <string>

#include "dataflow/sink/kafka/kafka_sink_config.h"

namespace cdc {

// Of a request; topics may take less. Larger ones gain little; smaller ones cost a request each.
inline constexpr size_t kKafkaBatchBytesMax = 1'000'000;

using KafkaProperties = std::map<std::string, std::string>;

// What every connection needs: brokers, timeouts, TLS, SASL.
KafkaProperties ClientProperties(const KafkaSinkConfig& config);
// The same and how to produce.
KafkaProperties ProducerProperties(const KafkaSinkConfig& config);

}  // namespace cdc

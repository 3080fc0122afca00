// Owning handles for librdkafka's objects. Private to this folder: the one header that shows
// librdkafka's.
#pragma once

#include <memory>
#include <string>

#include <librdkafka/rdkafka.h>

#include "base/status.h"
#include "dataflow/sink/kafka/client_properties.h"

namespace cdc {

template <auto Free>
struct KafkaDeleter {
  void operator()(auto* object) const { Free(object); }
};
template <typename T, auto Free>
using KafkaHandle = std::unique_ptr<T, KafkaDeleter<Free>>;

using ConfHandle = KafkaHandle<rd_kafka_conf_t, rd_kafka_conf_destroy>;
using ClientHandle = KafkaHandle<rd_kafka_t, rd_kafka_destroy>;
using TopicHandle = KafkaHandle<rd_kafka_topic_t, rd_kafka_topic_destroy>;
using QueueHandle = KafkaHandle<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using EventHandle = KafkaHandle<rd_kafka_event_t, rd_kafka_event_destroy>;
using MetadataHandle = KafkaHandle<const rd_kafka_metadata_t, rd_kafka_metadata_destroy>;
using NewTopicHandle = KafkaHandle<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using ConfigResourceHandle =
    KafkaHandle<rd_kafka_ConfigResource_t, rd_kafka_ConfigResource_destroy>;
using AdminOptionsHandle = KafkaHandle<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;
using MessageHandle = KafkaHandle<rd_kafka_message_t, rd_kafka_message_destroy>;

// Room for librdkafka's error texts.
inline constexpr size_t kKafkaErrorTextBytes = 512;

// A configuration with these properties, which logs to our log. Errors (kKafkaConfig) name the
// property.
Result<ConfHandle> MakeConf(const KafkaProperties& properties);
// Errors: kKafkaProducer.
Result<ClientHandle> MakeClient(rd_kafka_type_t type, ConfHandle conf);

// The error of a request to brokers: kKafkaAuthorization where rights or credentials are missing,
// else `otherwise`.
Status KafkaError(rd_kafka_resp_err_t error, Code otherwise, std::string_view what);

}  // namespace cdc

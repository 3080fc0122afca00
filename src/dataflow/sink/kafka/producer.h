// Messages to Kafka brokers, through librdkafka.
#pragma once

#include <memory>
#include <stop_token>

#include "base/clock.h"
#include "dataflow/sink/kafka/kafka_admin.h"
#include "dataflow/sink/kafka/kafka_sink_config.h"
#include "dataflow/sink/kafka/message_queue.h"

namespace cdc {

// A message that the brokers don't acknowledge is sent again for KafkaSinkConfig::kDeliveryTimeout,
// through lost connections, restarts of brokers and changes of leaders; repeated ones are dropped
// by the broker where config.idempotent(), and order within a partition is kept in any case.
//
// Owns: librdkafka's threads, and one of ours that takes its reports.
// Errors of deliveries: kKafkaSend, kKafkaAuthorization; kStopped for what was under way when the
// producer ended.
class KafkaProducer {
 public:
  // Opens the configured topic, too. `clock` outlives the result. Blocks; gives up on `stop`.
  static Result<std::unique_ptr<MessageQueue>> Open(KafkaSinkConfig config,
                                                    std::unique_ptr<KafkaAdmin> admin, Clock& clock,
                                                    std::stop_token stop);
};

}  // namespace cdc

// Messages to a file, a line each (message_line.h): what a Kafka sink would send, without a broker.
#pragma once

#include <memory>
#include <string>

#include "dataflow/sink/kafka/kafka_sink_config.h"
#include "dataflow/sink/kafka/message_queue.h"

namespace cdc {

// Every topic is there, with partition-num partitions (3 by default). Offsets count from 0 in each
// partition.
class FileQueue {
 public:
  // Replaces the file. Errors: kSinkConfig if it cannot be written, kKafkaSend later on.
  static Result<std::unique_ptr<MessageQueue>> Open(const KafkaSinkConfig& config,
                                                    const std::string& path);
};

}  // namespace cdc

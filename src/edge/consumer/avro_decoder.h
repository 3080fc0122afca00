// avro: messages in the wire format of Confluent's registry.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "edge/consumer/message_decoder.h"

namespace cdc {

// Schemas by the numbers that messages name them by.
class SchemaSource {
 public:
  virtual ~SchemaSource() = default;
  // JSON. May block. Errors: kSchemaRegistry.
  virtual Result<std::string> SchemaOf(uint32_t id) = 0;
};

// A registry that speaks Confluent's API, at http(s)://host[:port][/path].
std::unique_ptr<SchemaSource> MakeRegistrySource(const std::string& url);

// Rows can be put in order only if they hold their commit ts and nothing is left out: the
// changefeed needs enable-tidb-extension, avro-enable-watermark and avro-include-before-value.
// Names are those of the schema: letters, digits and '_'.
std::unique_ptr<MessageDecoder> MakeAvroDecoder(std::unique_ptr<SchemaSource> schemas);

}  // namespace cdc

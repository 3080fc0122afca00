// Messages in Avro's binary encoding as comparable items.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dataflow/codec/schema_registry.h"
#include "dataflow/codec/tests/golden_messages.h"

namespace cdc {

// A registry in memory, which knows the schemas by their numbers.
class GoldenRegistry final : public SchemaRegistry {
 public:
  Result<uint32_t> Register(const std::string& subject, const std::string& schema) override;
  // Adds the schemas of a recording: [{"id", "subject", "schema"}].
  Status Load(const std::string& path);
  const std::string& Schema(uint32_t id) const;

 private:
  std::map<uint32_t, std::string> schemas_;
};

// A message of the protocol avro: schema and bytes.
void AppendAvro(const GoldenRegistry& registry, const Message& message,
                std::vector<GoldenItem>* out);
// One of the protocol simple in its Avro form.
void AppendSimpleAvro(const Message& message, std::vector<GoldenItem>* out);

}  // namespace cdc

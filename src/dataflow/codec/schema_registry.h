// A registry of Avro schemas, which gives them the numbers that messages name them by.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/status.h"

namespace cdc {

// Threads: all from any.
class SchemaRegistry {
 public:
  virtual ~SchemaRegistry() = default;

  // The number of `schema` (JSON) as a version of `subject`, which it becomes if it is none yet.
  // May block. Errors: kSchemaRegistry; the text has what the registry said.
  virtual Result<uint32_t> Register(const std::string& subject, const std::string& schema) = 0;
};

struct SchemaRegistryConfig {
  // http(s)://[user:password@]host[:port][/path]; "-": none, schemas get numbers in their order
  // (for cdc-replay).
  std::string url;
  // For https; files, empty: the system's authorities, no certificate of our own.
  std::string ca;
  std::string cert;
  std::string key;

  // No call lasts longer, with all its tries.
  static constexpr std::chrono::seconds kTimeout{30};
};

// A registry that speaks Confluent's API. What it answered once is remembered. `clock` outlives it.
// Asks the registry whether it is there. Errors: kSinkConfig for the URL, kSchemaRegistry.
Result<std::unique_ptr<SchemaRegistry>> ConnectSchemaRegistry(const SchemaRegistryConfig& config,
                                                              Clock& clock);

}  // namespace cdc

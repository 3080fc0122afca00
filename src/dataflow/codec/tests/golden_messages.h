// Messages as comparable items: batches taken apart, what depends on the clock masked.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dataflow/codec/encoder.h"

namespace cdc {

// One row or schema change. Watermarks have none.
struct GoldenItem {
  bool ddl = false;
  std::string table;  // "schema.table"
  Ts commit_ts;       // to the millisecond where the protocol has no more
  std::string text;   // all of it, in a form in which equal contents are equal texts
};

// Appends the items of one message; gtest failures name what can't be read.
void AppendItems(Protocol protocol, const Message& message, std::vector<GoldenItem>* out);

// The messages of a Kafka topic as the recordings have them: {"partition", "key", "value"} a line.
struct GoldenMessage {
  int partition = 0;
  Message message;
};
Result<std::vector<GoldenMessage>> ReadGolden(const std::string& path);

}  // namespace cdc

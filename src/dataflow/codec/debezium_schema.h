// Columns as Debezium's messages describe and write them.
#pragma once

#include <string>
#include <string_view>

#include "dataflow/codec/utc_text.h"
#include "model/table_info.h"

namespace cdc {

// {"type":"int32","optional":true,"field":"id"}; with `tidb_type` first if that is asked for.
void AppendDebeziumField(const ColumnInfo& column, bool with_tidb_type, std::string* out);

// A row's value. `utc` for TIMESTAMPs, which rows hold in the changefeed's zone; `scratch` is
// overwritten.
void AppendDebeziumValue(const FieldType& type, const Datum& value, UtcText* utc,
                         std::string* scratch, std::string* out);

// A name with all but ASCII letters, digits and '_' replaced, as Avro and Kafka Connect want it.
// `first_digit`: a digit may come first; `dots`: they stay.
std::string SafeName(std::string_view name, bool first_digit = false, bool dots = false);

// The schema of a message's "source".
std::string DebeziumSourceSchema(bool with_tidb_fields, bool with_start_ts);

}  // namespace cdc

// Any bytes as TiDB's description of a table.
#include <cstdint>

#include "dataflow/mounter/row_codec.h"
#include "dataflow/mounter/table_info_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto table = cdc::ParseTableInfo({reinterpret_cast<const char*>(data), size},
                                         cdc::SchemaId{1}, "db", cdc::Ts(1));
  // What is accepted must be able to decode rows.
  if (table) cdc::RowDecoder(**table, *cdc::TimeZone::Load("UTC"));
  return 0;
}

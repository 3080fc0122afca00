// Any bytes as a row of format v2: as they are, and as the value of each column in turn.
#include <cstdint>

#include "row_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string key = cdc::RecordKeyOf(cdc::TableId{1}, 7);
  std::string row = "\x80";
  row.append(bytes);
  cdc::DecodeAndPrint(key, row, /*common_handle=*/false);
  for (int64_t id = 2; id <= 15; ++id)
    cdc::DecodeAndPrint(key, cdc::RowV2Bytes({{id, std::string(bytes)}}), /*common_handle=*/false);
  return 0;
}

// Any bytes as a row of format v1.
#include <cstdint>

#include "row_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (!bytes.empty() && data[0] == 128) return 0;  // format v2
  cdc::DecodeAndPrint(cdc::RecordKeyOf(cdc::TableId{1}, 7), bytes, /*common_handle=*/false);
  return 0;
}

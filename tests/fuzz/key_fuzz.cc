// Any bytes as a record key, with an integer handle and with a common one.
#include <cstdint>

#include "row_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string row = cdc::RowV2Bytes({});
  cdc::DecodeAndPrint(bytes, row, /*common_handle=*/false);
  cdc::DecodeAndPrint(bytes, row, /*common_handle=*/true);
  // As the handle of a well-formed key, too.
  std::string key = cdc::RecordKeyOf(cdc::TableId{1}, 0);
  key.resize(key.size() - 8);
  key.append(bytes);
  cdc::DecodeAndPrint(key, row, /*common_handle=*/true);
  return 0;
}

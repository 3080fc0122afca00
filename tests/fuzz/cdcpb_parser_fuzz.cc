// The parser of the change feed must survive any bytes.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "dataflow/upstream/cdcpb_parser.h"
#include "dataflow/upstream/matcher.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto inside = [&](std::string_view view) {
    return view.empty() || (view.data() >= bytes.data() &&
                            view.data() + view.size() <= bytes.data() + bytes.size());
  };
  cdc::ChangeData parsed;
  if (!cdc::ParseChangeData(bytes, &parsed).ok()) return 0;
  cdc::Matcher matcher(cdc::Ts(1));
  std::vector<cdc::KvEvent> out;
  for (const cdc::CdcEvent& event : parsed.events) {
    CDC_CHECK(inside(event.payload));
    if (event.kind != cdc::CdcEvent::Kind::kEntries) continue;
    cdc::CdcRowReader rows(event.payload);
    for (cdc::CdcRow row; rows.Next(&row);) {
      CDC_CHECK(inside(row.key) && inside(row.value) && inside(row.old_value));
      (void)matcher.Add(row, nullptr, &out);
    }
  }
  return 0;
}

#include "simulator/cdc_wire.h"

namespace cdc::wire {
namespace {

// Protobuf's tags of the fields that are written, by the field numbers published in kvproto.
constexpr char kVarint = 0;
constexpr char kBytes = 2;
constexpr char Tag(int field, char type) { return static_cast<char>(field << 3 | type); }

void AppendNumber(std::string* out, int field, uint64_t value) {
  if (value == 0) return;
  out->push_back(Tag(field, kVarint));
  AppendVarint(out, value);
}

void AppendBytes(std::string* out, int field, std::string_view bytes) {
  if (bytes.empty()) return;
  out->push_back(Tag(field, kBytes));
  AppendVarint(out, bytes.size());
  out->append(bytes);
}

size_t NumberSize(uint64_t value) { return value == 0 ? 0 : 1 + VarintSize(value); }
size_t BytesSize(std::string_view bytes) {
  return bytes.empty() ? 0 : 1 + VarintSize(bytes.size()) + bytes.size();
}

// Opens ChangeDataEvent.events, whose fields but the ids take `rest` bytes.
void AppendEventStart(std::string* out, uint64_t region, uint64_t request, size_t rest) {
  out->push_back(Tag(1, kBytes));
  AppendVarint(out, NumberSize(region) + NumberSize(request) + rest);
  AppendNumber(out, 1, region);
  AppendNumber(out, 7, request);
}

}  // namespace

void AppendVarint(std::string* out, uint64_t value) {
  char buffer[10];
  size_t size = 0;
  while (value >= 0x80) {
    buffer[size++] = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  buffer[size++] = static_cast<char>(value);
  out->append(buffer, size);
}

size_t VarintSize(uint64_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

void AppendRow(std::string* entries, const Row& row) {
  const auto type = static_cast<uint64_t>(row.type);
  const auto op = static_cast<uint64_t>(row.op);
  const size_t size = NumberSize(row.start_ts.raw()) + NumberSize(row.commit_ts.raw()) +
                      NumberSize(type) + NumberSize(op) + BytesSize(row.key) +
                      BytesSize(row.value) + BytesSize(row.old_value) + NumberSize(row.txn_source);
  entries->push_back(Tag(1, kBytes));
  AppendVarint(entries, size);
  AppendNumber(entries, 1, row.start_ts.raw());
  AppendNumber(entries, 2, row.commit_ts.raw());
  AppendNumber(entries, 3, type);
  AppendNumber(entries, 4, op);
  AppendBytes(entries, 5, row.key);
  AppendBytes(entries, 6, row.value);
  AppendBytes(entries, 7, row.old_value);
  AppendNumber(entries, 9, row.txn_source);
}

void AppendEventHead(std::string* out, uint64_t region, uint64_t request, size_t rows_bytes) {
  AppendEventStart(out, region, request, 1 + VarintSize(rows_bytes) + rows_bytes);
  out->push_back(Tag(3, kBytes));
  AppendVarint(out, rows_bytes);
}

void AppendEvent(std::string* out, uint64_t region, uint64_t request, std::string_view entries) {
  AppendEventHead(out, region, request, entries.size());
  out->append(entries);
}

void AppendError(std::string* out, uint64_t region, uint64_t request, std::string_view error) {
  AppendEventStart(out, region, request, 1 + VarintSize(error.size()) + error.size());
  out->push_back(Tag(5, kBytes));
  AppendVarint(out, error.size());
  out->append(error);
}

void AppendResolved(std::string* out, uint64_t request, Ts ts, std::span<const uint64_t> regions) {
  size_t packed = 0;
  for (const uint64_t region : regions) packed += VarintSize(region);
  out->push_back(Tag(2, kBytes));
  AppendVarint(out, 1 + VarintSize(packed) + packed + NumberSize(ts.raw()) + NumberSize(request));
  out->push_back(Tag(1, kBytes));
  AppendVarint(out, packed);
  for (const uint64_t region : regions) AppendVarint(out, region);
  AppendNumber(out, 2, ts.raw());
  AppendNumber(out, 3, request);
}

void AppendResolvedEvent(std::string* out, uint64_t region, uint64_t request, Ts ts) {
  AppendEventStart(out, region, request, NumberSize(ts.raw()));
  AppendNumber(out, 6, ts.raw());
}

}  // namespace cdc::wire

#include "dataflow/upstream/cdcpb_parser.h"

namespace cdc {
namespace {

// Field numbers of cdcpb, as published in kvproto.
namespace change_data_field {
constexpr uint32_t kEvents = 1;
constexpr uint32_t kResolved = 2;
}  // namespace change_data_field
namespace event_field {
constexpr uint32_t kRegion = 1;
constexpr uint32_t kEntries = 3;
constexpr uint32_t kError = 5;
constexpr uint32_t kResolved = 6;
constexpr uint32_t kRequest = 7;
}  // namespace event_field
namespace resolved_field {
constexpr uint32_t kRegions = 1;
constexpr uint32_t kTs = 2;
constexpr uint32_t kRequest = 3;
}  // namespace resolved_field
namespace row_field {
constexpr uint32_t kStartTs = 1;
constexpr uint32_t kCommitTs = 2;
constexpr uint32_t kType = 3;
constexpr uint32_t kOp = 4;
constexpr uint32_t kKey = 5;
constexpr uint32_t kValue = 6;
constexpr uint32_t kOldValue = 7;
constexpr uint32_t kGeneration = 10;
}  // namespace row_field
constexpr uint32_t kEntriesRow = 1;

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// One field: a number for kVarint, bytes for kBytes, nothing for the rest.
struct Field {
  uint32_t number = 0;
  uint32_t type = 0;
  uint64_t varint = 0;
  std::string_view bytes;
};

// Reads protobuf's wire format. After a failure every read fails.
class WireReader {
 public:
  explicit WireReader(std::string_view data) : at_(data.data()), end_(at_ + data.size()) {}

  bool failed() const { return failed_; }
  std::string_view rest() const { return {at_, static_cast<size_t>(end_ - at_)}; }

  bool ReadVarint(uint64_t* value) {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) [[likely]] {
      *value = static_cast<uint8_t>(*at_++);
      return true;
    }
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const auto byte = static_cast<uint8_t>(*at_++);
      result |= uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) {
        *value = result;
        return true;
      }
    }
    return Fail();
  }

  // False at the end and on failure.
  bool Next(Field* field) {
    if (at_ == end_ || failed_) return false;
    uint64_t tag;
    if (!ReadVarint(&tag)) return false;
    if (tag >> 3 == 0 || tag >> 3 > kFieldNumberMax) return Fail();
    field->number = static_cast<uint32_t>(tag >> 3);
    field->type = static_cast<uint32_t>(tag & 7);
    switch (field->type) {
      case kVarint:
        return ReadVarint(&field->varint);
      case kBytes: {
        uint64_t size;
        if (!ReadVarint(&size)) return false;
        return Take(size, &field->bytes);
      }
      case kFixed64:
        return Take(sizeof(uint64_t), &field->bytes);
      case kFixed32:
        return Take(sizeof(uint32_t), &field->bytes);
      default:
        return Fail();  // groups are not used by anyone
    }
  }

 private:
  static constexpr uint64_t kFieldNumberMax = (1U << 29) - 1;

  bool Take(uint64_t size, std::string_view* bytes) {
    if (size > static_cast<uint64_t>(end_ - at_)) return Fail();
    *bytes = {at_, size};
    at_ += size;
    return true;
  }
  bool Fail() {
    failed_ = true;
    at_ = end_;
    return false;
  }

  const char* at_;
  const char* const end_;
  bool failed_ = false;
};

bool ParseEvent(std::string_view data, CdcEvent* event) {
  WireReader reader(data);
  for (Field f; reader.Next(&f);) {
    if (f.number == event_field::kRegion && f.type == kVarint) {
      event->region_id = f.varint;
    } else if (f.number == event_field::kRequest && f.type == kVarint) {
      event->request_id = f.varint;
    } else if (f.number == event_field::kResolved && f.type == kVarint) {
      event->kind = CdcEvent::Kind::kResolved;
      event->resolved = Ts(f.varint);
    } else if (f.number == event_field::kEntries && f.type == kBytes) {
      event->kind = CdcEvent::Kind::kEntries;
      event->payload = f.bytes;
    } else if (f.number == event_field::kError && f.type == kBytes) {
      event->kind = CdcEvent::Kind::kError;
      event->payload = f.bytes;
    }
  }
  return !reader.failed();
}

bool ParseResolved(std::string_view data, CdcResolved* resolved) {
  WireReader reader(data);
  for (Field f; reader.Next(&f);) {
    if (f.number == resolved_field::kTs && f.type == kVarint) {
      resolved->ts = Ts(f.varint);
    } else if (f.number == resolved_field::kRequest && f.type == kVarint) {
      resolved->request_id = f.varint;
    } else if (f.number == resolved_field::kRegions && f.type == kVarint) {
      resolved->regions.push_back(f.varint);
    } else if (f.number == resolved_field::kRegions && f.type == kBytes) {
      WireReader packed(f.bytes);
      for (uint64_t region; !packed.rest().empty() && packed.ReadVarint(&region);) {
        resolved->regions.push_back(region);
      }
      if (packed.failed()) return false;
    }
  }
  return !reader.failed();
}

CdcRowType ToRowType(uint64_t value) {
  return value <= static_cast<uint64_t>(CdcRowType::kInitialized) ? static_cast<CdcRowType>(value)
                                                                  : CdcRowType::kUnknown;
}

std::optional<KvOp> ToOp(uint64_t value) {
  if (value == 1) return KvOp::kPut;
  if (value == 2) return KvOp::kDelete;
  return std::nullopt;
}

bool ParseRow(std::string_view data, CdcRow* row) {
  WireReader reader(data);
  for (Field f; reader.Next(&f);) {
    if (f.type == kVarint) {
      switch (f.number) {
        case row_field::kStartTs:
          row->start_ts = Ts(f.varint);
          break;
        case row_field::kCommitTs:
          row->commit_ts = Ts(f.varint);
          break;
        case row_field::kType:
          row->type = ToRowType(f.varint);
          break;
        case row_field::kOp:
          row->op = ToOp(f.varint);
          break;
        case row_field::kGeneration:
          row->generation = f.varint;
          break;
        default:
          break;
      }
    } else if (f.type == kBytes) {
      switch (f.number) {
        case row_field::kKey:
          row->key = f.bytes;
          break;
        case row_field::kValue:
          row->value = f.bytes;
          break;
        case row_field::kOldValue:
          row->old_value = f.bytes;
          break;
        default:
          break;
      }
    }
  }
  return !reader.failed();
}

}  // namespace

void ChangeData::Clear() {
  events.clear();
  resolved.reset();
}

Status ParseChangeData(std::string_view buffer, ChangeData* out) {
  out->Clear();
  WireReader reader(buffer);
  for (Field f; reader.Next(&f);) {
    if (f.type != kBytes) continue;
    if (f.number == change_data_field::kEvents) {
      if (!ParseEvent(f.bytes, &out->events.emplace_back())) {
        return Status(Code::kEventFeedEvent, "broken event {} in a ChangeDataEvent of {} bytes",
                      out->events.size(), buffer.size());
      }
    } else if (f.number == change_data_field::kResolved) {
      if (!out->resolved) out->resolved.emplace();
      if (!ParseResolved(f.bytes, &*out->resolved)) {
        return Status(Code::kEventFeedEvent, "broken resolved ts in a ChangeDataEvent");
      }
    }
  }
  if (!reader.failed()) return Status::Ok();
  return Status(Code::kEventFeedEvent, "broken ChangeDataEvent of {} bytes", buffer.size());
}

bool CdcRowReader::Next(CdcRow* row) {
  WireReader reader(rest_);
  for (Field f; reader.Next(&f);) {
    if (f.number != kEntriesRow || f.type != kBytes) continue;
    rest_ = reader.rest();
    *row = {};
    if (ParseRow(f.bytes, row)) return true;
    status_ = Status(Code::kEventFeedEvent, "broken row of {} bytes", f.bytes.size());
    rest_ = {};
    return false;
  }
  if (reader.failed()) status_ = Status(Code::kEventFeedEvent, "broken entries");
  rest_ = {};
  return false;
}

}  // namespace cdc

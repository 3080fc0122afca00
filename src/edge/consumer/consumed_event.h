// What the messages of any protocol say, in one vocabulary.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "model/ddl_event.h"
#include "model/ts.h"

namespace cdc {

struct ConsumedValue {
  enum class Kind : uint8_t {
    kNull,
    kNumber,  // digits, to be written without quotes: also ENUM's index, SET's and BIT's mask
    kText,    // to be quoted
    kBytes,   // a binary string
    // What the downstream's column must tell (column_value.h):
    kByColumn,  // base64 for a binary column, the number of an ENUM, SET, BIT or YEAR, else text
    kDebeziumNumber,  // days, milliseconds … for times
    kDebeziumText,    // base64 for a binary column or a BIT
  };
  Kind kind = Kind::kNull;
  std::string text;

  static ConsumedValue Null() { return {}; }
  static ConsumedValue Number(std::string digits) { return {Kind::kNumber, std::move(digits)}; }
  static ConsumedValue Text(std::string text) { return {Kind::kText, std::move(text)}; }
  static ConsumedValue Bytes(std::string bytes) { return {Kind::kBytes, std::move(bytes)}; }
  friend bool operator==(const ConsumedValue&, const ConsumedValue&) = default;
};

struct ConsumedColumn {
  std::string name;
  ConsumedValue value;
  bool key = false;  // the message says that it is part of what identifies the row
};

// An insert has no `before`, a delete no `after`. An update without old values has no `before`
// either: it can only be told from an insert downstream.
struct ConsumedRow {
  Ts commit_ts;
  std::string schema;
  std::string table;
  std::vector<ConsumedColumn> before;
  std::vector<ConsumedColumn> after;
  // Where the message with all columns is; "": this is it.
  std::string claim_location;

  bool is_delete() const { return after.empty(); }
};

struct ConsumedDdl {
  Ts commit_ts;
  std::string schema;  // "" where the message names none
  std::string table;   // "" for databases
  std::string query;
  DdlType type = DdlType::kNone;
};

// All rows and schema changes up to `ts` of this partition have been seen.
struct ConsumedWatermark {
  Ts ts;
};

using ConsumedEvent = std::variant<ConsumedRow, ConsumedDdl, ConsumedWatermark>;

Ts TsOf(const ConsumedEvent& event);

}  // namespace cdc

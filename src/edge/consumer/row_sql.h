// Rows of messages as SQL.
#pragma once

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "edge/consumer/consumed_event.h"

namespace cdc {

// What information_schema says about a table.
struct DownstreamTable {
  struct Column {
    std::string type;        // DATA_TYPE, in lower case
    bool binary = false;     // a binary string
    bool generated = false;  // not to be written
    bool is_unsigned = false;
    int fraction_digits = 0;                               // of a time
    double float_max = std::numeric_limits<float>::max();  // FLOAT(M,D) holds less
  };
  std::map<std::string, Column> columns;  // by their names in lower case
  // Of the primary key, or else the first unique key without NULLs; lower case. Empty: none.
  std::vector<std::string> key;

  const Column* Find(const std::string& name) const;
};

// Builds the statements of one transaction, from rows in order. Neighbours of one table that do the
// same become one statement. Where the row may be there already, the same rows again do no harm,
// unless the table has no key.
class RowSql {
 public:
  // Errors: kDecode for what the table cannot hold.
  Status Add(const ConsumedRow& row, const DownstreamTable& table);
  // Ends the statement under way.
  const std::string& Finish();
  const std::string& text() const { return text_; }
  // An ENUM's error value, which strict sessions refuse.
  bool has_enum_error() const { return has_enum_error_; }

 private:
  Status Delete(const ConsumedRow& row, const DownstreamTable& table);
  Status Write(const ConsumedRow& row, const DownstreamTable& table);
  Status AppendLiteral(const ConsumedColumn& column, const DownstreamTable& table,
                       std::string* out);
  // The columns that tell the row from others; all where there is no key.
  std::vector<const ConsumedColumn*> KeyColumns(const std::vector<ConsumedColumn>& columns,
                                                const DownstreamTable& table) const;
  // Goes on with the statement if it has the same head, else begins it.
  void Continue(const std::string& head, const char* separator, const std::string& part,
                const char* tail);

  std::string text_;
  std::string head_;  // of the statement under way; "" if none is
  std::string tail_;
  bool has_enum_error_ = false;
};

}  // namespace cdc

// Which rows must not be written out of order: the values of a row's unique keys, as numbers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/row.h"

namespace cdc {

// One unique key's value. Equal values under the key's collation give equal numbers; different ones
// may (by chance, or because text is compared more coarsely than any collation does).
struct ConflictKey {
  uint64_t hash = 0;
  // The key's value can't be compared here: text whose equals only the collation's tables tell
  // (accents, ligatures, control characters), or a column that only the database computes. Then the
  // row conflicts with all rows of the table that have a value in this key, and `hash` names table
  // and key only.
  bool whole_index = false;
  // The number of table and key, for the ones that `whole_index` rows conflict with; 0 if the key's
  // collation compares bytes.
  uint64_t index_hash = 0;
  friend bool operator==(const ConflictKey&, const ConflictKey&) = default;
};

// Not thread-safe (reuses a buffer).
class ConflictKeyMaker {
 public:
  // Adds the keys of one image of a row: one for each unique key that holds no NULL (also those
  // over virtual columns, which the image lacks). For a table without a key that identifies rows,
  // also one for the whole row.
  void AddImage(const TableInfo& table, std::span<const Datum> image,
                std::vector<ConflictKey>* keys);
  // Both images of the row.
  void AddRow(const RowChange& row, std::vector<ConflictKey>* keys);

 private:
  void AddUniqueKey(const TableInfo& table, const TableInfo::UniqueKey& key,
                    std::span<const Datum> image, std::vector<ConflictKey>* keys);
  void AddUnseenKeys(const TableInfo& table, std::vector<ConflictKey>* keys);
  void AddWholeRow(const TableInfo& table, std::span<const Datum> image,
                   std::vector<ConflictKey>* keys);

  std::string buffer_;
};

}  // namespace cdc

#include "dataflow/sink/mysql/conflict_keys.h"

#include <algorithm>
#include <string_view>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"
#include "model/value_text.h"

namespace cdc {
namespace {

uint64_t Hash(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The first `characters` code points.
std::string_view Utf8Prefix(std::string_view text, int64_t characters) {
  size_t i = 0;
  for (; i < text.size(); ++i)
    if (!IsContinuation(text[i]) && characters-- == 0) break;
  return text.substr(0, i);
}

// Collations that compare code points (TiDB's, and what they become downstream).
bool ComparesBytes(const FieldType& type) {
  return type.is_binary_charset() || type.collation.ends_with("_bin") || type.collation == "binary";
}

// CJK ideographs of the basic block equal only themselves in every collation; so do printable ASCII
// characters, but for case. All else may equal another character, or nothing at all.
bool AppendFolded(std::string_view text, std::string* out) {
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c < 0x7f) {
      out->push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c));
      ++i;
      continue;
    }
    if (c < 0xe4 || c > 0xe9 || i + 2 >= text.size()) return false;
    const uint32_t point = (c & 0xfu) << 12 |
                           (static_cast<unsigned char>(text[i + 1]) & 0x3fu) << 6 |
                           (static_cast<unsigned char>(text[i + 2]) & 0x3fu);
    if (point < 0x4e00 || point > 0x9fa5) return false;
    out->append(text, i, 3);
    i += 3;
  }
  return true;
}

void TrimEnd(std::string_view* text, char c) {
  while (!text->empty() && text->back() == c) text->remove_suffix(1);
}

// False: the text can't be folded.
bool AppendText(std::string_view text, const FieldType& type, int64_t prefix, std::string* out) {
  if (type.is_binary_charset()) {
    if (prefix >= 0) text = text.substr(0, static_cast<size_t>(prefix));
    TrimEnd(&text, '\0');  // BINARY(n) is padded
    AppendBigEndian64(out, text.size());
    out->append(text);
    return true;
  }
  if (prefix >= 0) text = Utf8Prefix(text, prefix);
  TrimEnd(&text, ' ');  // most collations ignore trailing spaces
  AppendBigEndian64(out, text.size());
  if (!ComparesBytes(type)) return AppendFolded(text, out);
  out->append(text);
  return true;
}

bool AppendValue(const Datum& value, const FieldType& type, int64_t prefix, std::string* out) {
  switch (value.kind()) {
    case Datum::Kind::kBytes:
      return AppendText(value.as_view(), type, prefix, out);
    case Datum::Kind::kDecimal: {  // leading zeros are free in the stored form
      const size_t at = out->size();
      AppendDecimal(value.as_view(), out);
      AppendBigEndian64(out, out->size() - at);
      return true;
    }
    case Datum::Kind::kJson:
    case Datum::Kind::kVector:
      AppendBigEndian64(out, value.as_view().size());
      out->append(value.as_view());
      return true;
    case Datum::Kind::kFloat:
    case Datum::Kind::kDouble:  // -0 equals 0
      AppendBigEndian64(out, value.as_double() == 0 ? 0 : value.as_uint());
      return true;
    case Datum::Kind::kNull:
      out->push_back('N');
      return true;
    default:
      AppendBigEndian64(out, value.as_uint());
      return true;
  }
}

}  // namespace

void ConflictKeyMaker::AddUniqueKey(const TableInfo& table, const TableInfo::UniqueKey& key,
                                    std::span<const Datum> image, std::vector<ConflictKey>* keys) {
  if (key.nullable)
    for (const int column : key.columns)
      if (image[static_cast<size_t>(column)].is_null()) return;
  buffer_.clear();
  AppendBigEndian64(&buffer_, static_cast<uint64_t>(Raw(table.id)));
  bool compares_bytes = true;
  for (const int column : key.columns) {
    const ColumnInfo& info = *table.columns[static_cast<size_t>(column)];
    AppendBigEndian64(&buffer_, static_cast<uint64_t>(info.id));
    if (image[static_cast<size_t>(column)].kind() == Datum::Kind::kBytes)
      compares_bytes = compares_bytes && ComparesBytes(info.type);
  }
  const size_t name_size = buffer_.size();
  bool foldable = true;
  for (size_t i = 0; i < key.columns.size() && foldable; ++i) {
    const auto column = static_cast<size_t>(key.columns[i]);
    foldable =
        AppendValue(image[column], table.columns[column]->type, key.prefix_lengths[i], &buffer_);
  }
  ConflictKey result;
  if (!compares_bytes) result.index_hash = Hash({buffer_.data(), name_size}) | 1;
  result.whole_index = !foldable;
  result.hash = foldable ? Hash(buffer_) : result.index_hash;
  keys->push_back(result);
}

void ConflictKeyMaker::AddUnseenKeys(const TableInfo& table, std::vector<ConflictKey>* keys) {
  const auto replicated = [&table](const IndexColumn& column) {
    const auto offset = static_cast<size_t>(column.offset);
    return offset < table.all_columns.size() && !table.all_columns[offset].is_virtual() &&
           !table.all_columns[offset].hidden;
  };
  for (const IndexInfo& index : table.indexes) {
    // Also indexes that are being built: downstream they may be there already.
    if (!index.unique || index.primary) continue;
    if (!index.multi_valued && std::ranges::all_of(index.columns, replicated)) continue;
    buffer_.clear();
    AppendBigEndian64(&buffer_, static_cast<uint64_t>(Raw(table.id)));
    AppendBigEndian64(&buffer_, static_cast<uint64_t>(index.id));
    buffer_ += "unseen";
    const uint64_t hash = Hash(buffer_) | 1;
    keys->push_back({.hash = hash, .whole_index = true, .index_hash = hash});
  }
}

void ConflictKeyMaker::AddWholeRow(const TableInfo& table, std::span<const Datum> image,
                                   std::vector<ConflictKey>* keys) {
  buffer_.clear();
  AppendBigEndian64(&buffer_, static_cast<uint64_t>(Raw(table.id)));
  for (size_t i = 0; i < image.size(); ++i) {
    const Datum& value = image[i];
    // Rows are told apart byte by byte here, as the statements do that delete them.
    if (value.kind() == Datum::Kind::kBytes) {
      std::string_view text = value.as_view();
      TrimEnd(&text, table.columns[i]->type.is_binary_charset() ? '\0' : ' ');
      AppendBigEndian64(&buffer_, text.size());
      buffer_.append(text);
    } else {
      AppendValue(value, table.columns[i]->type, -1, &buffer_);
    }
  }
  keys->push_back({.hash = Hash(buffer_)});
}

void ConflictKeyMaker::AddImage(const TableInfo& table, std::span<const Datum> image,
                                std::vector<ConflictKey>* keys) {
  if (image.empty()) return;
  for (const TableInfo::UniqueKey& key : table.unique_keys) AddUniqueKey(table, key, image, keys);
  AddUnseenKeys(table, keys);
  if (!table.eligible()) AddWholeRow(table, image, keys);
}

void ConflictKeyMaker::AddRow(const RowChange& row, std::vector<ConflictKey>* keys) {
  AddImage(*row.table, row.before, keys);
  AddImage(*row.table, row.after, keys);
}

}  // namespace cdc

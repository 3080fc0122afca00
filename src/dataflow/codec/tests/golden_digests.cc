#include "dataflow/codec/tests/golden_digests.h"

#include <fstream>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <zstd.h>

#include "testing/recording.h"

namespace cdc {
namespace {

using Json = nlohmann::json;

constexpr size_t kDigits = 8;

}  // namespace

// FNV-1a, its two halves folded into one.
std::string DigestOf(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:08x}", static_cast<uint32_t>(hash ^ hash >> 32));
}

Result<std::vector<GoldenItem>> ReadDigests(const std::string& path) {
  std::vector<GoldenItem> items;
  RETURN_UNEXPECTED_IF_ERROR(ReadZstdLines(path, [&](std::string_view line) {
    const Json record = Json::parse(line, nullptr, false);
    if (!record.is_object()) return Status(Code::kUnmarshal, "{} has a line that is no JSON", path);
    const std::string table = record["table"];
    if (record.contains("ddl")) {
      items.push_back({.ddl = true,
                       .table = table,
                       .commit_ts = Ts(record["commit_ts"].get<uint64_t>()),
                       .text = record["digest"]});
      return Status::Ok();
    }
    const std::string rows = record["rows"];
    for (size_t at = 0; at < rows.size(); at += kDigits)
      items.push_back({.table = table, .text = rows.substr(at, kDigits)});
    return Status::Ok();
  }));
  return items;
}

Status WriteDigests(const std::string& path, const std::vector<GoldenItem>& items) {
  std::string lines;
  std::map<std::string, std::string> rows;
  for (const GoldenItem& item : items) {
    if (!item.ddl) {
      rows[item.table] += DigestOf(item.text);
      continue;
    }
    lines += Json({{"ddl", true},
                   {"table", item.table},
                   {"commit_ts", item.commit_ts.raw()},
                   {"digest", DigestOf(item.text)}})
                 .dump() +
             "\n";
  }
  for (const auto& [table, digests] : rows)
    lines += Json({{"table", table}, {"rows", digests}}).dump() + "\n";
  std::string packed(ZSTD_compressBound(lines.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), lines.data(), lines.size(), 19));
  std::ofstream file(path, std::ios::binary);
  file << packed;
  file.close();
  return file ? Status::Ok() : Status(Code::kUnmarshal, "cannot write {}", path);
}

}  // namespace cdc

// Reads configuration trees (TOML files, JSON from etcd) into structs. Private to this folder: the
// one header that shows nlohmann's JSON.
#pragma once

#include <chrono>
#include <concepts>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/status.h"

namespace cdc {

using Json = nlohmann::json;

// TOML text as JSON; dates and times are refused. Errors (kDecode) name the file and the line.
Result<Json> ParseToml(std::string_view text, std::string_view file_name);

// What is wrong with a tree, gathered while it is read so that the user sees all of it at once.
struct TreeProblems {
  std::vector<std::string> unknown;  // keys that nobody asked for
  std::vector<std::string> refused;  // "key = value": known, but not acted on
  std::vector<std::string> wrong;    // "key must be …"

  // Ok, or one line with everything.
  Status ToStatus(Code code, std::string_view what) const;
};

// Reads one table of a tree. Every key of it must be asked for; the others are unknown.
// Not thread-safe; `node` and `problems` outlive it.
class TreeReader {
 public:
  TreeReader(const Json& node, std::string path, TreeProblems* problems)
      : node_(node), path_(std::move(path)), problems_(problems) {
    if (!node_.is_object()) Wrong(path_, "a table");
  }

  // Each leaves `field` as it is where the key is missing or null.
  void Read(const char* key, bool* field);
  void Read(const char* key, std::string* field);
  void Read(const char* key, std::vector<std::string>* field);
  void Read(const char* key, std::vector<uint64_t>* field);
  // Go's notation, or a number of nanoseconds.
  void Read(const char* key, std::chrono::milliseconds* field);
  void ReadSeconds(const char* key, std::chrono::seconds* field);
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  void Read(const char* key, T* field) {
    const Json* value = Find(key);
    if (value == nullptr) return;
    if (!value->is_number_integer() || !InRange<T>(*value))
      return Wrong(Path(key), std::is_unsigned_v<T> ? "a number >= 0" : "an integer");
    *field = value->get<T>();
  }
  template <typename T>
  void Read(const char* key, std::optional<T>* field) {
    if (Find(key) == nullptr) return;
    T value{};
    Read(key, &value);
    *field = std::move(value);
  }
  template <typename F>
  void Section(const char* key, F read) {
    const Json* value = Find(key);
    if (value == nullptr) return;
    TreeReader reader(*value, Path(key), problems_);
    if (!value->is_object()) return;
    read(reader);
    reader.Finish();
  }
  // An array of tables: `read` once for each.
  template <typename F>
  void List(const char* key, F read) {
    const Json* value = Find(key);
    if (value == nullptr) return;
    if (!value->is_array()) return Wrong(Path(key), "an array of tables");
    for (size_t i = 0; i < value->size(); ++i) {
      TreeReader reader((*value)[i], Path(key) + "[" + std::to_string(i) + "]", problems_);
      if (!(*value)[i].is_object()) continue;
      read(reader);
      reader.Finish();
    }
  }
  // A key of TiCDC's that is not acted on: anything but `effective` is refused. Of a table, each
  // key that is there must have its effective value. Durations compare by value.
  void KeepsTo(const char* key, const Json& effective);
  // A key that has no effect whatever it is; true if it is there.
  bool Ignore(const char* key) { return Find(key) != nullptr; }
  // Reports the keys that nobody asked for.
  void Finish();

 private:
  template <typename T>
  static bool InRange(const Json& value) {
    if (value.is_number_unsigned()) return std::in_range<T>(value.get<uint64_t>());
    return std::in_range<T>(value.get<int64_t>());
  }
  const Json* Find(const char* key);  // null if missing or null
  std::string Path(std::string_view key) const;
  void Wrong(const std::string& path, std::string_view expected);
  void CompareWith(const Json& effective, const std::string& path, const Json& given);

  const Json& node_;
  const std::string path_;  // "sink.mysql-config"; empty at the root
  TreeProblems* const problems_;
  std::set<std::string, std::less<>> asked_;
};

}  // namespace cdc

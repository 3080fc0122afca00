// Ids of TiDB's and TiKV's objects, each a type of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <fmt/format.h>

namespace cdc {

// A table's id, or a partition's: what record keys carry ("physical table id").
enum class TableId : int64_t {};
enum class SchemaId : int64_t {};
enum class RegionId : uint64_t {};
enum class StoreId : uint64_t {};

using ChangefeedId = std::string;
using CaptureId = std::string;

constexpr int64_t Raw(TableId id) { return static_cast<int64_t>(id); }
constexpr int64_t Raw(SchemaId id) { return static_cast<int64_t>(id); }
constexpr uint64_t Raw(RegionId id) { return static_cast<uint64_t>(id); }
constexpr uint64_t Raw(StoreId id) { return static_cast<uint64_t>(id); }

template <typename Id>
struct IdFormatter : fmt::formatter<int64_t> {
  auto format(Id id, fmt::format_context& context) const {
    return fmt::formatter<int64_t>::format(static_cast<int64_t>(id), context);
  }
};

}  // namespace cdc

template <>
struct fmt::formatter<cdc::TableId> : cdc::IdFormatter<cdc::TableId> {};
template <>
struct fmt::formatter<cdc::SchemaId> : cdc::IdFormatter<cdc::SchemaId> {};
template <>
struct fmt::formatter<cdc::RegionId> : cdc::IdFormatter<cdc::RegionId> {};
template <>
struct fmt::formatter<cdc::StoreId> : cdc::IdFormatter<cdc::StoreId> {};

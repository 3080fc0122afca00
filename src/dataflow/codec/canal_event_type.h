// The event types of Alibaba's Canal, which canal-json has as names and canal as numbers.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/ddl_event.h"

namespace cdc {

// com.alibaba.otter.canal.protocol.EventType.
enum class CanalEventType : uint8_t {
  kInsert = 1,
  kUpdate = 2,
  kDelete = 3,
  kCreate = 4,
  kAlter = 5,
  kErase = 6,
  kQuery = 7,
  kTruncate = 8,
  kRename = 9,
  kCreateIndex = 10,
  kDropIndex = 11,
};

std::string_view CanalEventTypeName(CanalEventType type);  // "CINDEX"
CanalEventType CanalEventTypeOf(DdlType type);

}  // namespace cdc

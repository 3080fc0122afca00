// JSON of messages: total readers over nlohmann's tree. Private to the decoders.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "edge/consumer/consumed_event.h"

namespace cdc {

// Errors: kDecode for what is no JSON object.
Result<nlohmann::json> ParseObject(std::string_view text);

// The member, or null where there is none. `object` may be anything.
const nlohmann::json& Member(const nlohmann::json& object, const char* name);
// "" or 0 where the member is missing or of another type.
std::string TextOf(const nlohmann::json& object, const char* name);
uint64_t NumberOf(const nlohmann::json& object, const char* name);
bool FlagOf(const nlohmann::json& object, const char* name);

// Where `before` lacks columns that did not change, they are taken from `after`.
void FillUnchanged(const std::vector<ConsumedColumn>& after, std::vector<ConsumedColumn>* before);

}  // namespace cdc

// Random identifiers.
#pragma once

#include <string>

namespace cdc {

// A version 4 UUID, "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx". Thread-safe.
std::string MakeUuid();

}  // namespace cdc

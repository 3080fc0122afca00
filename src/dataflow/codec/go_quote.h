// Bytes as Go's strconv.Quote writes them, which open-protocol uses for binary strings.
#pragma once

#include <string>
#include <string_view>

namespace cdc {

// Without the quotes: printable UTF-8 as it is, the rest as \n, \x1f, \u200b, \U000e0001.
void AppendGoQuoted(std::string_view bytes, std::string* out);

}  // namespace cdc

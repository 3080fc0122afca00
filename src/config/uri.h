// Sink URIs: scheme://user:password@host:port/path?key=value&…
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace cdc {

struct Uri {
  std::string scheme;  // lower case
  std::string user;    // percent-decoded
  std::optional<std::string> password;
  std::string host;  // without brackets for IPv6; several hosts of a Kafka URI stay one comma list
                     // with their ports
  std::optional<uint16_t> port;
  std::string path;                           // with its leading '/', percent-decoded
  std::map<std::string, std::string> params;  // percent-decoded; a key given twice is an error

  // Errors name what is wrong (kSinkUri).
  static Result<Uri> Parse(std::string_view text);
  // The text with the password (and the values of parameters that hold secrets) replaced by
  // "xxxxx": for logs and answers.
  static std::string Mask(std::string_view text);
};

}  // namespace cdc

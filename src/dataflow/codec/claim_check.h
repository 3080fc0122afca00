// A store for messages that are too large for the broker: what is sent then is where they are.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace cdc {

// Threads: all from any.
class ClaimCheckStore {
 public:
  virtual ~ClaimCheckStore() = default;

  // Keeps `content` under a new name, durably. Returns its full address. May block. Errors:
  // kClaimCheck.
  virtual Result<std::string> Put(std::string_view content) = 0;

  // By claim-check-storage-uri: "file:///directory" (made if it is missing). Errors: kSinkConfig,
  // kNotSupported for stores that are not there yet, kClaimCheck.
  static Result<std::unique_ptr<ClaimCheckStore>> Open(const std::string& uri);
};

}  // namespace cdc

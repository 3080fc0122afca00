#include "model/uuid.h"

#include <cstdint>
#include <random>

#include <fmt/core.h>

namespace cdc {

std::string MakeUuid() {
  std::random_device device;
  const auto random64 = [&] { return static_cast<uint64_t>(device()) << 32 | device(); };
  const uint64_t high = (random64() & ~uint64_t{0xf000}) | 0x4000;
  const uint64_t low = (random64() & ~(uint64_t{3} << 62)) | (uint64_t{2} << 62);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff,
                     high & 0xffff, low >> 48, low & 0xffff'ffff'ffff);
}

}  // namespace cdc

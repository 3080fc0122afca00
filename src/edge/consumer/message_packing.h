// Messages that were packed one by one (large-message-handle-compression). Private to the decoders.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "dataflow/codec/codec_options.h"

namespace cdc {

// What CompressMessage (codec/message_compression.h) made of it. Input is foreign. Errors: kDecode,
// also for what would get larger than kUnpackedBytesMax.
Result<std::string> UnpackMessage(MessageCompression compression, std::string_view packed);

inline constexpr size_t kUnpackedBytesMax = size_t{256} << 20;

}  // namespace cdc

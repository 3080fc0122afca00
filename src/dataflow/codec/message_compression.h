// Keys and values of messages, packed one by one (large-message-handle-compression).
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "dataflow/codec/codec_options.h"

namespace cdc {

// "none" (also ""), "snappy", "lz4", "zstd". Errors: kSinkConfig.
Result<MessageCompression> MessageCompressionFromName(std::string_view name);

// snappy's block format, LZ4's and zstd's frame formats. Errors: kEncode.
Result<std::string> CompressMessage(MessageCompression compression, std::string_view bytes);

}  // namespace cdc

#include "dataflow/codec/message_compression.h"

#include <lz4frame.h>
#include <snappy.h>
#include <zstd.h>

namespace cdc {
namespace {

Result<std::string> CompressLz4(std::string_view bytes) {
  std::string packed(LZ4F_compressFrameBound(bytes.size(), nullptr), '\0');
  const size_t size =
      LZ4F_compressFrame(packed.data(), packed.size(), bytes.data(), bytes.size(), nullptr);
  if (LZ4F_isError(size) != 0)
    return Error(Code::kEncode, "lz4 of {} bytes: {}", bytes.size(), LZ4F_getErrorName(size));
  packed.resize(size);
  return packed;
}

Result<std::string> CompressZstd(std::string_view bytes) {
  std::string packed(ZSTD_compressBound(bytes.size()), '\0');
  const size_t size =
      ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), ZSTD_CLEVEL_DEFAULT);
  if (ZSTD_isError(size) != 0)
    return Error(Code::kEncode, "zstd of {} bytes: {}", bytes.size(), ZSTD_getErrorName(size));
  packed.resize(size);
  return packed;
}

}  // namespace

Result<MessageCompression> MessageCompressionFromName(std::string_view name) {
  if (name.empty() || name == "none") return MessageCompression::kNone;
  if (name == "snappy") return MessageCompression::kSnappy;
  if (name == "lz4") return MessageCompression::kLz4;
  if (name == "zstd") return MessageCompression::kZstd;
  return Error(Code::kSinkConfig,
               "large-message-handle-compression '{}' is not one of none, snappy, lz4, zstd", name);
}

Result<std::string> CompressMessage(MessageCompression compression, std::string_view bytes) {
  switch (compression) {
    case MessageCompression::kNone:
      break;
    case MessageCompression::kSnappy: {
      std::string packed;
      snappy::Compress(bytes.data(), bytes.size(), &packed);
      return packed;
    }
    case MessageCompression::kLz4:
      return CompressLz4(bytes);
    case MessageCompression::kZstd:
      return CompressZstd(bytes);
  }
  return std::string(bytes);
}

}  // namespace cdc

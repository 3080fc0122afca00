#include "edge/consumer/message_packing.h"

#include <memory>

#include <lz4frame.h>
#include <snappy.h>
#include <zstd.h>

namespace cdc {
namespace {

constexpr size_t kChunkBytes = size_t{64} << 10;

Unexpected Malformed(const char* format, const char* what) {
  return Error(Code::kDecode, "a message that is no {}: {}", format, what);
}

Unexpected TooLarge() {
  return Error(Code::kDecode, "a message of more than {} bytes", kUnpackedBytesMax);
}

Result<std::string> UnpackSnappy(std::string_view packed) {
  size_t size = 0;
  if (!snappy::GetUncompressedLength(packed.data(), packed.size(), &size))
    return Malformed("snappy", "it has no length");
  if (size > kUnpackedBytesMax) return TooLarge();
  // Before memory is taken for a length that may be made up.
  if (!snappy::IsValidCompressedBuffer(packed.data(), packed.size()))
    return Malformed("snappy", "it is broken");
  std::string out;
  if (!snappy::Uncompress(packed.data(), packed.size(), &out))
    return Malformed("snappy", "it is broken");
  return out;
}

Result<std::string> UnpackLz4(std::string_view packed) {
  LZ4F_dctx* raw = nullptr;
  if (const size_t made = LZ4F_createDecompressionContext(&raw, LZ4F_VERSION); LZ4F_isError(made))
    return Malformed("lz4", LZ4F_getErrorName(made));
  const std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> context(
      raw, LZ4F_freeDecompressionContext);
  std::string out;
  std::string chunk(kChunkBytes, '\0');
  while (true) {
    size_t produced = chunk.size();
    size_t taken = packed.size();
    const size_t left =
        LZ4F_decompress(context.get(), chunk.data(), &produced, packed.data(), &taken, nullptr);
    if (LZ4F_isError(left)) return Malformed("lz4", LZ4F_getErrorName(left));
    packed.remove_prefix(taken);
    out.append(chunk, 0, produced);
    if (out.size() > kUnpackedBytesMax) return TooLarge();
    if (left == 0) return out;
    if (produced == 0 && taken == 0) return Malformed("lz4", "it ends early");
  }
}

Result<std::string> UnpackZstd(std::string_view packed) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                   ZSTD_freeDCtx);
  std::string out;
  std::string chunk(kChunkBytes, '\0');
  ZSTD_inBuffer input{packed.data(), packed.size(), 0};
  while (true) {
    ZSTD_outBuffer output{chunk.data(), chunk.size(), 0};
    const size_t before = input.pos;
    const size_t left = ZSTD_decompressStream(context.get(), &output, &input);
    if (ZSTD_isError(left)) return Malformed("zstd", ZSTD_getErrorName(left));
    out.append(chunk, 0, output.pos);
    if (out.size() > kUnpackedBytesMax) return TooLarge();
    if (left == 0) return out;
    if (output.pos == 0 && input.pos == before) return Malformed("zstd", "it ends early");
  }
}

}  // namespace

Result<std::string> UnpackMessage(MessageCompression compression, std::string_view packed) {
  switch (compression) {
    case MessageCompression::kNone:
      break;
    case MessageCompression::kSnappy:
      return UnpackSnappy(packed);
    case MessageCompression::kLz4:
      return UnpackLz4(packed);
    case MessageCompression::kZstd:
      return UnpackZstd(packed);
  }
  return std::string(packed);
}

}  // namespace cdc

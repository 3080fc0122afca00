// The URI parameters of codec_options.h.
#include <functional>
#include <limits>
#include <map>

#include "config/parameter.h"
#include "dataflow/codec/codec_options.h"

namespace cdc {
namespace {

constexpr Code kCode = Code::kSinkConfig;

using Setter = std::function<Status(const std::string& value, CodecOptions* options)>;
using Setters = std::map<std::string, Setter, std::less<>>;

Setter Bool(const char* name, bool CodecOptions::* field) {
  return [=](const std::string& value, CodecOptions* options) {
    ASSIGN_OR_RETURN_STATUS(options->*field, ParseBool(kCode, name, value));
    return Status::Ok();
  };
}

Setter Size(const char* name, size_t CodecOptions::* field) {
  return [=](const std::string& value, CodecOptions* options) {
    ASSIGN_OR_RETURN_STATUS(
        const int64_t number,
        ParseInteger(kCode, name, value, 1, std::numeric_limits<int32_t>::max()));
    options->*field = static_cast<size_t>(number);
    return Status::Ok();
  };
}

// One of two words.
template <typename Enum>
Setter Choice(const char* name, Enum CodecOptions::* field, const char* first, Enum if_first,
              const char* second, Enum if_second) {
  return [=](const std::string& value, CodecOptions* options) {
    if (value != first && value != second)
      return Status(kCode, "invalid {} '{}': expected {} or {}", name, value, first, second);
    options->*field = value == first ? if_first : if_second;
    return Status::Ok();
  };
}

const Setters& AllSetters() {
  using O = CodecOptions;
  static const Setters setters = {
      {"max-batch-size", Size("max-batch-size", &O::max_batch_rows)},
      {"enable-tidb-extension", Bool("enable-tidb-extension", &O::enable_tidb_extension)},
      {"content-compatible", Bool("content-compatible", &O::content_compatible)},
      {"only-output-updated-columns",
       Bool("only-output-updated-columns", &O::only_output_updated_columns)},
      {"avro-enable-watermark", Bool("avro-enable-watermark", &O::avro_enable_watermark)},
      {"avro-include-before-value",
       Bool("avro-include-before-value", &O::avro_include_before_value)},
      {"avro-decimal-handling-mode",
       Choice("avro-decimal-handling-mode", &O::avro_decimal, "precise", AvroDecimal::kPrecise,
              "string", AvroDecimal::kString)},
      {"avro-bigint-unsigned-handling-mode",
       Choice("avro-bigint-unsigned-handling-mode", &O::avro_unsigned_bigint, "long",
              AvroUnsignedBigint::kLong, "string", AvroUnsignedBigint::kString)},
      {"encoding-format", Choice("encoding-format", &O::simple_encoding, "json",
                                 SimpleEncoding::kJson, "avro", SimpleEncoding::kAvro)},
      {"debezium-disable-schema", Bool("debezium-disable-schema", &O::debezium_disable_schema)},
      {"debezium-include-start-ts",
       Bool("debezium-include-start-ts", &O::debezium_include_start_ts)},
      {"schema-registry",
       [](const std::string& value, CodecOptions* options) {
         options->schema_registry_url = value;
         return Status::Ok();
       }},
  };
  return setters;
}

}  // namespace

bool IsCodecParameter(std::string_view name) { return AllSetters().contains(name); }

Status SetCodecParameter(std::string_view name, const std::string& value, CodecOptions* options) {
  const auto found = AllSetters().find(name);
  if (found == AllSetters().end()) return Status(kCode, "'{}' is no parameter of messages", name);
  return found->second(value, options);
}

}  // namespace cdc

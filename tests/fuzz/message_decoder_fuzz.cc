// Any bytes as a message of each protocol that the consumer reads: a byte for the protocol, one for
// the length of the key, key and value. What is understood must make a statement or an error.
#include <cstdint>

#include "edge/consumer/avro_decoder.h"
#include "edge/consumer/message_decoder.h"
#include "edge/consumer/row_sql.h"

namespace {

// The same for every number, with a field of each kind.
class OneSchema final : public cdc::SchemaSource {
 public:
  cdc::Result<std::string> SchemaOf(uint32_t) override {
    return R"({"type":"record","name":"t","namespace":"d.s","fields":[
      {"name":"a","type":["null","long"]},{"name":"b","type":"string"},{"name":"c","type":"double"},
      {"name":"d","type":{"type":"bytes","logicalType":"decimal","scale":4}},
      {"name":"_ticdc_before","type":["null",{"type":"record","name":"x","fields":[
        {"name":"f","type":"float"}]}]},
      {"name":"_tidb_op","type":"string"},{"name":"_tidb_commit_ts","type":"long"}]})";
  }
};

// Packed messages of a protocol that packs within its messages, and of one that does not.
std::unique_ptr<cdc::MessageDecoder> Packed(uint8_t choice) {
  cdc::CodecOptions options;
  options.protocol = choice & 1 ? cdc::Protocol::kOpen : cdc::Protocol::kCanalJson;
  options.compression = choice & 16   ? cdc::MessageCompression::kSnappy
                        : choice & 32 ? cdc::MessageCompression::kLz4
                                      : cdc::MessageCompression::kZstd;
  options.claim_check_uri = "file:///nowhere";
  return cdc::MessageDecoder::Create(options).value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::unique_ptr<cdc::MessageDecoder> decoder;
  switch (data[0] % 8) {
    case 0:
      decoder = cdc::MakeOpenProtocolDecoder();
      break;
    case 1:
      decoder = cdc::MakeCanalJsonDecoder();
      break;
    case 2:
      decoder = cdc::MakeDebeziumDecoder();
      break;
    case 3:
      decoder = cdc::MakeAvroDecoder(std::make_unique<OneSchema>());
      break;
    case 4:
      decoder = cdc::MakeSimpleJsonDecoder();
      break;
    case 5:
      decoder = cdc::MakeSimpleAvroDecoder();
      break;
    default:
      decoder = Packed(data[0]);
  }
  const std::string_view rest(reinterpret_cast<const char*>(data + 2), size - 2);
  const size_t key = std::min<size_t>(data[1], rest.size());
  std::vector<cdc::ConsumedEvent> events;
  (void)decoder->Decode(rest.substr(0, key), rest.substr(key), &events);
  for (const cdc::ConsumedEvent& event : events) {
    const auto* row = std::get_if<cdc::ConsumedRow>(&event);
    if (row == nullptr) continue;
    cdc::DownstreamTable table;
    for (const auto* columns : {&row->before, &row->after})
      for (const cdc::ConsumedColumn& column : *columns)
        table.columns[column.name] = {.type = "float", .binary = column.key};
    cdc::RowSql sql;
    (void)sql.Add(*row, table);
    (void)sql.Finish();
  }
  return 0;
}

#include "edge/consumer/whole_message_decoder.h"

#include <fstream>
#include <sstream>
#include <utility>

#include "base/bytes.h"
#include "edge/consumer/json_reader.h"
#include "edge/consumer/message_packing.h"

namespace cdc {
namespace {

constexpr std::string_view kFile = "file://";

struct StoredMessage {
  std::optional<std::string> key;
  std::string value;
};

class WholeMessageDecoder final : public MessageDecoder {
 public:
  WholeMessageDecoder(const CodecOptions& options, std::unique_ptr<MessageDecoder> inner)
      : packing_(options.protocol == Protocol::kOpen ? MessageCompression::kNone
                                                     : options.compression),
        directory_(options.claim_check_uri.substr(0, options.claim_check_uri.find('?'))),
        raw_values_(options.claim_check_raw_value),
        inner_(std::move(inner)) {
    while (directory_.ends_with('/')) directory_.pop_back();
  }

  Status Decode(std::optional<std::string_view> key, std::optional<std::string_view> value,
                std::vector<ConsumedEvent>* out) override {
    const size_t first = out->size();
    RETURN_IF_ERROR(Unpack(key, value, out));
    for (size_t i = first; i < out->size(); ++i) {
      const auto* row = std::get_if<ConsumedRow>(&(*out)[i]);
      if (row == nullptr || row->claim_location.empty()) continue;
      ASSIGN_OR_RETURN_STATUS((*out)[i], Claim(row->claim_location, key));
    }
    return Status::Ok();
  }

 private:
  Status Unpack(std::optional<std::string_view> key, std::optional<std::string_view> value,
                std::vector<ConsumedEvent>* out) {
    if (packing_ == MessageCompression::kNone) return inner_->Decode(key, value, out);
    std::string unpacked_key;
    std::string unpacked_value;
    if (key && !key->empty()) {
      ASSIGN_OR_RETURN_STATUS(unpacked_key, UnpackMessage(packing_, *key));
      key = unpacked_key;
    }
    if (value && !value->empty()) {
      ASSIGN_OR_RETURN_STATUS(unpacked_value, UnpackMessage(packing_, *value));
      value = unpacked_value;
    }
    return inner_->Decode(key, value, out);
  }

  Result<ConsumedEvent> Claim(const std::string& location, std::optional<std::string_view> key) {
    ASSIGN_OR_RETURN(const StoredMessage stored, Read(location));
    if (stored.key) key = *stored.key;
    std::vector<ConsumedEvent> events;
    RETURN_UNEXPECTED_IF_ERROR(Unpack(key, stored.value, &events));
    const auto* row = events.size() == 1 ? std::get_if<ConsumedRow>(&events.front()) : nullptr;
    if (row == nullptr || !row->claim_location.empty())
      return Error(Code::kClaimCheck, "{} is not one whole row", location);
    return std::move(events.front());
  }

  Result<StoredMessage> Read(const std::string& location) const {
    const size_t slash = location.rfind('/');
    if (directory_.empty() || !directory_.starts_with(kFile) || slash == std::string::npos ||
        location.substr(0, slash) != directory_ || location.substr(slash + 1).starts_with('.'))
      return Error(Code::kClaimCheck,
                   "a row is at {}, which is not in claim-check-storage-uri '{}' (--config)",
                   location, directory_);
    std::ifstream file(location.substr(kFile.size()), std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file || text.view().empty()) return Error(Code::kClaimCheck, "cannot read {}", location);
    if (raw_values_) return StoredMessage{.key = std::nullopt, .value = std::move(text).str()};
    ASSIGN_OR_RETURN(const nlohmann::json both, ParseObject(text.view()));
    StoredMessage stored;
    ASSIGN_OR_RETURN(stored.value, FromBase64(TextOf(both, "value")));
    if (Member(both, "key").is_string()) {
      ASSIGN_OR_RETURN(stored.key, FromBase64(TextOf(both, "key")));
    }
    return stored;
  }

  const MessageCompression packing_;
  std::string directory_;
  const bool raw_values_;
  const std::unique_ptr<MessageDecoder> inner_;
};

}  // namespace

std::unique_ptr<MessageDecoder> MakeWholeMessageDecoder(const CodecOptions& options,
                                                        std::unique_ptr<MessageDecoder> inner) {
  return std::make_unique<WholeMessageDecoder>(options, std::move(inner));
}

}  // namespace cdc

// OAUTHBEARER: tokens from an OAuth server, by the client credentials grant.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/status.h"
#include "dataflow/sink/kafka/kafka_sink_config.h"

namespace cdc {

struct OauthToken {
  std::string token;
  std::chrono::seconds lifetime{0};
};

// What the configuration says, as one text that librdkafka keeps for its callback; and back.
std::string OauthSettings(const KafkaSasl& sasl);
Result<KafkaSasl> ParseOauthSettings(std::string_view text);

// Asks the server at sasl.oauth_token_url. Blocks, at most about 20 s. Errors: kKafkaAuthorization
// with the server's answer, never with the secret.
Result<OauthToken> FetchOauthToken(const KafkaSasl& sasl);

// Reads the answer {"access_token": …, "expires_in": seconds}.
Result<OauthToken> ParseOauthAnswer(std::string_view json);

}  // namespace cdc

// What a kafka:// (kafka+ssl://) sink URI and the changefeed's `sink` section ask for.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/replica_config.h"
#include "config/uri.h"
#include "dataflow/codec/codec_options.h"
#include "dataflow/dispatcher/column_selector.h"
#include "dataflow/sink/kafka/bootstrap_schedule.h"
#include "model/ids.h"

namespace cdc {

bool IsKafkaScheme(std::string_view scheme);
// Whether a broker takes it as the name of a topic.
bool IsTopicName(std::string_view name);

struct KafkaTls {
  bool enabled = false;  // by enable-tls, by files, or by the scheme kafka+ssl
  std::string ca;        // files; empty: the system's authorities
  std::string cert;
  std::string key;
  bool insecure_skip_verify = false;  // neither chain nor host name of the broker is checked
};

struct KafkaSasl {
  enum class Mechanism : uint8_t { kNone, kPlain, kScramSha256, kScramSha512, kGssapi, kOauth };

  Mechanism mechanism = Mechanism::kNone;
  std::string user;
  std::string password;

  // GSSAPI. The ticket comes from a keytab; that of a user's password does not (see Make).
  std::string kerberos_service = "kafka";
  std::string kerberos_principal;  // user@REALM
  std::string kerberos_keytab;

  // OAUTHBEARER: client credentials are exchanged for tokens at the URL.
  std::string oauth_client_id;
  std::string oauth_client_secret;
  std::string oauth_token_url;
  std::vector<std::string> oauth_scopes;
  std::string oauth_grant_type = "client_credentials";
  std::string oauth_audience;
};

// Names, defaults and limits are TiCDC's, where the comment does not say otherwise. All that is
// out of range, and every parameter that is not known, is refused by name.
struct KafkaSinkConfig {
  std::vector<std::string> brokers;  // host or host:port; "-" alone: no broker (cdc-replay --out)
  std::string topic;                 // for all that no dispatch rule sends elsewhere
  std::string client_id;

  // Of topics that we create; of the default topic also an upper limit for the partitions used.
  std::optional<int32_t> partition_num;  // unset: 3, or as many as the topic has
  int16_t replication_factor = 1;
  bool auto_create_topic = true;  // false: a missing topic is an error

  std::string broker_version = "2.4.0";  // `kafka-version`; only for brokers that don't tell theirs
  int required_acks = -1;                // -1: all in-sync replicas; 1: the leader; 0: none
  // Tries of a message that a broker refused for a reason that may pass. TiCDC's is 5; unset, we
  // try until kDeliveryTimeout, since a fail-over of brokers lasts longer than five tries.
  std::optional<int> max_retry;
  std::string compression = "none";                 // gzip, snappy, lz4, zstd
  std::chrono::milliseconds dial_timeout{10'000};   // librdkafka waits at least 1 s
  std::chrono::milliseconds read_timeout{10'000};   // for an answer of a broker
  std::chrono::milliseconds write_timeout{10'000};  // for the replicas of a write

  KafkaTls tls;
  KafkaSasl sasl;

  // `codec.max_batch_bytes` is max-message-bytes (10 MiB). The hard limit, codec.max_message_bytes,
  // is the topic's own once that is known.
  CodecOptions codec;
  std::shared_ptr<const ColumnSelectors> column_selectors;  // null: none
  BootstrapOptions bootstrap;
  bool output_raw_change_event = false;  // true: updates of keys stay updates

  // No message waits longer for its acknowledgement; then the changefeed's run ends.
  static constexpr std::chrono::milliseconds kDeliveryTimeout{120'000};
  // Messages that are on their way, in bytes; rows wait before they become messages past it.
  static constexpr size_t kQueueBytes = size_t{64} << 20;
  // Partitions of a topic that we create where partition-num does not say.
  static constexpr int32_t kDefaultPartitions = 3;

  bool brokerless() const { return brokers.size() == 1 && brokers.front() == "-"; }
  // Repeated and reordered messages are excluded by the broker (idempotence). Needs acks of all
  // replicas and retries; without it, one request at a time keeps the order.
  bool idempotent() const { return required_acks == -1 && max_retry.value_or(1) > 0; }

  // Errors: kSinkUri, kKafkaConfig, kSinkConfig, kNotSupported.
  static Result<KafkaSinkConfig> Make(const Uri& uri, const ReplicaConfig& config,
                                      const ChangefeedId& changefeed);
};

}  // namespace cdc

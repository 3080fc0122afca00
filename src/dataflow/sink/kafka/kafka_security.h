// TLS and SASL of the Kafka sink: from parameters to KafkaTls and KafkaSasl.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/status.h"
#include "config/kafka_config.h"
#include "dataflow/sink/kafka/kafka_sink_config.h"

namespace cdc {

using SecurityParameters = std::map<std::string, std::string, std::less<>>;

// enable-tls, ca, cert, key, insecure-skip-verify and all that begin with sasl-.
bool IsSecurityParameter(std::string_view name);

// Checks the parameters together. `tls_scheme`: the URI's scheme asks for TLS. `file` has the keys
// that have no URI parameter. Errors: kKafkaConfig and kNotSupported.
Status SetSecurity(bool tls_scheme, const SecurityParameters& parameters, const KafkaConfig& file,
                   KafkaTls* tls, KafkaSasl* sasl);

}  // namespace cdc

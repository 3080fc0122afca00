#include "dataflow/upstream/grpc_support.h"

#include <fstream>
#include <sstream>
#include <utility>

namespace cdc {
namespace {

constexpr int kReceiveBytesMax = 256 << 20;
constexpr int kStreamWindowBytes = 8 << 20;
constexpr int kIdleConnectionMs = 600'000;  // a connection without calls is closed after this

Result<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (!file || !(content << file.rdbuf())) return Error(Code::kTls, "cannot read {}", path);
  return std::move(content).str();
}

std::string_view CodeText(grpc::StatusCode code) {
  static constexpr std::string_view kNames[] = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT", "DEADLINE",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "EXHAUSTED",        "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",         "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  const auto i = static_cast<size_t>(code);
  return i < std::size(kNames) ? kNames[i] : "?";
}

}  // namespace

Result<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(const TlsConfig& tls) {
  if (!tls.enabled()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  ASSIGN_OR_RETURN(options.pem_root_certs, ReadFile(tls.ca_path));
  if (!tls.cert_path.empty() || !tls.key_path.empty()) {
    ASSIGN_OR_RETURN(options.pem_cert_chain, ReadFile(tls.cert_path));
    ASSIGN_OR_RETURN(options.pem_private_key, ReadFile(tls.key_path));
  }
  return grpc::SslCredentials(options);
}

std::string_view WithoutScheme(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  return url.substr(0, url.find('/'));
}

std::string Describe(const grpc::Status& status) {
  return fmt::format("{}: {}", CodeText(status.error_code()), status.error_message());
}

std::shared_ptr<grpc::Channel> ChannelPool::Get(const std::string& address) {
  std::lock_guard lock(mutex_);
  auto& [channel, asked_for] = channels_[address];
  asked_for = true;
  if (channel) return channel;
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kReceiveBytesMax);
  arguments.SetMaxSendMessageSize(kReceiveBytesMax);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10'000);  // also the time a dial may take
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 3'000);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_CLIENT_IDLE_TIMEOUT_MS, kIdleConnectionMs);
  if (peer_ == Peer::kPd) {
    // Nobody polls an idle TSO stream but gRPC's own poller, every 5 s: an answer may wait so long.
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 15'000);
  } else {
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 3'000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kStreamWindowBytes);
  }
  channel = grpc::CreateCustomChannel(address, credentials_, arguments);
  return channel;
}

void ChannelPool::Clear() {
  std::lock_guard lock(mutex_);
  channels_.clear();
}

void ChannelPool::DropIdle() {
  std::lock_guard lock(mutex_);
  for (auto it = channels_.begin(); it != channels_.end();) {
    const bool asked_for = std::exchange(it->second.asked_for, false);
    it = !asked_for && it->second.channel.use_count() == 1 ? channels_.erase(it) : std::next(it);
  }
}

void CallRegistry::Shutdown() {
  stop_.request_stop();
  std::lock_guard lock(mutex_);
  for (grpc::ClientContext* context : contexts_) context->TryCancel();
}

CallRegistry::Scope::Scope(CallRegistry& calls, grpc::ClientContext* context, Duration timeout)
    : calls_(calls), context_(context) {
  context->set_deadline(std::chrono::system_clock::now() + timeout);
  std::lock_guard lock(calls_.mutex_);
  calls_.contexts_.insert(context);
  if (calls_.stopped()) context->TryCancel();
}

CallRegistry::Scope::~Scope() {
  std::lock_guard lock(calls_.mutex_);
  calls_.contexts_.erase(context_);
}

}  // namespace cdc

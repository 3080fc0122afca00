#include "control/etcd/grpc_channels.h"

#include <fstream>
#include <sstream>

#include "etcd/rpc.grpc.pb.h"

namespace cdc {
namespace {

constexpr int kKeepAliveMs = 10'000;  // etcd refuses clients that ping more often than every 5 s
constexpr int kKeepAliveTimeoutMs = 3'000;
constexpr int kReconnectBackoffMaxMs = 1'000;
constexpr int kMessageBytesMax = 64 << 20;
constexpr Duration kLogInTimeout = 3s;

Result<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error(Code::kTls, "cannot read {}", path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Result<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const TlsConfig& tls) {
  if (!tls.enabled()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  ASSIGN_OR_RETURN(options.pem_root_certs, ReadFile(tls.ca_path));
  if (!tls.cert_path.empty()) {
    ASSIGN_OR_RETURN(options.pem_cert_chain, ReadFile(tls.cert_path));
    ASSIGN_OR_RETURN(options.pem_private_key, ReadFile(tls.key_path));
  }
  return grpc::SslCredentials(options);
}

}  // namespace

Result<std::shared_ptr<GrpcChannels>> GrpcChannels::Open(const EtcdClient::Options& options) {
  if (options.endpoints.empty()) return Error(Code::kEtcd, "no etcd endpoint given");
  ASSIGN_OR_RETURN(const auto credentials, Credentials(options.tls));
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepAliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepAliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectBackoffMaxMs);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  auto channels = std::make_shared<GrpcChannels>();
  channels->user_ = options.user;
  channels->password_ = options.password;
  for (const std::string& endpoint : options.endpoints) {
    std::string_view target = endpoint;
    if (const size_t scheme = target.find("://"); scheme != target.npos)
      target.remove_prefix(scheme + 3);
    while (target.ends_with('/')) target.remove_suffix(1);
    channels->endpoints_.push_back(endpoint);
    channels->channels_.push_back(
        grpc::CreateCustomChannel(std::string(target), credentials, arguments));
  }
  return channels;
}

Status GrpcChannels::Prepare(size_t index, grpc::ClientContext* context, Duration timeout) {
  if (timeout > Duration::zero())
    context->set_deadline(std::chrono::system_clock::now() +
                          std::chrono::duration_cast<std::chrono::milliseconds>(timeout));
  context->AddMetadata("hasleader", "true");
  if (user_.empty()) return Status::Ok();
  std::string token;
  RETURN_IF_ERROR(LogIn(index, timeout > Duration::zero() ? timeout : kLogInTimeout, &token));
  context->AddMetadata("token", token);
  return Status::Ok();
}

Status GrpcChannels::LogIn(size_t index, Duration timeout, std::string* token) {
  {
    std::lock_guard lock(mutex_);
    *token = token_;
  }
  if (!token->empty()) return Status::Ok();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::duration_cast<std::chrono::milliseconds>(timeout));
  etcdserverpb::AuthenticateRequest request;
  request.set_name(user_);
  request.set_password(password_);
  etcdserverpb::AuthenticateResponse response;
  const grpc::Status status =
      etcdserverpb::Auth::NewStub(at(index))->Authenticate(&context, request, &response);
  if (!status.ok())
    return Status(Code::kEtcd, "etcd {} does not let user {} in: {}", endpoint(index), user_,
                  status.error_message());
  *token = response.token();
  std::lock_guard lock(mutex_);
  token_ = response.token();
  return Status::Ok();
}

bool GrpcChannels::LoginLapsed(const grpc::Status& status) {
  if (user_.empty() || !status.error_message().contains("auth token")) return false;
  std::lock_guard lock(mutex_);
  token_.clear();
  return true;
}

}  // namespace cdc

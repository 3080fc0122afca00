#include "simulator/pd_front.h"

#include <array>
#include <string_view>

#include <httplib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace cdc {
namespace {

constexpr std::string_view kHttp2Preface = "PRI";
constexpr char kVersion[] = R"({"branch":"simulator","version":"v8.5.4","git_hash":"simulator"})";
constexpr char kHealth[] = R"([{"name":"simulator","member_id":1,"health":true}])";

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

int Connect(int port) {
  const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  if (connect(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const int on = 1;
    setsockopt(socket_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return socket_fd;
  }
  close(socket_fd);
  return -1;
}

// Reads once and writes all of it. False at the end.
bool Pass(int from, int to) {
  std::array<char, 64 << 10> buffer;
  const ssize_t size = recv(from, buffer.data(), buffer.size(), 0);
  if (size <= 0) return false;
  for (ssize_t sent = 0; sent < size;) {
    const ssize_t more =
        send(to, buffer.data() + sent, static_cast<size_t>(size - sent), MSG_NOSIGNAL);
    if (more <= 0) return false;
    sent += more;
  }
  return true;
}

void PassBothWays(int a, int b) {
  std::array<pollfd, 2> sockets{{{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}}};
  while (poll(sockets.data(), sockets.size(), -1) > 0) {
    if (sockets[0].revents != 0 && !Pass(a, b)) return;
    if (sockets[1].revents != 0 && !Pass(b, a)) return;
  }
}

}  // namespace

PdFront::PdFront() = default;

Result<std::unique_ptr<PdFront>> PdFront::Open(int port, int grpc_port) {
  std::unique_ptr<PdFront> front(new PdFront());
  front->grpc_port_ = grpc_port;
  RETURN_UNEXPECTED_IF_ERROR(front->StartHttp());
  front->listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(front->listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = Loopback(port);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(front->listener_, generic, size) != 0 || listen(front->listener_, SOMAXCONN) != 0 ||
      getsockname(front->listener_, generic, &size) != 0) {
    return Error(Code::kUnexpected, "PD cannot listen on port {}", port);
  }
  front->port_ = ntohs(address.sin_port);
  front->accept_thread_ = std::thread([at = front.get()] { at->AcceptLoop(); });
  return front;
}

PdFront::~PdFront() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const int socket : open_) shutdown(socket, SHUT_RDWR);
  }
  if (listener_ >= 0) shutdown(listener_, SHUT_RDWR);
  if (accept_thread_.joinable()) accept_thread_.join();
  for (std::thread& connection : connections_) connection.join();
  if (listener_ >= 0) close(listener_);
  if (http_) http_->stop();
  if (http_thread_.joinable()) http_thread_.join();
}

// What clients ask of PD's HTTP API before they trust it.
Status PdFront::StartHttp() {
  http_ = std::make_unique<httplib::Server>();
  const auto answer = [](const char* text) {
    return [text](const httplib::Request&, httplib::Response& response) {
      response.set_content(text, "application/json");
    };
  };
  http_->Get("/pd/api/v1/version", answer(kVersion));
  http_->Get("/pd/api/v1/config/cluster-version", answer("\"8.5.4\""));
  http_->Get("/pd/api/v1/health", answer(kHealth));
  http_->Get("/pd/api/v1/ping", answer(""));
  http_->Get("/health", answer(R"({"health":"true"})"));
  http_port_ = http_->bind_to_any_port("127.0.0.1");
  if (http_port_ <= 0) return Status(Code::kUnexpected, "PD's HTTP API cannot listen");
  http_thread_ = std::thread([this] { http_->listen_after_bind(); });
  return Status::Ok();
}

void PdFront::AcceptLoop() {
  for (;;) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    std::lock_guard lock(mutex_);
    if (client < 0 || stopping_) {
      if (client >= 0) close(client);
      return;
    }
    open_.insert(client);
    connections_.emplace_back([this, client] { Serve(client); });
  }
}

void PdFront::Serve(int client) {
  const int on = 1;
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::array<char, kHttp2Preface.size()> first{};
  const ssize_t size = recv(client, first.data(), first.size(), MSG_PEEK | MSG_WAITALL);
  if (size > 0) {
    const bool http2 = std::string_view(first.data(), static_cast<size_t>(size)) == kHttp2Preface;
    const int server = Connect(http2 ? grpc_port_ : http_port_);
    if (server >= 0) {
      if (Remember(server)) PassBothWays(client, server);
      Forget(server);
    }
  }
  Forget(client);
}

bool PdFront::Remember(int socket) {
  std::lock_guard lock(mutex_);
  open_.insert(socket);
  return !stopping_;
}

void PdFront::Forget(int socket) {
  std::lock_guard lock(mutex_);
  open_.erase(socket);
  close(socket);
}

}  // namespace cdc

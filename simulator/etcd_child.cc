#include "simulator/etcd_child.h"

#include <chrono>
#include <filesystem>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cdc {
namespace {

constexpr std::chrono::seconds kStartTimeout{20};

// Zero if there is none to be had.
int FreePort() {
  const int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
  if (socket_fd < 0) return 0;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  int port = 0;
  if (bind(socket_fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      getsockname(socket_fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    port = ntohs(address.sin_port);
  }
  close(socket_fd);
  return port;
}

[[noreturn]] void Execute(const std::vector<std::string>& arguments, const std::string& log) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;  // our threads may block signals; a child would inherit that
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int file = open(log.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
  if (file >= 0) {
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
  }
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  execvp(pointers.front(), pointers.data());
  _exit(127);
}

}  // namespace

std::string EtcdChild::address() const { return "127.0.0.1:" + std::to_string(port_); }

Result<std::unique_ptr<EtcdChild>> EtcdChild::Start(const std::string& directory) {
  std::unique_ptr<EtcdChild> child(new EtcdChild());
  child->directory_ = directory;
  child->port_ = FreePort();
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  const std::string url = "http://" + child->address();
  const std::string peer = "http://127.0.0.1:" + std::to_string(FreePort());
  const std::vector<std::string> arguments{"etcd",
                                           "--name=simulator",
                                           "--data-dir=" + directory + "/etcd",
                                           "--listen-client-urls=" + url,
                                           "--advertise-client-urls=" + url,
                                           "--listen-peer-urls=" + peer,
                                           "--initial-advertise-peer-urls=" + peer,
                                           "--initial-cluster=simulator=" + peer,
                                           "--log-level=warn",
                                           "--unsafe-no-fsync"};
  child->pid_ = fork();
  if (child->pid_ < 0) return Error(Code::kUnexpected, "cannot start etcd");
  if (child->pid_ == 0) Execute(arguments, directory + "/etcd.log");
  const auto channel = grpc::CreateChannel(child->address(), grpc::InsecureChannelCredentials());
  const auto deadline = std::chrono::system_clock::now() + kStartTimeout;
  while (!channel->WaitForConnected(std::chrono::system_clock::now() +
                                    std::chrono::milliseconds(100))) {
    const bool ended = waitpid(child->pid_, nullptr, WNOHANG) == child->pid_;
    if (ended) child->pid_ = 0;
    if (ended || std::chrono::system_clock::now() > deadline) {
      return Error(Code::kUnexpected, "etcd does not start; see {}/etcd.log", directory);
    }
  }
  return child;
}

EtcdChild::~EtcdChild() {
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_ + "/etcd", ignored);
}

}  // namespace cdc

#include "control/etcd/tests/etcd_process.h"

#include <cstdlib>
#include <filesystem>

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

namespace cdc {
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CDC_CHECK(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  socklen_t size = sizeof address;
  CDC_CHECK(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  close(fd);
  return ntohs(address.sin_port);
}

EtcdProcess::EtcdProcess() : port_(FreePort()), peer_port_(FreePort()) {
  std::string dir = (std::filesystem::temp_directory_path() / "cdc-etcd-XXXXXX").string();
  CDC_CHECK(mkdtemp(dir.data()) != nullptr);
  dir_ = dir;
  Start();
}

EtcdProcess::~EtcdProcess() {
  Kill();
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

void EtcdProcess::Start() {
  const std::string client = endpoint();
  const std::string peer = "http://127.0.0.1:" + std::to_string(peer_port_);
  const std::string log = dir_ + "/log";
  const std::string data = dir_ + "/data";
  const std::string cluster = "default=" + peer;
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = open(log.c_str(), O_CREAT | O_APPEND | O_WRONLY, 0600);
    dup2(out, 1);
    dup2(out, 2);
    execlp("etcd", "etcd", "--data-dir", data.c_str(), "--listen-client-urls", client.c_str(),
           "--advertise-client-urls", client.c_str(), "--listen-peer-urls", peer.c_str(),
           "--initial-advertise-peer-urls", peer.c_str(), "--initial-cluster", cluster.c_str(),
           nullptr);
    _exit(127);
  }
  const SteadyTime deadline = SystemClock().Now() + 30s;
  const auto probe = Client(500ms);
  while (!probe->Get("probe")) {
    CDC_CHECK(SystemClock().Now() < deadline, "etcd does not answer, see {}", log);
    (void)SystemClock().SleepFor(20ms, {});
  }
}

void EtcdProcess::Kill() {
  if (pid_ == 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void EtcdProcess::Restart() {
  Kill();
  Start();
}

void EtcdProcess::Pause() { kill(pid_, SIGSTOP); }
void EtcdProcess::Resume() { kill(pid_, SIGCONT); }

void EtcdProcess::CompactAll() {
  const auto revision = Client()->GetPrefix("/")->revision;
  const std::string command = "ETCDCTL_API=3 etcdctl --endpoints=" + endpoint() + " compact " +
                              std::to_string(revision) + " >/dev/null 2>&1";
  CDC_CHECK(std::system(command.c_str()) == 0);
}

std::unique_ptr<EtcdClient> EtcdProcess::Client(Duration request_timeout) const {
  return EtcdClient::Open(
             {.endpoints = {endpoint()}, .tls = {}, .request_timeout = request_timeout})
      .value();
}

}  // namespace cdc

#include "control/etcd/tests/etcd_process.h"

#include <cstdlib>
#include <filesystem>
#include <vector>

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

EtcdProcess::EtcdProcess(Security security) : port_(FreePort()), peer_port_(FreePort()) {
  std::string dir = (std::filesystem::temp_directory_path() / "cdc-etcd-XXXXXX").string();
  CDC_CHECK(mkdtemp(dir.data()) != nullptr);
  dir_ = dir;
  if (security == Security::kTls) MakeCertificates();
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
    std::vector<std::string> arguments = {"etcd", "--data-dir",
                                          data,   "--listen-client-urls",
                                          client, "--advertise-client-urls",
                                          client, "--listen-peer-urls",
                                          peer,   "--initial-advertise-peer-urls",
                                          peer,   "--initial-cluster",
                                          cluster};
    if (tls_.enabled())
      arguments.insert(arguments.end(),
                       {"--client-cert-auth", "--trusted-ca-file", tls_.ca_path, "--cert-file",
                        tls_.cert_path, "--key-file", tls_.key_path});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    execvp("etcd", argv.data());
    _exit(127);
  }
  const SteadyTime deadline = SystemClock().Now() + 30s;
  const auto probe = Client(500ms);
  for (;;) {
    const auto answer = probe->Get("probe");
    if (answer || answer.error().message().contains("user name is empty")) break;
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
  Etcdctl("compact " + std::to_string(Client()->GetPrefix("/")->revision));
}

void EtcdProcess::Etcdctl(const std::string& arguments) const {
  const std::string command = "ETCDCTL_API=3 etcdctl --endpoints=" + endpoint() + " " + arguments +
                              " >>" + dir_ + "/etcdctl.log 2>&1";
  CDC_CHECK(std::system(command.c_str()) == 0, "{}", command);
}

void EtcdProcess::MakeCertificates() {
  const std::string script =
      "cd " + dir_ +
      " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
      " -subj /CN=ca -keyout ca.key -out ca.pem"
      " && openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=node"
      " -keyout key.pem -out node.csr"
      " && printf 'subjectAltName=IP:127.0.0.1\n' >ext"
      " && openssl x509 -req -in node.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
      " -extfile ext -out cert.pem";
  CDC_CHECK(std::system(("(" + script + ") >" + dir_ + "/openssl.log 2>&1").c_str()) == 0);
  tls_ = {dir_ + "/ca.pem", dir_ + "/cert.pem", dir_ + "/key.pem"};
}

std::unique_ptr<EtcdClient> EtcdProcess::Client(Duration request_timeout) const {
  return EtcdClient::Open(
             {.endpoints = {endpoint()}, .tls = tls_, .request_timeout = request_timeout})
      .value();
}

}  // namespace cdc

#include "dataflow/sink/mysql/tests/mariadb_server.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cdc {
namespace {

[[noreturn]] void Fail(const std::string& message) {
  std::fprintf(stderr, "MariaDB for the test: %s\n", message.c_str());
  std::exit(1);
}

std::string FindProgram(const std::string& name) {
  for (const char* directory : {"/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"}) {
    const std::string path = std::string(directory) + "/" + name;
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  Fail(name + " is not installed (Debian package mariadb-server-core)");
}

uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    Fail("no free port");
  close(fd);
  return ntohs(address.sin_port);
}

// Its output goes to `log`. It does not outlive the test program.
pid_t Spawn(const std::vector<std::string>& arguments, const std::filesystem::path& log) {
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  _exit(127);
}

ConnectOptions RootOptions(uint16_t port) {
  return {.host = "127.0.0.1",
          .port = port,
          .user = "root",
          .connect_timeout = std::chrono::seconds(5)};
}

}  // namespace

MariaDbServer::MariaDbServer() : port_(FreePort()) {
  char pattern[] = "/tmp/mysql_sink_test.XXXXXX";
  if (mkdtemp(pattern) == nullptr) Fail("no temporary directory");
  directory_ = pattern;
  const pid_t installer = Spawn({FindProgram("mariadb-install-db"), "--no-defaults",
                                 "--datadir=" + (directory_ / "data").string(), "--user=root",
                                 "--skip-test-db", "--auth-root-authentication-method=normal"},
                                directory_ / "install.log");
  int status = 0;
  waitpid(installer, &status, 0);
  if (status != 0) Fail("mariadb-install-db failed, see " + directory_.string());
  Start();
  if (!Connect()->Execute("CREATE DATABASE test")) Fail("can't create a database");
}

MariaDbServer::~MariaDbServer() {
  Kill();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void MariaDbServer::Kill() {
  if (process_ < 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = -1;
}

void MariaDbServer::Start() {
  process_ = Spawn(
      {FindProgram("mariadbd"), "--no-defaults", "--datadir=" + (directory_ / "data").string(),
       "--user=root", "--bind-address=127.0.0.1", fmt::format("--port={}", port_),
       "--socket=" + (directory_ / "socket").string(),
       "--pid-file=" + (directory_ / "pid").string(), "--skip-log-bin",
       "--character-set-server=latin1", "--innodb-flush-log-at-trx-commit=1",
       "--innodb-buffer-pool-size=32M", "--skip-name-resolve"},
      directory_ / "server.log");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!Connection::Open(RootOptions(port_))) {
    int status = 0;
    if (waitpid(process_, &status, WNOHANG) == process_ ||
        std::chrono::steady_clock::now() > deadline)
      Fail("mariadbd does not answer, see " + directory_.string());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::unique_ptr<Connection> MariaDbServer::Connect() const {
  auto connection = Connection::Open(RootOptions(port_));
  if (!connection) Fail(connection.error().ToString());
  (void)(*connection)->Execute("USE test; SET NAMES utf8mb4; SET time_zone='+00:00'");
  return *std::move(connection);
}

}  // namespace cdc

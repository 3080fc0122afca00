// A MariaDB of the test's own: Debian's mariadbd over a temporary directory, on a free port of
// loopback.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include <sys/types.h>

#include "dataflow/sink/mysql/connection.h"

namespace cdc {

class MariaDbServer {
 public:
  // Aborts the test program with a clear message if there is no mariadbd or it does not start.
  MariaDbServer();
  ~MariaDbServer();  // kills it and removes the directory
  MariaDbServer(const MariaDbServer&) = delete;

  uint16_t port() const { return port_; }
  void Kill();   // as a crash would: SIGKILL
  void Start();  // on the same data and port; returns when it answers

  // A connection as root, in the database `test`.
  std::unique_ptr<Connection> Connect() const;

 private:
  std::filesystem::path directory_;
  uint16_t port_ = 0;
  pid_t process_ = -1;
};

}  // namespace cdc

// One connection to a MySQL-compatible server. The only place that knows the client library.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cdc {

// What a server, or the way to it, answered instead of a result.
struct ServerError {
  unsigned code = 0;      // the server's, or the client library's (2000 … 2999, 5000 …)
  std::string sql_state;  // "42S02"
  std::string message;
  size_t statement = 0;  // which statement of a multi-statement text failed, from 0

  // "Error 1146 (42S02): Table 'a.b' doesn't exist"
  std::string ToString() const;
};

struct ConnectOptions {
  std::string host;
  uint16_t port = 0;
  std::string user;
  std::string password;
  bool tls = false;
  std::string ssl_ca;
  std::string ssl_cert;
  std::string ssl_key;
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds read_timeout{0};  // 0: for ever
  std::chrono::milliseconds write_timeout{0};
};

// Threads: one at a time, but for Abort. Order: after an error that IsConnectionLost tells, every
// call fails; open another connection then.
class Connection {
 public:
  template <typename T>
  using Outcome = std::expected<T, ServerError>;
  using Row = std::vector<std::optional<std::string>>;  // nullopt: NULL

  // If the server refuses the password and it is base64, tries what it encodes, as TiCDC does.
  static Outcome<std::unique_ptr<Connection>> Open(const ConnectOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs the statements of `sql` (separated by ';') up to the first that fails. `affected` gets the
  // rows each one matched; result sets are read and dropped.
  Outcome<void> Execute(std::string_view sql, std::vector<uint64_t>* affected = nullptr);
  // Runs one statement and returns its rows.
  Outcome<std::vector<Row>> Query(std::string_view sql);

  uint64_t server_thread_id() const;
  std::string server_version() const;
  // From any thread: breaks the connection; a call that waits for the server returns at once.
  void Abort();

 private:
  struct Handle;
  explicit Connection(std::unique_ptr<Handle> handle);
  ServerError LastError(size_t statement) const;

  std::unique_ptr<Handle> handle_;
};

}  // namespace cdc

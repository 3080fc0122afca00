#include "dataflow/sink/mysql/connection.h"

#include <fmt/format.h>
#include <mysql.h>
#include <openssl/evp.h>
#include <sys/socket.h>

namespace cdc {
namespace {

constexpr unsigned kAccessDenied = 1045;

struct CloseMysql {
  void operator()(MYSQL* mysql) const { mysql_close(mysql); }
};
using MysqlPtr = std::unique_ptr<MYSQL, CloseMysql>;

struct FreeResult {
  void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
};
using ResultPtr = std::unique_ptr<MYSQL_RES, FreeResult>;

ServerError ErrorOf(MYSQL* mysql, size_t statement) {
  return {mysql_errno(mysql), mysql_sqlstate(mysql), mysql_error(mysql), statement};
}

unsigned WholeSeconds(std::chrono::milliseconds duration) {
  return static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(duration).count());
}

void SetOptions(MYSQL* mysql, const ConnectOptions& options) {
  const unsigned connect = WholeSeconds(options.connect_timeout);
  const unsigned read = WholeSeconds(options.read_timeout);
  const unsigned write = WholeSeconds(options.write_timeout);
  mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
  if (read != 0) mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &read);
  if (write != 0) mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &write);
  mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  const size_t packet_max = size_t{1} << 30;  // the protocol's own limit; the server's is asked
  mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet_max);
  const unsigned local_infile = 0;
  mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &local_infile);
  if (!options.tls) return;
  const my_bool on = 1;
  const my_bool verify = options.ssl_ca.empty() ? 0 : 1;
  mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &on);
  mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  if (!options.ssl_ca.empty()) mysql_options(mysql, MYSQL_OPT_SSL_CA, options.ssl_ca.c_str());
  if (!options.ssl_cert.empty()) mysql_options(mysql, MYSQL_OPT_SSL_CERT, options.ssl_cert.c_str());
  if (!options.ssl_key.empty()) mysql_options(mysql, MYSQL_OPT_SSL_KEY, options.ssl_key.c_str());
}

std::expected<MysqlPtr, ServerError> Connect(const ConnectOptions& options,
                                             const std::string& password) {
  MysqlPtr mysql(mysql_init(nullptr));
  if (mysql == nullptr) return std::unexpected(ServerError{2008, "HY000", "out of memory", 0});
  SetOptions(mysql.get(), options);
  // Rows matched, not rows changed: an UPDATE to the same values is not a lost row.
  constexpr unsigned long kFlags = CLIENT_MULTI_STATEMENTS | CLIENT_FOUND_ROWS;
  if (mysql_real_connect(mysql.get(), options.host.c_str(), options.user.c_str(), password.c_str(),
                         nullptr, options.port, nullptr, kFlags) == nullptr)
    return std::unexpected(ErrorOf(mysql.get(), 0));
  return mysql;
}

std::optional<std::string> DecodeBase64(const std::string& text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::string decoded(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  decoded.resize(static_cast<size_t>(size));
  if (text.ends_with("=="))
    decoded.resize(decoded.size() - 2);
  else if (text.ends_with('='))
    decoded.resize(decoded.size() - 1);
  return decoded;
}

// mysql_library_init is not safe to run from several threads at once; function statics are.
void InitLibrary() {
  static const int done = mysql_library_init(0, nullptr, nullptr);
  (void)done;
}

}  // namespace

std::string ServerError::ToString() const {
  return fmt::format("Error {} ({}): {}", code, sql_state, message);
}

struct Connection::Handle {
  MysqlPtr mysql;
};

Connection::Connection(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
Connection::~Connection() = default;

Connection::Outcome<std::unique_ptr<Connection>> Connection::Open(const ConnectOptions& options) {
  InitLibrary();
  auto mysql = Connect(options, options.password);
  if (!mysql && mysql.error().code == kAccessDenied) {
    if (const auto decoded = DecodeBase64(options.password)) {
      auto second = Connect(options, *decoded);
      if (second) mysql = std::move(second);
    }
  }
  if (!mysql) return std::unexpected(std::move(mysql).error());
  auto handle = std::make_unique<Handle>(Handle{*std::move(mysql)});
  return std::unique_ptr<Connection>(new Connection(std::move(handle)));
}

ServerError Connection::LastError(size_t statement) const {
  return ErrorOf(handle_->mysql.get(), statement);
}

Connection::Outcome<void> Connection::Execute(std::string_view sql,
                                              std::vector<uint64_t>* affected) {
  MYSQL* mysql = handle_->mysql.get();
  if (affected != nullptr) affected->clear();
  if (mysql_real_query(mysql, sql.data(), sql.size()) != 0) return std::unexpected(LastError(0));
  for (size_t statement = 0;; ++statement) {
    const ResultPtr result(mysql_store_result(mysql));
    if (result == nullptr && mysql_field_count(mysql) != 0)
      return std::unexpected(LastError(statement));
    if (affected != nullptr) affected->push_back(mysql_affected_rows(mysql));
    const int next = mysql_next_result(mysql);
    if (next < 0) return {};
    if (next > 0) return std::unexpected(LastError(statement + 1));
  }
}

Connection::Outcome<std::vector<Connection::Row>> Connection::Query(std::string_view sql) {
  MYSQL* mysql = handle_->mysql.get();
  if (mysql_real_query(mysql, sql.data(), sql.size()) != 0) return std::unexpected(LastError(0));
  const ResultPtr result(mysql_store_result(mysql));
  if (result == nullptr && mysql_errno(mysql) != 0) return std::unexpected(LastError(0));
  std::vector<Row> rows;
  if (result == nullptr) return rows;
  const unsigned columns = mysql_num_fields(result.get());
  while (const MYSQL_ROW values = mysql_fetch_row(result.get())) {
    const unsigned long* lengths = mysql_fetch_lengths(result.get());
    Row& row = rows.emplace_back();
    for (unsigned i = 0; i < columns; ++i) {
      if (values[i] == nullptr)
        row.emplace_back();
      else
        row.emplace_back(std::string(values[i], lengths[i]));
    }
  }
  return rows;
}

uint64_t Connection::server_thread_id() const { return mysql_thread_id(handle_->mysql.get()); }

std::string Connection::server_version() const {
  const char* version = mysql_get_server_info(handle_->mysql.get());
  return version == nullptr ? "" : version;
}

void Connection::Abort() {
  // Only the socket: the library's own state belongs to the thread that waits on it.
  const my_socket socket = mysql_get_socket(handle_->mysql.get());
  if (socket >= 0) ::shutdown(socket, SHUT_RDWR);
}

}  // namespace cdc

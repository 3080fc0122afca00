// Requests to other nodes.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "edge/api/http_tls.h"

namespace cdc {

struct HttpCall {
  std::string method = "GET";
  std::string target;  // path and query
  std::map<std::string, std::string> headers;
  std::string body;
  std::string content_type = "application/json";
  std::chrono::seconds timeout{60};  // for the answer to begin
};

struct HttpAnswer {
  int status = 0;
  std::string content_type;
  std::string body;
};

// Asks the node at `address` ("host:port"). With TLS the node's certificate is checked.
// Errors: kRequestForward when there is no answer. Thread-safe.
Result<HttpAnswer> CallNode(const std::string& address, const HttpTls& tls, const HttpCall& call);

// What a node's answer says: Ok for 2xx, else the error that the body holds.
Status AnswerStatus(const std::string& address, const HttpAnswer& answer);

}  // namespace cdc

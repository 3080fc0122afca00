#include "edge/cli/cli_context.h"

#include <iostream>
#include <sstream>

#include <httplib.h>

namespace cdc {

Result<std::vector<std::string>> CliContext::Endpoints() const {
  std::vector<std::string> endpoints;
  std::stringstream stream(flags_.pd);
  for (std::string part; std::getline(stream, part, ',');) {
    if (!part.starts_with("http://") && !part.starts_with("https://"))
      return Error(Code::kInvalidServerOption,
                   "PD endpoint \"{}\" must begin with http:// or https://", part);
    endpoints.push_back(part);
  }
  if (endpoints.empty()) return Error(Code::kInvalidServerOption, "--pd is empty");
  return endpoints;
}

Result<TiKvClient*> CliContext::TiKv() {
  if (!tikv_) {
    ASSIGN_OR_RETURN(const auto endpoints, Endpoints());
    ASSIGN_OR_RETURN(tikv_, TiKvClient::Open(endpoints, flags_.tls, {}, SystemClock()));
  }
  return tikv_.get();
}

Result<EtcdClient*> CliContext::Etcd() {
  if (!etcd_) {
    ASSIGN_OR_RETURN(const auto endpoints, Endpoints());
    ASSIGN_OR_RETURN(etcd_, EtcdClient::Open({.endpoints = endpoints, .tls = flags_.tls}));
  }
  return etcd_.get();
}

Result<ClusterSnapshot> CliContext::Cluster() {
  ASSIGN_OR_RETURN(EtcdClient * etcd, Etcd());
  return ReadCluster(*etcd, paths_);
}

Status CliContext::PostToOwner(const std::string& path,
                               const std::map<std::string, std::string>& form) {
  ASSIGN_OR_RETURN_STATUS(const ClusterSnapshot cluster, Cluster());
  const auto& captures = cluster.view.captures();
  const auto owner = cluster.owner ? captures.find(*cluster.owner) : captures.end();
  if (owner == captures.end())
    return Status(Code::kOwnerNotFound, "no capture is the owner: is a cdc server running?");
  const std::string scheme = flags_.tls.enabled() ? "https://" : "http://";
  httplib::Client client(scheme + owner->second.address, flags_.tls.cert_path, flags_.tls.key_path);
  if (flags_.tls.enabled()) client.set_ca_cert_path(flags_.tls.ca_path.c_str());
  client.set_connection_timeout(5s);
  client.set_read_timeout(30s);
  const auto answer = client.Post(path, httplib::Params(form.begin(), form.end()));
  if (!answer)
    return Status(Code::kOwnerNotFound, "the owner at {} does not answer: {}",
                  owner->second.address, httplib::to_string(answer.error()));
  if (answer->status >= 200 && answer->status < 300) return Status::Ok();
  // "[CDC:Err…]message", as the owner said it.
  const std::string& body = answer->body;
  if (const size_t end = body.find(']'); body.starts_with("[CDC:") && end != body.npos)
    return Status::Make(CodeFromName(std::string_view(body).substr(1, end - 1)),
                        body.substr(end + 1));
  return Status(Code::kUnexpected, "the owner answers {}: {}", answer->status, body);
}

bool Confirm(const std::string& question) {
  std::cout << question << " [Y/N] " << std::flush;
  std::string answer;
  return std::getline(std::cin, answer) && (answer == "y" || answer == "Y");
}

}  // namespace cdc

#include "edge/api/changefeed_body.h"

#include <algorithm>
#include <set>

namespace cdc {
namespace {

// Reads a body's keys one by one; keeps the first error.
class BodyReader {
 public:
  explicit BodyReader(const OrderedJson& body) : body_(body) {}

  void Read(const char* key, std::string* out) {
    Take(key, "a string", [&](const OrderedJson& value) {
      if (!value.is_string()) return false;
      *out = value.get<std::string>();
      return true;
    });
  }
  void Read(const char* key, std::vector<std::string>* out) {
    Take(key, "a list of strings", [&](const OrderedJson& value) {
      if (!value.is_array()) return false;
      for (const OrderedJson& element : value) {
        if (!element.is_string()) return false;
        out->push_back(element.get<std::string>());
      }
      return true;
    });
  }
  void Read(const char* key, Ts* out) {
    Take(key, "a timestamp (a number >= 0)", [&](const OrderedJson& value) {
      if (!value.is_number_unsigned()) return false;
      *out = Ts(value.get<uint64_t>());
      return true;
    });
  }
  template <typename T>
  void Read(const char* key, std::optional<T>* out) {
    if (Find(key) == nullptr) return;
    Read(key, &out->emplace());
  }
  void Read(const char* key, std::map<std::string, std::string>* out) {
    Take(key, "an object of strings", [&](const OrderedJson& value) {
      if (!value.is_object()) return false;
      for (const auto& [name, element] : value.items()) {
        if (!element.is_string()) return false;
        (*out)[name] = element.get<std::string>();
      }
      return true;
    });
  }
  // Moves a key over into a configuration tree.
  void Copy(const char* key, OrderedJson* into) {
    if (const OrderedJson* value = Find(key)) *into = *value;
  }
  void Ignore(const char* key) { Find(key); }

  // The first error, or the keys that nobody asked for.
  Status Finish() const {
    if (!status_.ok()) return status_;
    for (const auto& [key, value] : body_.items())
      if (!asked_.contains(key)) return Status(Code::kApiInvalidParam, "unknown key \"{}\"", key);
    return Status::Ok();
  }

 private:
  const OrderedJson* Find(const char* key) {
    asked_.insert(key);
    const auto found = body_.find(key);
    return found == body_.end() || found->is_null() ? nullptr : &*found;
  }
  template <typename F>
  void Take(const char* key, const char* expected, F read) {
    const OrderedJson* value = Find(key);
    if (value != nullptr && !read(*value) && status_.ok())
      status_ = Status(Code::kApiInvalidParam, "{} must be {}", key, expected);
  }

  const OrderedJson& body_;
  std::set<std::string> asked_;
  Status status_;
};

// Of the connection to PD: only which PD matters, the node has its own certificates.
void ReadPdConfig(BodyReader& reader, std::vector<std::string>* pd_addrs) {
  reader.Read("pd_addrs", pd_addrs);
  for (const char* key : {"ca_path", "cert_path", "key_path", "cert_allowed_cn"})
    reader.Ignore(key);
}

Status ReadConfig(const OrderedJson& tree, ChangefeedBody* body) {
  if (tree.is_null()) return Status::Ok();
  ASSIGN_OR_RETURN_STATUS(body->config, ReplicaConfig::FromApiJson(tree.dump()));
  return body->config->Validate();
}

std::string PlainEndpoint(std::string_view endpoint) {
  if (const size_t scheme = endpoint.find("://"); scheme != endpoint.npos)
    endpoint.remove_prefix(scheme + 3);
  while (endpoint.ends_with('/')) endpoint.remove_suffix(1);
  return std::string(endpoint);
}

}  // namespace

Result<ChangefeedBody> ReadBodyV1(const OrderedJson& json) {
  ChangefeedBody body;
  BodyReader reader(json);
  std::string name_space;
  OrderedJson config;
  reader.Read("namespace", &name_space);
  reader.Read("changefeed_id", &body.id);
  reader.Read("start_ts", &body.start_ts);
  reader.Read("target_ts", &body.target_ts);
  reader.Read("sink_uri", &body.sink_uri);
  reader.Read("timezone", &body.time_zone);
  if (body.time_zone == "system" || body.time_zone == "SYSTEM") body.time_zone.clear();
  const auto copy = [&](const char* key, const char* section, const char* name) {
    OrderedJson value;
    reader.Copy(key, &value);
    if (value.is_null()) return;
    (section == nullptr ? config : config[section])[name] = std::move(value);
  };
  copy("force_replicate", nullptr, "force_replicate");
  copy("ignore_ineligible_table", nullptr, "ignore_ineligible_table");
  copy("filter_rules", "filter", "rules");
  copy("ignore_txn_start_ts", "filter", "ignore_txn_start_ts");
  copy("mounter_worker_num", "mounter", "worker_num");
  copy("sink_config", nullptr, "sink");
  RETURN_UNEXPECTED_IF_ERROR(reader.Finish());
  RETURN_UNEXPECTED_IF_ERROR(CheckNamespace(name_space));
  RETURN_UNEXPECTED_IF_ERROR(ReadConfig(config, &body));
  return body;
}

Result<ChangefeedBody> ReadBodyV2(const OrderedJson& json) {
  ChangefeedBody body;
  BodyReader reader(json);
  std::string name_space;
  std::string keyspace;
  OrderedJson config;
  reader.Read("namespace", &name_space);
  reader.Read("keyspace", &keyspace);
  reader.Read("changefeed_id", &body.id);
  reader.Read("start_ts", &body.start_ts);
  reader.Read("target_ts", &body.target_ts);
  reader.Read("sink_uri", &body.sink_uri);
  reader.Copy("replica_config", &config);
  // Ours, for the command line's flags of the same names.
  reader.Read("opts", &body.opts);
  reader.Read("sort_engine", &body.sort_engine);
  reader.Read("time_zone", &body.time_zone);
  ReadPdConfig(reader, &body.pd_addrs);
  RETURN_UNEXPECTED_IF_ERROR(reader.Finish());
  RETURN_UNEXPECTED_IF_ERROR(CheckNamespace(name_space));
  RETURN_UNEXPECTED_IF_ERROR(CheckNamespace(keyspace));
  RETURN_UNEXPECTED_IF_ERROR(ReadConfig(config, &body));
  return body;
}

Result<ResumeBody> ReadResumeBody(const OrderedJson& json) {
  ResumeBody body;
  BodyReader reader(json);
  reader.Read("overwrite_checkpoint_ts", &body.overwrite_checkpoint_ts);
  ReadPdConfig(reader, &body.pd_addrs);
  RETURN_UNEXPECTED_IF_ERROR(reader.Finish());
  return body;
}

Status CheckNamespace(const std::string& name) {
  if (name.empty() || name == "default") return Status::Ok();
  return Status(Code::kNotSupported, "there is no namespace or keyspace \"{}\", only default",
                name);
}

Status CheckUpstream(const std::vector<std::string>& given,
                     const std::vector<std::string>& endpoints) {
  if (given.empty()) return Status::Ok();
  for (const std::string& one : given)
    for (const std::string& endpoint : endpoints)
      if (PlainEndpoint(one) == PlainEndpoint(endpoint)) return Status::Ok();
  return Status(Code::kNotSupported,
                "pd_addrs names another cluster than the one this server captures");
}

}  // namespace cdc

#include "simulator/control_server.h"

#include <charconv>
#include <functional>
#include <thread>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "simulator/load_schema.h"

namespace cdc {
namespace {

using Json = nlohmann::json;

// The parameters of a request. What cannot be read is remembered, and told at the end.
class Parameters {
 public:
  explicit Parameters(const httplib::Request& request) : request_(request) {}

  bool Has(const char* name) const { return request_.has_param(name); }
  std::string Text(const char* name) const { return request_.get_param_value(name); }
  uint64_t Number(const char* name, uint64_t otherwise) {
    if (!Has(name)) return otherwise;
    const std::string text = Text(name);
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) Bad(name);
    return value;
  }
  Duration Milliseconds(const char* name, uint64_t otherwise) {
    return std::chrono::milliseconds(Number(name, otherwise));
  }
  std::string Key(const char* name) {
    auto key = FromHex(Text(name));
    if (!Has(name) || !key) Bad(name);
    return key.value_or("");
  }
  SimRegionError Kind() {
    const auto error = RegionErrorFromName(Text("kind"));
    if (!error) Bad("kind");
    return error.value_or(SimRegionError::kRegionNotFound);
  }
  void Bad(const char* name) {
    if (status_.ok()) status_ = Status(Code::kUnexpected, "bad or missing parameter {}", name);
  }
  const Status& status() const { return status_; }

 private:
  const httplib::Request& request_;
  Status status_;
};

}  // namespace

class ControlServer::Impl {
 public:
  explicit Impl(Simulator& simulator) : simulator_(simulator), cluster_(simulator.cluster()) {}
  ~Impl() {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  Status Start(int port) {
    AddQuestions();
    AddRegionCommands();
    AddFaults();
    AddLoads();
    port_ = port == 0 ? server_.bind_to_any_port("127.0.0.1")
                      : (server_.bind_to_port("127.0.0.1", port) ? port : -1);
    if (port_ <= 0) return Status(Code::kUnexpected, "control cannot listen on port {}", port);
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    return Status::Ok();
  }
  int port() const { return port_; }

 private:
  using Act = std::function<Status(Parameters&, Json*)>;

  static httplib::Server::Handler Handler(Act act) {
    return [act = std::move(act)](const httplib::Request& request, httplib::Response& response) {
      Parameters parameters(request);
      Json answer = Json::object();
      Status status = act(parameters, &answer);
      if (!parameters.status().ok()) status = parameters.status();
      if (status.ok()) {
        response.set_content(answer.dump() + "\n", "application/json");
      } else {
        response.status = 400;
        response.set_content(std::string(status.message()) + "\n", "text/plain");
      }
    };
  }
  void Get(const char* path, Act act) { server_.Get(path, Handler(std::move(act))); }
  void Post(const char* path, Act act) { server_.Post(path, Handler(std::move(act))); }

  void AddQuestions() {
    Get("/healthz", [](Parameters&, Json*) { return Status::Ok(); });
    Get("/status", [this](Parameters&, Json* out) { return Describe(out); });
    Get("/ts", [this](Parameters&, Json* out) {
      (*out)["ts"] = cluster_.oracle().Next().raw();
      return Status::Ok();
    });
    Get("/regions", [this](Parameters& p, Json* out) {
      *out = Json::array();
      for (const auto& view : cluster_.Regions("", "", p.Number("limit", 1000))) {
        out->push_back({{"id", view.region.id()},
                        {"start", ToHex(view.range.start)},
                        {"end", ToHex(view.range.end)},
                        {"version", view.region.region_epoch().version()},
                        {"leader", view.leader.store_id()},
                        {"subscriptions", view.downstreams},
                        {"oldest_lock", view.oldest_lock.raw()}});
      }
      return Status::Ok();
    });
    Get("/rows", [this](Parameters& p, Json* out) { return Rows(p, out); });
  }

  Status Describe(Json* out) {
    const ClusterCounts counts = cluster_.Counts();
    *out = {{"regions", counts.regions},           {"keys", counts.keys},
            {"streams", counts.streams},           {"subscriptions", counts.downstreams},
            {"initialized", counts.initialized},   {"registrations", counts.registrations},
            {"queued_bytes", counts.queued_bytes}, {"now", cluster_.oracle().Now().raw()},
            {"stores_up", cluster_.StoresUp()},    {"nemesis", simulator_.nemesis().Counts()}};
    if (simulator_.player()) (*out)["played"] = simulator_.player()->done();
    for (const auto& [name, ts] : simulator_.pd().service_safe_points()) {
      (*out)["safe_points"][name] = ts.raw();
    }
    if (!simulator_.loads()) return Status::Ok();
    for (const auto& load : simulator_.loads()->Views()) {
      (*out)["loads"].push_back({{"number", load.number},
                                 {"kind", load.kind},
                                 {"rows", load.rows},
                                 {"conflicts", load.conflicts},
                                 {"done", load.done}});
    }
    return Status::Ok();
  }

  // The stored rows of a load table at a ts: [[id, k], …].
  Status Rows(Parameters& p, Json* out) {
    LoadTables* const tables = simulator_.tables();
    const uint64_t table = p.Number("table", 0);
    if (!tables || table >= tables->size()) return Status(Code::kUnexpected, "no such table");
    *out = Json::array();
    const Ts ts(p.Number("ts", Ts::Max().raw()));
    cluster_.Snapshot(RecordRange(tables->id(table)), ts,
                      [&](std::string_view key, std::string_view value) {
                        out->push_back({RecordHandle(key), DecodeLoadRow(value).first});
                      });
    return Status::Ok();
  }

  void AddRegionCommands() {
    Post("/split", [this](Parameters& p, Json*) { return cluster_.Split(p.Key("key")); });
    Post("/merge", [this](Parameters& p, Json*) { return cluster_.Merge(p.Number("region", 0)); });
    Post("/leader", [this](Parameters& p, Json*) {
      return cluster_.TransferLeader(p.Number("region", 0), p.Number("store", 0));
    });
    Post("/move", [this](Parameters& p, Json*) {
      return cluster_.Move(p.Number("region", 0), {p.Number("store", 0)});
    });
    Post("/scatter", [this](Parameters&, Json*) {
      cluster_.Scatter();
      cluster_.FailRegion(0, SimRegionError::kNotLeader);
      return Status::Ok();
    });
    Post("/store/stop",
         [this](Parameters& p, Json*) { return simulator_.StopStore(p.Number("store", 0)); });
    Post("/store/start",
         [this](Parameters& p, Json*) { return simulator_.StartStore(p.Number("store", 0)); });
    Post("/store/refuse_v2", [this](Parameters& p, Json*) {
      simulator_.RefuseV2(p.Number("on", 1) != 0);
      return Status::Ok();
    });
  }

  void AddFaults() {
    Post("/error", [this](Parameters& p, Json*) {
      const SimRegionError kind = p.Kind();
      if (p.status().ok()) cluster_.FailRegion(p.Number("region", 0), kind);
      return Status::Ok();
    });
    Post("/error/registrations", [this](Parameters& p, Json*) {
      cluster_.FailNextRegistrations(static_cast<int>(p.Number("count", 1)), p.Kind());
      return Status::Ok();
    });
    Post("/error/requests", [this](Parameters& p, Json*) {
      cluster_.FailNextRequests(static_cast<int>(p.Number("count", 1)), p.Kind());
      return Status::Ok();
    });
    Post("/streams/cut", [this](Parameters& p, Json*) {
      for (const auto& stream : cluster_.Streams(p.Number("store", 0))) stream->Close();
      return Status::Ok();
    });
    Post("/streams/stall", [this](Parameters& p, Json*) {
      const bool on = p.Number("on", 1) != 0;
      for (const auto& stream : cluster_.Streams(p.Number("store", 0))) stream->Stall(on);
      return Status::Ok();
    });
    Post("/resolved", [this](Parameters& p, Json*) {
      cluster_.HoldResolved(p.Number("on", 1) == 0);
      cluster_.DelayResolved(p.Number("delay_ms", 0));
      return Status::Ok();
    });
    Post("/lock", [this](Parameters& p, Json*) {
      const std::string key = p.Key("key");
      if (p.status().ok()) cluster_.LeaveLocks({{key, "locked"}}, p.Number("ttl_ms", 3000));
      return Status::Ok();
    });
    Post("/gc", [this](Parameters& p, Json*) {
      simulator_.pd().SetGcSafePoint(Ts(p.Number("safe_point", 0)));
      return Status::Ok();
    });
    Post("/nemesis", [this](Parameters& p, Json*) {
      if (p.Number("on", 1) == 0) {
        simulator_.nemesis().Stop();
        return Status::Ok();
      }
      NemesisOptions options{.seed = p.Number("seed", 1),
                             .interval = p.Milliseconds("interval_ms", 200),
                             .down_time = p.Milliseconds("down_ms", 500)};
      if (p.Has("table_prefix")) options.table_prefix = p.Key("table_prefix");
      if (p.status().ok()) simulator_.nemesis().Start(options);
      return Status::Ok();
    });
  }

  void AddLoads() {
    Post("/load", [this](Parameters& p, Json* out) -> Status {
      if (!simulator_.loads()) return Status(Code::kUnexpected, "there are no load tables");
      LoadSpec spec;
      if (p.Has("kind")) spec.kind = p.Text("kind");
      spec.rows = p.Number("rows", spec.rows);
      spec.rate = p.Number("rate", spec.rate);
      spec.txn_rows = p.Number("txn_rows", spec.txn_rows);
      spec.one_phase = p.Number("one_phase", 0) != 0;
      spec.keys = p.Number("keys", spec.keys);
      spec.tables = p.Number("tables", spec.tables);
      spec.seed = p.Number("seed", spec.seed);
      spec.queue_bytes = p.Number("queue_bytes", spec.queue_bytes);
      if (!p.status().ok()) return p.status();
      ASSIGN_OR_RETURN_STATUS((*out)["number"], simulator_.loads()->Start(spec));
      (*out)["ts"] = cluster_.oracle().Next().raw();
      return Status::Ok();
    });
    Post("/load/stop", [this](Parameters&, Json* out) {
      if (simulator_.loads()) simulator_.loads()->StopAll();
      (*out)["ts"] = cluster_.oracle().Next().raw();
      return Status::Ok();
    });
  }

  Simulator& simulator_;
  SimCluster& cluster_;
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

ControlServer::ControlServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlServer::~ControlServer() = default;
int ControlServer::port() const { return impl_->port(); }

Result<std::unique_ptr<ControlServer>> ControlServer::Open(Simulator& simulator, int port) {
  auto impl = std::make_unique<Impl>(simulator);
  RETURN_UNEXPECTED_IF_ERROR(impl->Start(port));
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(impl)));
}

}  // namespace cdc

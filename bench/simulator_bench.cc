// How fast the simulator feeds a reader that discards what it gets: rows a second, and per second
// of CPU of both together, so that no benchmark measures the simulator by mistake.
#include <atomic>
#include <thread>

#include <fmt/core.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <sys/resource.h>

#include "simulator/simulator.h"

namespace cdc {
namespace {

constexpr uint64_t kRows = 4'000'000;

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// One EventFeedV2 stream with all regions of a store on it.
class Reader {
 public:
  Reader(const std::string& address, const std::vector<cdcpb::ChangeDataRequest>& requests)
      : stub_(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), Unlimited())) {
    context_.AddMetadata("features", "stream-multiplexing");
    rpc_ = stub_.PrepareCall(&context_, "/cdcpb.ChangeData/EventFeedV2", &queue_);
    rpc_->StartCall(nullptr);
    Step();
    for (const auto& request : requests) {
      const grpc::Slice slice(request.SerializeAsString());
      rpc_->Write(grpc::ByteBuffer(&slice, 1), nullptr);
      Step();
    }
    thread_ = std::thread([this] { Discard(); });
  }
  ~Reader() {
    context_.TryCancel();
    thread_.join();
    queue_.Shutdown();
    void* tag;
    bool ok;
    while (queue_.Next(&tag, &ok)) {
    }
  }
  uint64_t bytes() const { return bytes_; }

 private:
  static grpc::ChannelArguments Unlimited() {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    return arguments;
  }
  bool Step() {
    void* tag;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }
  void Discard() {
    for (grpc::ByteBuffer message;;) {
      rpc_->Read(&message, nullptr);
      if (!Step()) break;
      bytes_ += message.Length();
    }
    grpc::Status ignored;
    rpc_->Finish(&ignored, nullptr);
    Step();
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> rpc_;
  std::atomic<uint64_t> bytes_{0};
  std::thread thread_;
};

cdcpb::ChangeDataRequest Registration(const SimCluster::RegionView& view, uint64_t cluster_id) {
  cdcpb::ChangeDataRequest request;
  request.mutable_header()->set_cluster_id(cluster_id);
  request.mutable_header()->set_ticdc_version("8.5.0");
  request.set_request_id(1);
  request.set_region_id(view.region.id());
  *request.mutable_region_epoch() = view.region.region_epoch();
  request.set_start_key(view.region.start_key());
  request.set_end_key(view.region.end_key());
  request.set_checkpoint_ts(Ts::Max().raw() >> 1);  // nothing by scan
  request.mutable_register_();
  return request;
}

void Measure(size_t row_bytes, bool one_phase) {
  SimulatorOptions options;
  options.cluster.stores = 1;
  options.pd_port = 0;
  options.store_port = 0;
  options.etcd = false;
  options.play = false;
  options.recording = CDC_RECORDINGS "/21_oltp";
  options.tables = {.tables = 1, .regions_per_table = 4, .row_bytes = row_bytes};
  const auto simulator = Simulator::Open(options);
  if (!simulator) {
    fmt::print(stderr, "{}\n", simulator.error().ToString());
    return;
  }
  SimCluster& cluster = (*simulator)->cluster();
  std::vector<cdcpb::ChangeDataRequest> requests;
  for (const auto& view : cluster.Regions("t", "", 100)) {
    requests.push_back(Registration(view, options.cluster.cluster_id));
  }
  Reader reader((*simulator)->store_addresses().front(), requests);
  const auto wait_until = [&](auto done) {
    while (!done()) SystemClock().SleepFor(1ms, {});
  };
  wait_until([&] { return cluster.Counts().initialized == requests.size(); });
  const double cpu = CpuSeconds();
  const SteadyTime begin = SystemClock().Now();
  (void)(*simulator)->loads()->Start({.rows = kRows, .txn_rows = 500, .one_phase = one_phase});
  wait_until([&] {
    return (*simulator)->loads()->Views().front().done && cluster.Counts().queued_bytes == 0;
  });
  const std::chrono::duration<double> wall = SystemClock().Now() - begin;
  const double used = CpuSeconds() - cpu;
  fmt::print(
      "{{\"name\": \"simulator/{}-{}B\", \"unit\": \"rows/s\", \"value\": {:.0f}, "
      "\"rows_per_cpu_second\": {:.0f}, \"mb_per_s\": {:.1f}}}\n",
      one_phase ? "1pc" : "2pc", row_bytes, static_cast<double>(kRows) / wall.count(),
      static_cast<double>(kRows) / used, static_cast<double>(reader.bytes()) / wall.count() / 1e6);
  std::fflush(stdout);
}

}  // namespace
}  // namespace cdc

int main() {
  cdc::Measure(100, true);
  cdc::Measure(100, false);
  cdc::Measure(400, true);
  return 0;
}

#include "sim_sink.h"

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "dataflow/sink/sink.h"
#include "sabotage.h"
#include "trace.h"

namespace cdc {
namespace {

constexpr SimTime kRequestTimeout = std::chrono::seconds(10);
constexpr size_t kWriters = 2;

enum class Outcome { kDone, kRefused };

class SimSink : public Sink {
 public:
  SimSink(SimDownstream& downstream, const SinkContext& context)
      : downstream_(downstream),
        links_(downstream.links()),
        writer_(downstream.writer()),
        changefeed_(context.changefeed),
        may_write_(context.may_write) {
    for (Lane& lane : lanes_)
      lane.thread = std::jthread([this, &lane](std::stop_token stop) { Run(lane, stop); });
  }
  ~SimSink() override {
    for (Lane& lane : lanes_) lane.thread.request_stop();
    for (Lane& lane : lanes_) {
      lane.thread.join();
      for (auto& [batch, done] : lane.queue) done(Status(Code::kStopped, "the sink was closed"));
    }
  }

  void Write(std::shared_ptr<const RowBatch> batch, Done done) override {
    Lane& lane = lanes_[static_cast<size_t>(Raw(batch->rows.front().physical_id)) % kWriters];
    {
      std::lock_guard lock(lane.mutex);
      lane.queue.emplace_back(std::move(batch), std::move(done));
    }
    lane.filled.notify_all();
  }

  Status ExecuteDdl(const DdlEvent& ddl, std::stop_token stop) override {
    if (!MayWrite()) return Status(Code::kLeaseExpired, "the lease may have lapsed");
    const bool fails =
        downstream_.fail_one_ddl_in > 0 && downstream_.chance.OneIn(downstream_.fail_one_ddl_in);
    const bool before = downstream_.chance.OneIn(2);
    const auto outcome = Send([this, ddl = std::make_shared<const DdlEvent>(ddl), fails, before] {
      if (fails && before) return Outcome::kRefused;
      Trace("downstream {} executes {} of {}", changefeed_, ddl->query, ddl->commit_ts);
      downstream_.promises.DdlExecuted(changefeed_, writer_, *ddl);
      return fails ? Outcome::kRefused : Outcome::kDone;
    });
    if (downstream_.chance.OneIn(10))
      (void)Sleep(downstream_.chance.Between(SimTime(0), std::chrono::seconds(3)), stop);
    if (outcome == Outcome::kDone) return Status::Ok();
    return Status(Code::kMySqlTxn, "the downstream refused a DDL, or its answer is lost");
  }

  Status Checkpoint(Ts ts) override {
    downstream_.promises.Expect(ts > told_, "a sink is told a checkpoint that goes back");
    told_ = ts;
    if (MayWrite() && !links_.dead && links_.leases_forgotten == 0)
      downstream_.promises.CheckpointTold(changefeed_, writer_, ts);
    return Status::Ok();
  }

 private:
  using Queued = std::pair<std::shared_ptr<const RowBatch>, Done>;
  // Physical tables are hashed onto lanes; each writes one batch after the other.
  struct Lane {
    std::mutex mutex;  // guards queue
    std::condition_variable_any filled;
    std::deque<Queued> queue;
    std::jthread thread;
  };

  static bool Sleep(SimTime time, std::stop_token stop) {
    return SystemClock().SleepFor(time, std::move(stop));
  }

  // What a killed process had sent arrives or not.
  std::optional<Outcome> Send(std::function<Outcome()> serve) {
    return CallOver<Outcome>(downstream_.chance, links_, links_.sink, kRequestTimeout,
                             [this, serve = std::move(serve), &downstream = downstream_,
                              &links = links_]() -> std::optional<Outcome> {
                               if (links.dead && downstream.chance.OneIn(2)) return std::nullopt;
                               if (links.leases_forgotten > 0) return std::nullopt;
                               return serve();
                             });
  }

  void Run(Lane& lane, std::stop_token stop) {
    while (!stop.stop_requested()) {
      Queued next;
      {
        std::unique_lock lock(lane.mutex);
        if (!lane.filled.wait(lock, stop, [&] { return !lane.queue.empty(); })) return;
        next = TakeNext(lane);
      }
      if (Without(Protection::kAcknowledgement)) next.second(Status::Ok());
      Status status = failed_;
      if (status.ok()) status = WriteOne(next.first, stop);
      if (!status.ok()) failed_ = status;  // what comes after must not be written either
      if (!Without(Protection::kAcknowledgement)) next.second(std::move(status));
    }
  }

  static Queued TakeNext(Lane& lane) {
    if (Without(Protection::kOrder)) std::swap(lane.queue.front(), lane.queue.back());
    Queued next = std::move(lane.queue.front());
    lane.queue.pop_front();
    return next;
  }

  bool MayWrite() const { return Without(Protection::kFence) || may_write_(); }

  // Tries again for a while, as sinks do: the rows may have been written before.
  Status WriteOne(const std::shared_ptr<const RowBatch>& batch, std::stop_token stop) {
    for (int tries = 0; tries < 3; ++tries) {
      if (!MayWrite()) return Status(Code::kLeaseExpired, "the lease may have lapsed");
      const bool fails = downstream_.fail_one_write_in > 0 &&
                         downstream_.chance.OneIn(downstream_.fail_one_write_in);
      const size_t rows = fails ? static_cast<size_t>(downstream_.chance.Between(
                                      0, static_cast<int64_t>(batch->rows.size())))
                                : batch->rows.size();
      const auto outcome = Send([this, batch, rows, fails] {
        for (size_t i = 0; i < rows; ++i)
          downstream_.promises.RowWritten(changefeed_, writer_, batch->rows[i]);
        downstream_.writes += rows;
        return fails ? Outcome::kRefused : Outcome::kDone;
      });
      if (outcome == Outcome::kDone) return Status::Ok();
      if (!Sleep(std::chrono::milliseconds(500), stop)) break;
    }
    return Status(Code::kMySqlTxn, "the downstream refused rows, or its answer is lost");
  }

  SimDownstream& downstream_;
  const Links& links_;
  const SimWriter writer_;
  const ChangefeedId changefeed_;
  const std::function<bool()> may_write_;
  Ts told_;
  Status failed_;
  std::array<Lane, kWriters> lanes_;
};

}  // namespace

Result<std::unique_ptr<Sink>> OpenSink(const Uri&, const SinkContext& context) {
  SimDownstream& downstream = *SimDownstream::current;
  const Links& links = downstream.links();
  const auto opened = CallOver<bool>(downstream.chance, links, links.sink, kRequestTimeout,
                                     []() -> std::optional<bool> { return true; });
  if (!opened) return Error(Code::kMySqlConnection, "the downstream does not answer");
  return std::make_unique<SimSink>(downstream, context);
}

}  // namespace cdc

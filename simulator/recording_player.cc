#include "simulator/recording_player.h"

#include <algorithm>

namespace cdc {

Status LoadBase(SimCluster& cluster, Recording& recording) {
  const Ts at = recording.meta().start_ts;
  return recording.base().Scan({}, at, [&](std::string_view key, std::string_view value) {
    cluster.Load(key, value, at);
    return Status::Ok();
  });
}

Result<std::unique_ptr<RecordingPlayer>> RecordingPlayer::Start(SimCluster& cluster,
                                                                const Recording& recording,
                                                                double pace) {
  std::unique_ptr<RecordingPlayer> player(new RecordingPlayer(cluster));
  RETURN_UNEXPECTED_IF_ERROR(recording.ReadTransactions([&](std::vector<KvEvent> events) -> Status {
    if (events.empty()) return Status::Ok();
    Transaction txn{.start_ts = events.front().start_ts, .commit_ts = events.front().commit_ts};
    for (const KvEvent& event : events) {
      SimMutation& mutation = txn.mutations.emplace_back();
      mutation.key = event.key;
      if (event.op == KvOp::kPut) mutation.value = event.value;
    }
    player->transactions_.push_back(std::move(txn));
    return Status::Ok();
  }));
  Ts lowest = Ts::Max();
  for (auto it = player->transactions_.rbegin(); it != player->transactions_.rend(); ++it) {
    lowest = std::min(lowest, it->start_ts);
    it->resolved = lowest.Prev();
  }
  if (pace <= 0) {
    player->Play({});
    cluster.oracle().Raise(recording.meta().end_ts);
    return player;
  }
  cluster.oracle().SetPace(recording.meta().start_ts, pace);
  cluster.CapResolved(recording.meta().start_ts);
  player->thread_ = std::jthread([self = player.get()](std::stop_token stop) {
    auto& oracle = self->cluster_.oracle();
    self->Play(std::move(stop));
    oracle.SetPace(oracle.Now(), 1);
    self->cluster_.CapResolved(Ts::Max());
  });
  return player;
}

void RecordingPlayer::Play(std::stop_token stop) {
  const bool paced = stop.stop_possible();
  for (const Transaction& txn : transactions_) {
    if (paced) {
      cluster_.CapResolved(txn.resolved);
      while (cluster_.oracle().Now() < txn.commit_ts) {
        if (!SystemClock().SleepFor(1ms, stop)) return;
      }
    }
    cluster_.Replay(txn.mutations, txn.start_ts, txn.commit_ts);
  }
  transactions_.clear();
  done_ = true;
}

}  // namespace cdc

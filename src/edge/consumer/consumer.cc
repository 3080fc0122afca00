#include "edge/consumer/consumer.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/log.h"
#include "config/uri.h"
#include "dataflow/sink/kafka/topic_reader.h"
#include "edge/consumer/event_merger.h"
#include "edge/consumer/message_decoder.h"
#include "edge/consumer/progress_file.h"
#include "edge/consumer/row_applier.h"

namespace cdc {
namespace {

constexpr Duration kDiscoveryPeriod = 1s;
// A watermark that stood still for so long belongs to a partition that may not be in use.
constexpr Duration kStallPeriod = 1s;
constexpr auto kPollTimeout = 50ms;
// Messages between two looks at whether something is ready.
constexpr int kMessagesPerRound = 2000;
// Events that wait for watermarks before partitions that are ahead of others are paused.
constexpr size_t kWaitingMax = 200'000;

bool Matches(const std::string& pattern, const std::string& topic) {
  if (pattern.ends_with('*')) return topic.starts_with(pattern.substr(0, pattern.size() - 1));
  return topic == pattern;
}

class Consumer {
 public:
  Consumer(const ConsumerOptions& options, KafkaSinkConfig config, Progress progress)
      : options_(options),
        config_(std::move(config)),
        progress_(std::move(progress)),
        saved_(progress_),
        merger_(progress_.resolved) {
    result_.resolved = progress_.resolved;
  }

  Status Open() {
    ASSIGN_OR_RETURN_STATUS(decoder_, MessageDecoder::Create(config_.codec));
    ASSIGN_OR_RETURN_STATUS(reader_, TopicReader::Open(config_));
    ASSIGN_OR_RETURN_STATUS(const Uri downstream, Uri::Parse(options_.downstream_uri));
    ASSIGN_OR_RETURN_STATUS(applier_, RowApplier::Open(downstream, options_.time_zone,
                                                       progress_.resolved > Ts(), SystemClock()));
    return Status::Ok();
  }

  Status Run(std::stop_token stop) {
    while (!stop.stop_requested() && !TargetReached()) {
      RETURN_IF_ERROR(DiscoverNowAndThen());
      RETURN_IF_ERROR(ReadSome(stop));
      RETURN_IF_ERROR(RaiseThoseNotInUse());
      RETURN_IF_ERROR(ApplyReady(stop));
      RETURN_IF_ERROR(PauseThoseAhead());
    }
    return Status::Ok();
  }

  const ConsumerResult& result() const { return result_; }

 private:
  bool TargetReached() const {
    return options_.target_ts && result_.resolved >= *options_.target_ts;
  }

  Status DiscoverNowAndThen() {
    if (SystemClock().Now() < next_discovery_) return Status::Ok();
    const Result<bool> done = Discover();
    return done ? Status::Ok() : done.error();
  }

  // False if brokers do not tell now.
  Result<bool> Discover() {
    next_discovery_ = SystemClock().Now() + kDiscoveryPeriod;
    const auto topics = reader_->Topics();
    if (!topics) {
      if (topics.error().code() == Code::kKafkaAuthorization) return Unexpected(topics.error());
      static LogLimiter limiter(10s);
      if (limiter.Allow()) LogWarn("cannot list topics, error=\"{}\"", topics.error().ToString());
      return false;
    }
    for (const auto& [topic, partitions] : *topics) {
      const auto wanted = [&](const std::string& pattern) { return Matches(pattern, topic); };
      if (topic != config_.topic && std::ranges::none_of(options_.topics, wanted)) continue;
      for (int32_t i = 0; i < partitions; ++i) RETURN_UNEXPECTED_IF_ERROR(AddPartition({topic, i}));
    }
    return true;
  }

  Status AddPartition(const TopicPartition& partition) {
    if (merger_.HasPartition(partition)) return Status::Ok();
    const auto known = progress_.positions.find(partition);
    const bool fresh = known == progress_.positions.end();
    const EventMerger::Position at = fresh ? EventMerger::Position{} : known->second;
    merger_.AddPartition(partition, at.offset, at.watermark);
    LogInfo("reading a partition, topic={} partition={} offset={} watermark={}", partition.topic,
            partition.partition, at.offset, at.watermark);
    return reader_->Start(partition.topic, partition.partition,
                          fresh ? std::nullopt : std::optional<int64_t>(at.offset));
  }

  Status ReadSome(std::stop_token stop) {
    for (int i = 0; i < kMessagesPerRound && !stop.stop_requested(); ++i) {
      ASSIGN_OR_RETURN_STATUS(const std::optional<ReadMessage> message,
                              reader_->Poll(i == 0 ? kPollTimeout : 0ms));
      if (!message) break;
      ++result_.messages;
      events_.clear();
      if (Status status = decoder_->Decode(message->key, message->value, &events_); !status.ok())
        return status.WithContext(fmt::format("topic {} partition {} offset {}", message->topic,
                                              message->partition, message->offset));
      merger_.Add({message->topic, message->partition}, message->offset, std::move(events_));
    }
    return Status::Ok();
  }

  // A topic of tables that are gone gets no watermarks from a server that started later.
  Status RaiseThoseNotInUse() {
    const SteadyTime now = SystemClock().Now();
    if (now < next_stall_check_) return Status::Ok();
    next_stall_check_ = now + kStallPeriod;
    const Ts highest = merger_.highest();
    for (const auto& [partition, position] : merger_.Positions()) {
      const EventMerger::Reading reading = merger_.ReadingOf(partition);
      if (std::exchange(watermarks_[partition], reading.watermark) != reading.watermark ||
          reading.watermark >= highest)
        continue;
      const auto at_end = reader_->AtEnd(partition.topic, partition.partition, reading.next_offset);
      if (!at_end) {
        LogWarn("cannot look for the end of a partition, error=\"{}\"", at_end.error().ToString());
        break;
      }
      if (*at_end) merger_.RaiseWatermark(partition, highest);
    }
    return Status::Ok();
  }

  Status ApplyReady(std::stop_token stop) {
    if (merger_.lowest() <= result_.resolved && !merger_.HasReady()) return Status::Ok();
    // What the watermarks have passed may be in a topic that came to be just before them.
    ASSIGN_OR_RETURN_STATUS(const bool knows_all, Discover());
    if (!knows_all || (merger_.lowest() <= result_.resolved && !merger_.HasReady()))
      return Status::Ok();
    const auto before = merger_.Positions();
    const std::vector<ConsumedEvent> ready = merger_.Take();
    const auto end = ready.end();
    for (auto it = ready.begin(); it != end;) {
      const auto ddl = std::find_if(it, end, [](const ConsumedEvent& event) {
        return std::holds_alternative<ConsumedDdl>(event);
      });
      RETURN_IF_ERROR(applier_->Apply({it, ddl}, stop));
      it = ddl;
      if (ddl == end) break;
      // Rows must not come again after a schema change that they are older than.
      const Ts ts = TsOf(*ddl);
      RETURN_IF_ERROR(SaveUpTo(Ts(ts.raw() - 1), before));
      while (it != end && TsOf(*it) == ts) ++it;
      RETURN_IF_ERROR(applier_->Apply({ddl, it}, stop));
      RETURN_IF_ERROR(SaveUpTo(ts, before));
    }
    for (const ConsumedEvent& event : ready)
      ++(std::holds_alternative<ConsumedRow>(event) ? result_.rows : result_.ddls);
    result_.resolved = merger_.resolved();
    result_.duplicates = merger_.duplicates();
    return Save(result_.resolved, merger_.Positions());
  }

  // Of what was ready at the positions `before`, all up to `ts` is applied.
  Status SaveUpTo(Ts ts, std::map<TopicPartition, EventMerger::Position> before) {
    for (auto& [partition, position] : before) {
      const auto saved = saved_.positions.find(partition);
      position.watermark = std::min(position.watermark, ts);
      if (saved != saved_.positions.end())
        position.watermark = std::max(position.watermark, saved->second.watermark);
    }
    return Save(std::max(ts, saved_.resolved), before);
  }

  // Partitions that were not found yet in this run keep what they had.
  Status Save(Ts resolved, const std::map<TopicPartition, EventMerger::Position>& positions) {
    if (options_.progress_file.empty()) return Status::Ok();
    saved_.resolved = resolved;
    for (const auto& [partition, position] : positions) saved_.positions[partition] = position;
    return SaveProgress(options_.progress_file, saved_);
  }

  Status PauseThoseAhead() {
    const bool full = merger_.waiting() > kWaitingMax;
    if (!full && paused_.empty()) return Status::Ok();
    for (const auto& [partition, position] : merger_.Positions()) {
      const bool pause = full && merger_.IsAhead(partition);
      if (pause == paused_.contains(partition)) continue;
      RETURN_IF_ERROR(reader_->SetPaused(partition.topic, partition.partition, pause));
      if (pause)
        paused_.insert(partition);
      else
        paused_.erase(partition);
    }
    return Status::Ok();
  }

  const ConsumerOptions& options_;
  const KafkaSinkConfig config_;
  const Progress progress_;  // of the run before
  Progress saved_;           // last
  std::unique_ptr<MessageDecoder> decoder_;
  std::unique_ptr<TopicReader> reader_;
  std::unique_ptr<RowApplier> applier_;
  EventMerger merger_;
  std::vector<ConsumedEvent> events_;
  std::set<TopicPartition> paused_;
  std::map<TopicPartition, Ts> watermarks_;  // at the last look for those not in use
  SteadyTime next_discovery_;
  SteadyTime next_stall_check_;
  ConsumerResult result_;
};

}  // namespace

Result<ConsumerResult> Consume(const ConsumerOptions& options, std::stop_token stop) {
  ASSIGN_OR_RETURN(const Uri upstream, Uri::Parse(options.upstream_uri));
  ASSIGN_OR_RETURN(const ReplicaConfig replica,
                   ReplicaConfig::FromToml(options.upstream_config, "--config"));
  ASSIGN_OR_RETURN(KafkaSinkConfig config,
                   KafkaSinkConfig::Make(upstream, replica, "kafka-consumer"));
  Progress progress;
  if (!options.progress_file.empty()) {
    ASSIGN_OR_RETURN(progress, LoadProgress(options.progress_file));
  }
  Consumer consumer(options, std::move(config), std::move(progress));
  RETURN_UNEXPECTED_IF_ERROR(consumer.Open());
  RETURN_UNEXPECTED_IF_ERROR(consumer.Run(stop));
  return consumer.result();
}

}  // namespace cdc

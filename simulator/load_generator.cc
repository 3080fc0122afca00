#include "simulator/load_generator.h"

#include <algorithm>
#include <random>

#include "simulator/load_schema.h"

namespace cdc {
namespace {

constexpr uint64_t kRowsByDefault = 1'000'000;
constexpr uint64_t kHugeStep = 5000;  // rows of a huge transaction in one step
constexpr int32_t kBalance = 1000;

}  // namespace

Result<uint64_t> LoadGenerator::Start(const LoadSpec& spec) {
  using Run = void (LoadGenerator::*)(Load&, std::stop_token);
  static const std::map<std::string, Run, std::less<>> kKinds{
      {"stream", &LoadGenerator::Stream}, {"huge", &LoadGenerator::Huge},
      {"bank", &LoadGenerator::Bank},     {"oltp", &LoadGenerator::Oltp},
      {"timed", &LoadGenerator::Timed},   {"hot", &LoadGenerator::Oltp}};
  auto load = std::make_unique<Load>();
  load->spec = spec;
  if (spec.txn_rows == 0) load->spec.txn_rows = 1;
  if (spec.keys < 2) load->spec.keys = 2;
  if (spec.kind == "hot") load->spec.keys = std::min<uint64_t>(load->spec.keys, 10);
  if (spec.kind == "backlog") {
    Backlog(*load);
  } else if (const auto kind = kKinds.find(spec.kind); kind != kKinds.end()) {
    load->thread = std::jthread([this, run = kind->second, at = load.get()](std::stop_token stop) {
      (this->*run)(*at, std::move(stop));
      at->done = true;
    });
  } else {
    return Error(Code::kUnexpected, "no load {}: backlog, stream, huge, bank, oltp, timed or hot",
                 spec.kind);
  }
  std::lock_guard lock(mutex_);
  loads_[next_] = std::move(load);
  return next_++;
}

void LoadGenerator::StopAll() {
  std::lock_guard lock(mutex_);
  for (const auto& [number, load] : loads_) load->thread.request_stop();
  for (const auto& [number, load] : loads_) load->thread = {};
}

std::vector<LoadGenerator::View> LoadGenerator::Views() {
  std::lock_guard lock(mutex_);
  std::vector<View> views;
  for (const auto& [number, load] : loads_) {
    views.push_back({.number = number,
                     .kind = load->spec.kind,
                     .rows = load->rows,
                     .conflicts = load->conflicts,
                     .done = load->done});
  }
  return views;
}

size_t LoadGenerator::TableCount(const LoadSpec& spec) const {
  return spec.tables == 0 ? tables_.size() : std::min<size_t>(spec.tables, tables_.size());
}

bool LoadGenerator::Continue(Load& load, SteadyTime since, std::stop_token stop) {
  const LoadSpec& spec = load.spec;
  if (stop.stop_requested() || (spec.rows != 0 && load.rows >= spec.rows)) return false;
  if (spec.rate == 0) return true;
  const std::chrono::duration<double> due(static_cast<double>(load.rows) /
                                          static_cast<double>(spec.rate));
  const Duration wait = since + std::chrono::duration_cast<Duration>(due) - SystemClock().Now();
  return wait <= Duration::zero() || SystemClock().SleepFor(wait, std::move(stop));
}

// ---- Synthetic rows ----

void LoadGenerator::Backlog(Load& load) {
  const uint64_t rows = load.spec.rows == 0 ? kRowsByDefault : load.spec.rows;
  for (size_t table = 0; load.rows < rows; table = (table + 1) % TableCount(load.spec)) {
    const uint64_t count = std::min(load.spec.txn_rows, rows - load.rows);
    cluster_.SyntheticBacklog(tables_.synthetic(table), tables_.TakeRows(table, count), count);
    load.rows += count;
  }
  load.done = true;
}

void LoadGenerator::Stream(Load& load, std::stop_token stop) {
  const SteadyTime since = SystemClock().Now();
  const LoadSpec& spec = load.spec;
  for (size_t table = 0; Continue(load, since, stop); table = (table + 1) % TableCount(spec)) {
    if (!cluster_.WaitForRoom(spec.queue_bytes, stop)) return;
    SyntheticTable* const to = tables_.synthetic(table);
    const uint64_t first = tables_.TakeRows(table, spec.txn_rows);
    if (spec.one_phase) {
      cluster_.SyntheticOnePhase(to, first, spec.txn_rows);
    } else {
      const size_t txn =
          cluster_.SyntheticPrewrite(to, first, spec.txn_rows, cluster_.oracle().Next());
      cluster_.SyntheticCommit(to, txn, cluster_.oracle().Next());
    }
    load.rows += spec.txn_rows;
  }
}

void LoadGenerator::Huge(Load& load, std::stop_token stop) {
  const uint64_t rows = load.spec.rows == 0 ? kRowsByDefault : load.spec.rows;
  SyntheticTable* const table = tables_.synthetic(0);
  const Ts start_ts = cluster_.oracle().Next();
  std::vector<size_t> parts;
  for (uint64_t written = 0; written < rows;) {
    if (!cluster_.WaitForRoom(load.spec.queue_bytes, stop)) break;  // commits what there is
    const uint64_t count = std::min(kHugeStep, rows - written);
    parts.push_back(cluster_.SyntheticPrewrite(table, tables_.TakeRows(0, count), count, start_ts));
    written += count;
  }
  const Ts commit_ts = cluster_.oracle().Next();
  for (const size_t part : parts) {
    cluster_.WaitForRoom(load.spec.queue_bytes, stop);
    cluster_.SyntheticCommit(table, part, commit_ts);
    load.rows += kHugeStep;
  }
  load.rows = rows;
}

// ---- Stored rows ----

bool LoadGenerator::Write(Load& load, const std::vector<SimMutation>& mutations, Ts start_ts) {
  if (cluster_.Transact(mutations, load.spec.one_phase, start_ts)) {
    load.rows += mutations.size();
    return true;
  }
  ++load.conflicts;  // another load, or a lock that was left behind
  return false;
}

// Money moves between accounts of all tables; its sum per cluster does not change.
void LoadGenerator::Bank(Load& load, std::stop_token stop) {
  const LoadSpec& spec = load.spec;
  std::mt19937_64 random(spec.seed);
  const size_t tables = TableCount(spec);
  const auto account = [&](uint64_t n) {
    return RecordKey(tables_.id(n % tables), tables_.Handle(n / tables));
  };
  const uint64_t accounts = spec.keys * tables;
  for (uint64_t n = 0; n < accounts; ++n) {  // those that an earlier load made stay
    const Ts start_ts = cluster_.oracle().Next();
    if (cluster_.Read(account(n), start_ts)) continue;
    Write(load, {{account(n), EncodeLoadRow(kBalance, tables_.text_bytes())}}, start_ts);
  }
  const SteadyTime since = SystemClock().Now();
  while (Continue(load, since, stop)) {
    const Ts start_ts = cluster_.oracle().Next();
    const std::string from = account(random() % accounts);
    const std::string to = account(random() % accounts);
    if (from == to) continue;
    const auto left = cluster_.Read(from, start_ts);
    const auto right = cluster_.Read(to, start_ts);
    if (!left || !right) continue;
    const auto amount = static_cast<int32_t>(random() % 10);
    Write(load,
          {{from, EncodeLoadRow(DecodeLoadRow(*left).first - amount, tables_.text_bytes())},
           {to, EncodeLoadRow(DecodeLoadRow(*right).first + amount, tables_.text_bytes())}},
          start_ts);
  }
}

// New rows that say when their transaction began: `k` is the millisecond of the day.
void LoadGenerator::Timed(Load& load, std::stop_token stop) {
  constexpr uint64_t kDayMs = 86'400'000;
  const SteadyTime since = SystemClock().Now();
  const size_t tables = TableCount(load.spec);
  for (uint64_t n = 0; Continue(load, since, stop);) {
    const Ts start_ts = cluster_.oracle().Next();
    const auto k = static_cast<int32_t>(start_ts.unix_ms() % kDayMs);
    std::vector<SimMutation> mutations;
    for (uint64_t i = 0; i < load.spec.txn_rows; ++i, ++n) {
      mutations.push_back({RecordKey(tables_.id(n % tables), tables_.Handle(n / tables)),
                           EncodeLoadRow(k, tables_.text_bytes())});
    }
    Write(load, mutations, start_ts);
  }
}

// Rows come, change and go; in the mean, half of the keys exist.
void LoadGenerator::Oltp(Load& load, std::stop_token stop) {
  const LoadSpec& spec = load.spec;
  std::mt19937_64 random(spec.seed);
  const SteadyTime since = SystemClock().Now();
  while (Continue(load, since, stop)) {
    const Ts start_ts = cluster_.oracle().Next();
    const size_t table = random() % TableCount(spec);
    std::map<std::string, std::optional<std::string>> changes;
    const uint64_t rows = std::min<uint64_t>(1 + random() % spec.txn_rows, spec.keys);
    while (changes.size() < rows) {
      const std::string key = RecordKey(tables_.id(table), tables_.Handle(random() % spec.keys));
      const bool remove = random() % 4 == 0 && cluster_.Read(key, start_ts);
      auto& value = changes[key];
      if (!remove) {
        value = EncodeLoadRow(static_cast<int32_t>(random() % 100'000), tables_.text_bytes());
      }
    }
    std::vector<SimMutation> mutations;
    for (auto& [key, value] : changes) mutations.push_back({key, std::move(value)});
    Write(load, mutations, start_ts);
  }
}

}  // namespace cdc

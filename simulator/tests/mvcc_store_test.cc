#include "simulator/mvcc_store.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

// Remembers what the store tells in the notation "P a@5", "C a@5-9", "R a@5", "1 a@5-9".
class Recorder : public MvccObserver {
 public:
  void OnChange(const MvccChange& change) override {
    static constexpr char kKinds[] = "PCR1";
    told += told.empty() ? "" : " ";
    told += kKinds[static_cast<int>(change.kind)];
    told += fmt::format(" {}@{}", change.key, change.start_ts.raw());
    if (change.commit_ts != Ts()) told += fmt::format("-{}", change.commit_ts.raw());
    old_value = change.old_value ? *change.old_value : "";
  }

  std::string told;
  std::string old_value;
};

class MvccStoreTest : public testing::Test {
 protected:
  struct PrewriteOptions {
    bool one_pc = false;
    bool async_commit = false;
    uint64_t max_commit_ts = 0;
    bool pessimistic = false;
    kvrpcpb::Op op = kvrpcpb::Put;
  };
  kvrpcpb::PrewriteResponse Prewrite(const std::vector<std::string>& keys, uint64_t start_ts,
                                     const std::string& value, const PrewriteOptions& options) {
    kvrpcpb::PrewriteRequest request;
    request.set_start_version(start_ts);
    request.set_primary_lock(keys.front());
    request.set_lock_ttl(1);
    request.set_try_one_pc(options.one_pc);
    request.set_use_async_commit(options.async_commit);
    request.set_max_commit_ts(options.max_commit_ts);
    for (const std::string& key : keys) {
      auto* mutation = request.add_mutations();
      mutation->set_op(options.op);
      mutation->set_key(key);
      mutation->set_value(value);
      if (key != keys.front()) request.add_secondaries(key);
      if (options.pessimistic) {
        request.add_pessimistic_actions(kvrpcpb::PrewriteRequest::DO_PESSIMISTIC_CHECK);
      }
    }
    kvrpcpb::PrewriteResponse response;
    store_.Prewrite(request, &response);
    return response;
  }
  kvrpcpb::PrewriteResponse Prewrite(const std::vector<std::string>& keys, uint64_t start_ts) {
    return Prewrite(keys, start_ts, "v", {});
  }
  kvrpcpb::CommitResponse Commit(const std::vector<std::string>& keys, uint64_t start_ts,
                                 uint64_t commit_ts) {
    kvrpcpb::CommitRequest request;
    request.set_start_version(start_ts);
    request.set_commit_version(commit_ts);
    for (const std::string& key : keys) request.add_keys(key);
    kvrpcpb::CommitResponse response;
    store_.Commit(request, &response);
    return response;
  }
  kvrpcpb::PessimisticLockResponse Lock(const std::string& key, uint64_t start_ts,
                                        uint64_t for_update_ts) {
    kvrpcpb::PessimisticLockRequest request;
    request.set_start_version(start_ts);
    request.set_for_update_ts(for_update_ts);
    request.set_primary_lock(key);
    request.set_lock_ttl(1);
    request.set_return_values(true);
    request.add_mutations()->set_key(key);
    kvrpcpb::PessimisticLockResponse response;
    store_.PessimisticLock(request, &response);
    return response;
  }
  void Rollback(const std::string& key, uint64_t start_ts) {
    kvrpcpb::BatchRollbackRequest request;
    request.set_start_version(start_ts);
    request.add_keys(key);
    kvrpcpb::BatchRollbackResponse response;
    store_.BatchRollback(request, &response);
    EXPECT_FALSE(response.has_error());
  }
  kvrpcpb::CheckTxnStatusResponse Check(const std::string& key, uint64_t lock_ts,
                                        uint64_t current_ts) {
    kvrpcpb::CheckTxnStatusRequest request;
    request.set_primary_key(key);
    request.set_lock_ts(lock_ts);
    request.set_current_ts(current_ts);
    request.set_rollback_if_not_exist(true);
    kvrpcpb::CheckTxnStatusResponse response;
    store_.CheckTxnStatus(request, &response);
    return response;
  }
  kvrpcpb::GetResponse Get(const std::string& key, uint64_t version) {
    kvrpcpb::GetRequest request;
    request.set_key(key);
    request.set_version(version);
    kvrpcpb::GetResponse response;
    store_.Get(request, &response);
    return response;
  }

  Recorder recorder_;
  MvccStore store_{recorder_};
};

TEST_F(MvccStoreTest, ReadsWhatWasCommittedBefore) {
  Prewrite({"a"}, 5, "one", {});
  Commit({"a"}, 5, 9);
  Prewrite({"a"}, 15, "two", {});
  Commit({"a"}, 15, 19);
  EXPECT_TRUE(Get("a", 8).not_found());
  EXPECT_EQ(Get("a", 9).value(), "one");
  EXPECT_EQ(Get("a", 18).value(), "one");
  EXPECT_EQ(Get("a", 19).value(), "two");
  EXPECT_EQ(recorder_.told, "P a@5 C a@5-9 P a@15 C a@15-19");
}

TEST_F(MvccStoreTest, TellsTheOldValueWithThePrewrite) {
  Prewrite({"a"}, 5, "one", {});
  Commit({"a"}, 5, 9);
  Prewrite({"a"}, 15, "two", {});
  EXPECT_EQ(recorder_.old_value, "one");
}

TEST_F(MvccStoreTest, LocksBlockLaterReadersAndWriters) {
  Prewrite({"a"}, 5);
  EXPECT_EQ(Get("a", 6).error().locked().lock_version(), 5);
  EXPECT_TRUE(Get("a", 4).not_found());
  EXPECT_EQ(Prewrite({"a"}, 7).errors(0).locked().lock_version(), 5);
}

TEST_F(MvccStoreTest, RefusesToOverwriteWhatTheTransactionDidNotSee) {
  Prewrite({"a"}, 5);
  Commit({"a"}, 5, 9);
  const auto refused = Prewrite({"a"}, 7);
  EXPECT_EQ(refused.errors(0).conflict().conflict_commit_ts(), 9);
}

TEST_F(MvccStoreTest, AnOptimisticTransactionIsCheckedWhateverItsActionsSay) {
  Prewrite({"a"}, 5);
  Commit({"a"}, 5, 9);
  kvrpcpb::PrewriteRequest request;
  request.set_start_version(7);
  request.set_primary_lock("a");
  request.add_mutations()->set_key("a");
  request.add_pessimistic_actions(kvrpcpb::PrewriteRequest::SKIP_PESSIMISTIC_CHECK);
  kvrpcpb::PrewriteResponse response;
  store_.Prewrite(request, &response);
  EXPECT_EQ(response.errors(0).conflict().conflict_commit_ts(), 9);
}

TEST_F(MvccStoreTest, RepeatedRequestsChangeNothing) {
  Prewrite({"a"}, 5);
  EXPECT_TRUE(Prewrite({"a"}, 5).errors().empty());
  Commit({"a"}, 5, 9);
  EXPECT_FALSE(Commit({"a"}, 5, 9).has_error());
  EXPECT_TRUE(Prewrite({"a"}, 5).errors().empty());
  EXPECT_EQ(recorder_.told, "P a@5 C a@5-9");
  EXPECT_EQ(store_.locks().size(), 0);
}

TEST_F(MvccStoreTest, APrewriteThatComesAfterTheRollbackFails) {
  Rollback("a", 5);
  EXPECT_EQ(Prewrite({"a"}, 5).errors(0).conflict().reason(),
            kvrpcpb::WriteConflict::SelfRolledBack);
  EXPECT_TRUE(Commit({"a"}, 5, 9).error().has_txn_lock_not_found());
  EXPECT_EQ(recorder_.told, "");
}

TEST_F(MvccStoreTest, OnePhaseCommitsAboveAllThatWasRead) {
  (void)Get("a", 20);
  const auto done = Prewrite({"a", "b"}, 5, "v", {.one_pc = true});
  EXPECT_EQ(done.one_pc_commit_ts(), 21);
  EXPECT_EQ(recorder_.told, "1 a@5-21 1 b@5-21");
  EXPECT_EQ(store_.locks().size(), 0);
}

TEST_F(MvccStoreTest, OnePhaseFallsBackToTwoWhenItIsTooLate) {
  (void)Get("a", 20);
  const auto done = Prewrite({"a"}, 5, "v", {.one_pc = true, .max_commit_ts = 15});
  EXPECT_EQ(done.one_pc_commit_ts(), 0);
  EXPECT_EQ(recorder_.told, "P a@5");
}

TEST_F(MvccStoreTest, AsyncCommitIsDecidedByItsSecondaries) {
  (void)Get("a", 20);
  const auto done = Prewrite({"a", "b"}, 5, "v", {.async_commit = true});
  EXPECT_EQ(done.min_commit_ts(), 21);
  const auto status = Check("a", 5, Ts::Max().raw());
  EXPECT_TRUE(status.lock_info().use_async_commit());
  EXPECT_EQ(status.lock_info().secondaries(0), "b");
  kvrpcpb::CheckSecondaryLocksRequest request;
  request.set_start_version(5);
  request.add_keys("b");
  kvrpcpb::CheckSecondaryLocksResponse secondaries;
  store_.CheckSecondaryLocks(request, &secondaries);
  EXPECT_EQ(secondaries.locks(0).min_commit_ts(), 21);
  EXPECT_TRUE(Commit({"a"}, 5, 20).error().has_commit_ts_expired());
  EXPECT_FALSE(Commit({"a", "b"}, 5, 21).has_error());
}

TEST_F(MvccStoreTest, ARepeatedPrewriteIsToldTheCommitTsOfTheFirst) {
  const auto first = Prewrite({"a"}, 5, "v", {.async_commit = true});
  (void)Get("b", 20);
  const auto second = Prewrite({"a"}, 5, "v", {.async_commit = true});
  EXPECT_EQ(second.min_commit_ts(), first.min_commit_ts());
  const auto one_phase = Prewrite({"c"}, 25, "v", {.one_pc = true});
  (void)Get("b", 40);
  const auto again = Prewrite({"c"}, 25, "v", {.one_pc = true});
  EXPECT_EQ(again.one_pc_commit_ts(), one_phase.one_pc_commit_ts());
}

TEST_F(MvccStoreTest, AMissingSecondaryCanNoLongerBePrewritten) {
  Prewrite({"a"}, 5, "v", {.async_commit = true});
  kvrpcpb::CheckSecondaryLocksRequest request;
  request.set_start_version(5);
  request.add_keys("b");
  kvrpcpb::CheckSecondaryLocksResponse response;
  store_.CheckSecondaryLocks(request, &response);
  EXPECT_EQ(response.commit_ts(), 0);
  EXPECT_FALSE(Prewrite({"b"}, 5).errors().empty());
}

TEST_F(MvccStoreTest, PessimisticLocksAreInvisibleToReadersAndTheFeed) {
  EXPECT_TRUE(Lock("a", 5, 6).errors().empty());
  EXPECT_TRUE(Get("a", 10).not_found());
  EXPECT_FALSE(Get("a", 10).has_error());
  EXPECT_EQ(recorder_.told, "");
  EXPECT_EQ(store_.locks().size(), 0);
  EXPECT_EQ(Lock("a", 7, 8).errors(0).locked().lock_version(), 5);
  EXPECT_TRUE(Prewrite({"a"}, 5, "v", {.pessimistic = true}).errors().empty());
  EXPECT_FALSE(Commit({"a"}, 5, 11).has_error());
  EXPECT_EQ(recorder_.told, "P a@5 C a@5-11");
}

TEST_F(MvccStoreTest, PessimisticLocksNeedTheNewestVersion) {
  Prewrite({"a"}, 5, "one", {});
  Commit({"a"}, 5, 9);
  EXPECT_EQ(Lock("a", 6, 7).errors(0).conflict().conflict_commit_ts(), 9);
  EXPECT_EQ(Lock("a", 6, 10).values(0), "one");
}

TEST_F(MvccStoreTest, ExpiredLocksAreRolledBackByWhomTheyBother) {
  Prewrite({"a"}, 5);
  EXPECT_EQ(Check("a", 5, 6).lock_ttl(), 1);
  EXPECT_EQ(Check("a", 5, uint64_t{2} << 18).action(), kvrpcpb::TTLExpireRollback);
  EXPECT_EQ(recorder_.told, "P a@5 R a@5");
  EXPECT_EQ(store_.locks().size(), 0);
  EXPECT_TRUE(Commit({"a"}, 5, 9).has_error());
}

TEST_F(MvccStoreTest, CheckingACommittedTransactionTellsItsTimestamp) {
  Prewrite({"a"}, 5);
  Commit({"a"}, 5, 9);
  EXPECT_EQ(Check("a", 5, 20).commit_version(), 9);
}

TEST_F(MvccStoreTest, ResolvesAllLocksOfATransactionInARegion) {
  Prewrite({"a", "b", "z"}, 5);
  kvrpcpb::ResolveLockRequest request;
  request.set_start_version(5);
  request.set_commit_version(9);
  kvrpcpb::ResolveLockResponse response;
  store_.ResolveLock(request, {.start = "", .end = "c"}, &response);
  EXPECT_EQ(recorder_.told, "P a@5 P b@5 P z@5 C a@5-9 C b@5-9");
  EXPECT_EQ(store_.locks().size(), 1);
}

TEST_F(MvccStoreTest, InsertsOnlyWhatIsNotThere) {
  Prewrite({"a"}, 5);
  Commit({"a"}, 5, 9);
  EXPECT_TRUE(Prewrite({"a"}, 15, "v", {.op = kvrpcpb::Insert}).errors(0).has_already_exist());
  Prewrite({"a"}, 15, "", {.op = kvrpcpb::Del});
  Commit({"a"}, 15, 19);
  EXPECT_TRUE(Prewrite({"a"}, 25, "v", {.op = kvrpcpb::Insert}).errors().empty());
}

TEST_F(MvccStoreTest, ScansBothWaysWithinTheRegion) {
  for (const char* key : {"a", "b", "c", "d"}) {
    Prewrite({key}, 5);
    Commit({key}, 5, 9);
  }
  kvrpcpb::ScanRequest request;
  request.set_version(10);
  request.set_limit(10);
  const auto keys = [&](const KeyRange& region) {
    kvrpcpb::ScanResponse response;
    store_.Scan(request, region, &response);
    std::string joined;
    for (const auto& pair : response.pairs()) joined += pair.key();
    return joined;
  };
  EXPECT_EQ(keys({.start = "b", .end = "d"}), "bc");
  request.set_reverse(true);
  EXPECT_EQ(keys({.start = "b", .end = ""}), "dcb");
  request.set_start_key("d");
  EXPECT_EQ(keys({.start = "", .end = ""}), "cba");
}

}  // namespace
}  // namespace cdc

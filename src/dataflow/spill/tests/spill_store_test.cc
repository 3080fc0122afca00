#include "dataflow/spill/spill_store.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "dataflow/spill/spill_dir.h"

namespace cdc {
namespace {

namespace fs = std::filesystem;

class SpillStoreTest : public testing::Test {
 protected:
  SpillStoreTest() : dir_(SpillDir::Make(testing::TempDir() + "spill").value()) {}

  std::unique_ptr<SpillStore> Open(uint64_t bytes_max = 0) {
    return SpillStore::Open(
               {.dir = dir_.path() + "/store", .bytes_max = bytes_max, .file_bytes = 256 << 10})
        .value();
  }
  static Status Write(SpillStore& store, SpillSpace space,
                      const std::map<std::string, std::string>& entries) {
    ASSIGN_OR_RETURN_STATUS(const auto run, store.NewRun());
    for (const auto& [key, value] : entries) RETURN_IF_ERROR(run->Add(space, key, value));
    return run->Finish();
  }
  static std::string Read(SpillStore& store, SpillSpace space, std::string_view from = "") {
    std::string text;
    const auto cursor = store.Read(space, from).value();
    for (; cursor->Valid(); cursor->Next())
      text += fmt::format("{}={} ", cursor->key(), cursor->value());
    EXPECT_TRUE(cursor->status().ok());
    return text;
  }
  // Entries of 16 KiB that do not compress.
  static std::map<std::string, std::string> Random(size_t count, uint64_t seed) {
    std::mt19937_64 random(seed);
    std::map<std::string, std::string> entries;
    for (size_t i = 0; i < count; ++i) {
      std::vector<uint64_t> words(2048);
      std::ranges::generate(words, std::ref(random));
      entries[fmt::format("{:08}", i)] =
          std::string(reinterpret_cast<const char*>(words.data()), words.size() * 8);
    }
    return entries;
  }
  template <typename Condition>
  static bool Eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

  const SpillDir dir_;
};

TEST_F(SpillStoreTest, ReadsASpaceInOrderAndNothingOfOthers) {
  const auto store = Open();
  const SpillSpace a = store->NewSpace();
  const SpillSpace b = store->NewSpace();
  const auto run = store->NewRun().value();
  ASSERT_TRUE(run->Add(a, "k1", "1").ok());
  ASSERT_TRUE(run->Add(a, "k3", "3").ok());
  ASSERT_TRUE(run->Add(b, "k0", "x").ok());
  EXPECT_EQ(Read(*store, a), "") << "a run is there only when it is finished";
  ASSERT_TRUE(run->Finish().ok());
  ASSERT_TRUE(Write(*store, a, {{"k2", "2"}, {"k4", "4"}}).ok());
  EXPECT_EQ(Read(*store, a), "k1=1 k2=2 k3=3 k4=4 ");
  EXPECT_EQ(Read(*store, a, "k3"), "k3=3 k4=4 ");
  EXPECT_EQ(Read(*store, b), "k0=x ");
  std::string value;
  EXPECT_TRUE(store->Get(a, "k2", &value).value());
  EXPECT_EQ(value, "2");
  EXPECT_FALSE(store->Get(b, "k2", &value).value());
}

TEST_F(SpillStoreTest, TouchesNoDiskBeforeTheFirstRun) {
  const auto store = Open();
  (void)store->NewSpace();
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(dir_.path() + "/store"))
    files += entry.is_regular_file() && entry.path().filename() != "lock";
  EXPECT_EQ(files, 0u);
}

TEST_F(SpillStoreTest, GivesTheDiskBackWhenASpaceIsDropped) {
  const auto store = Open();
  const SpillSpace gone = store->NewSpace();
  const SpillSpace kept = store->NewSpace();
  const SpillSpace half = store->NewSpace();
  for (const SpillSpace space : {gone, kept, half})
    ASSERT_TRUE(Write(*store, space, Random(256, 1)).ok());
  const uint64_t full = store->disk_bytes();
  EXPECT_GT(full, 11u << 20);
  store->Drop(gone);
  EXPECT_TRUE(Eventually([&] { return store->disk_bytes() < full * 3 / 4; }));
  store->DropBelow(half, "00000200", 200 * 16 << 10);
  EXPECT_TRUE(Eventually([&] { return store->disk_bytes() < full / 2; })) << store->disk_bytes();
  EXPECT_EQ(Read(*store, half, "00000255").substr(0, 8), "00000255");
  store->Drop(kept);
  store->Drop(half);
  EXPECT_TRUE(Eventually([&] { return store->disk_bytes() == 0; })) << store->disk_bytes();
  EXPECT_GE(store->disk_bytes_peak(), full);
}

// Many spaces share files: none of them can remove one by itself.
TEST_F(SpillStoreTest, GivesTheDiskBackWhenSmallSpacesAreDropped) {
  const auto store = Open();
  std::vector<SpillSpace> spaces;
  for (int i = 0; i < 300; ++i) spaces.push_back(store->NewSpace());
  for (int round = 0; round < 3; ++round) {
    const auto run = store->NewRun().value();
    for (const SpillSpace space : spaces)
      for (const auto& [key, value] : Random(2, static_cast<uint64_t>(space)))
        ASSERT_TRUE(run->Add(space, std::to_string(round) + key, value).ok());
    ASSERT_TRUE(run->Finish().ok());
  }
  std::shuffle(spaces.begin(), spaces.end(), std::mt19937_64(1));
  for (const SpillSpace space : spaces) store->Drop(space);
  EXPECT_TRUE(Eventually([&] { return store->disk_bytes() == 0; })) << store->disk_bytes();
}

TEST_F(SpillStoreTest, RefusesWhatIsAboveItsQuotaAndKeepsTheRest) {
  const auto store = Open(4 << 20);
  const SpillSpace first = store->NewSpace();
  ASSERT_TRUE(Write(*store, first, {{"k", "v"}}).ok());
  const SpillSpace space = store->NewSpace();
  const Status status = Write(*store, space, Random(512, 1));
  EXPECT_EQ(status.code(), Code::kDiskFull) << status.ToString();
  EXPECT_EQ(Read(*store, space), "");
  EXPECT_EQ(Read(*store, first), "k=v ");
  EXPECT_LE(store->disk_bytes_peak(), 4u << 20);
  ASSERT_TRUE(Write(*store, space, Random(128, 1)).ok()) << "there is room for less";
  EXPECT_TRUE(store->FullerThan(0.4));
}

TEST_F(SpillStoreTest, SaysWhatIsWrongWithTheDisk) {
  const auto store = Open();
  const SpillSpace space = store->NewSpace();
  ASSERT_TRUE(Write(*store, space, {{"k", "v"}}).ok());
  fs::remove_all(dir_.path() + "/store");
  const Status status = Write(*store, space, {{"l", "v"}});
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.ToString().find("spill"), std::string::npos) << status.ToString();
}

TEST(SpillDir, RemovesWhatAProcessLeftAndNothingThatIsInUse) {
  const std::string parent = testing::TempDir() + "spill_dirs";
  fs::create_directories(parent + "/run-1-1");
  const SpillDir one = SpillDir::Make(parent).value();
  EXPECT_FALSE(fs::exists(parent + "/run-1-1"));
  {
    const SpillDir two = SpillDir::Make(parent).value();
    EXPECT_TRUE(fs::exists(one.path()));
    EXPECT_NE(one.path(), two.path());
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(parent), fs::directory_iterator()), 1);
}

}  // namespace
}  // namespace cdc

#include "config/table_filter.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

std::unique_ptr<TableFilter> Rules(std::vector<std::string> rules, bool case_sensitive = true) {
  auto filter = TableFilter::Parse(rules, case_sensitive);
  EXPECT_TRUE(filter) << filter.error().ToString();
  return *std::move(filter);
}

TEST(TableFilter, LastMatchingRuleWins) {
  const auto filter = Rules({"*.*", "!db.tmp*", "db.tmp_keep"});
  EXPECT_TRUE(filter->MatchesTable("db", "t"));
  EXPECT_FALSE(filter->MatchesTable("db", "tmp1"));
  EXPECT_TRUE(filter->MatchesTable("db", "tmp_keep"));
}

TEST(TableFilter, WhatNoRuleMatchesIsLeftOut) {
  EXPECT_FALSE(Rules({})->MatchesTable("db", "t"));
  EXPECT_FALSE(Rules({"db.t"})->MatchesTable("db", "t2"));
  EXPECT_FALSE(Rules({"!db.t"})->MatchesTable("db", "other"));
}

TEST(TableFilter, WildcardsMatchWholeNames) {
  const auto filter = Rules({"d?.t[0-9][!a-c][^x]*"});
  EXPECT_TRUE(filter->MatchesTable("db", "t1z^tail"));
  EXPECT_TRUE(filter->MatchesTable("d\xc3\xbc", "t1zx"));
  EXPECT_FALSE(filter->MatchesTable("dbb", "t1zx"));
  EXPECT_FALSE(filter->MatchesTable("db", "t1ax"));
  EXPECT_FALSE(filter->MatchesTable("db", "t1zy"));
  EXPECT_TRUE(Rules({"a\\*b.c$d"})->MatchesTable("a*b", "c$d"));
  EXPECT_FALSE(Rules({"a\\*b.t"})->MatchesTable("axb", "t"));
}

TEST(TableFilter, RegularExpressionsMatchParts) {
  const auto filter = Rules({"/^shard_\\d+$/./ord\\/er/"});
  EXPECT_TRUE(filter->MatchesTable("shard_12", "my ord/ers"));
  EXPECT_FALSE(filter->MatchesTable("shard_x", "ord/er"));
}

TEST(TableFilter, QuotedNamesAreLiteral) {
  const auto filter = Rules({"`a.b``*`.\"c \"\"d\""});
  EXPECT_TRUE(filter->MatchesTable("a.b`*", "c \"d"));
  EXPECT_FALSE(filter->MatchesTable("a.b`x", "c \"d"));
}

TEST(TableFilter, SkipsCommentsAndBlanks) {
  const auto filter = Rules({"", "  # all", " \tdb.* \t"});
  EXPECT_TRUE(filter->MatchesTable("db", "t"));
}

TEST(TableFilter, ComparesWithoutCaseWhenAsked) {
  EXPECT_FALSE(Rules({"Db.T*"})->MatchesTable("dB", "tx"));
  const auto filter = Rules({"Db.T*", "/^X/.lit"}, false);
  EXPECT_TRUE(filter->MatchesTable("dB", "tx"));
  EXPECT_TRUE(filter->MatchesTable("xy", "LIT"));
  EXPECT_TRUE(Rules({"\xc3\x9c.t"}, false)->MatchesTable("\xc3\xbc", "T"));  // Ü and ü
}

TEST(TableFilter, SchemaMatchesIfSomeTableCould) {
  const auto filter = Rules({"db.*", "!db.x", "!gone.*", "one.t"});
  EXPECT_TRUE(filter->MatchesSchema("db"));
  EXPECT_TRUE(filter->MatchesSchema("one"));
  EXPECT_FALSE(filter->MatchesSchema("gone"));
  EXPECT_FALSE(filter->MatchesSchema("other"));
}

TEST(TableFilter, RefusesBadRulesAndQuotesThem) {
  for (const char* rule : {"db", "db.", "db.t.x", "a b.t", "db.[z", "db.[]", "/a.t", "/a(/.t",
                           "`a.t", "\\d.t", "db.t\\", "@rules.txt", "!", "db.\"\"", "(db).t"}) {
    const auto filter = TableFilter::Parse({rule}, true);
    ASSERT_FALSE(filter) << rule;
    EXPECT_EQ(filter.error().code(), Code::kFilterRule);
    EXPECT_NE(filter.error().message().find(rule), std::string::npos) << filter.error().message();
  }
}

TEST(TableFilter, RefusesNamesThatAreNotUtf8) {
  EXPECT_FALSE(TableFilter::Parse({"\x8a.t"}, /*case_sensitive=*/false));
}

}  // namespace
}  // namespace cdc

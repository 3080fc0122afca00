#include "model/sql_lexer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cdc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Texts(std::string_view sql, uint64_t mode = 0) {
  std::vector<std::string> texts;
  for (const SqlToken& token : LexSql(sql, mode)) texts.emplace_back(token.text);
  return texts;
}

TEST(SqlLexer, CutsAsServersDo) {
  EXPECT_THAT(Texts("ALTER TABLE `a``b`.c /* x */ ADD d1 INT(3) -- end\n, # more\n e 'it''s \\' '"),
              ElementsAre("ALTER", "TABLE", "`a``b`", ".", "c", "ADD", "d1", "INT", "(", "3", ")",
                          ",", "e", "'it''s \\' '"));
  EXPECT_THAT(Texts("/*T![auto_rand] AUTO_RANDOM */ a/*! b */;"), ElementsAre("a", ";"));
  EXPECT_THAT(Texts("1e3 0xFF 2nd 1.5"), ElementsAre("1e3", "0xFF", "2nd", "1.5"));
  EXPECT_THAT(Texts("'a\\' b", sql_mode_bit::kNoBackslashEscapes), ElementsAre("'a\\'", "b"));
  EXPECT_EQ(LexSql("\"a\"", 0)[0].kind, SqlToken::Kind::kString);
  EXPECT_EQ(LexSql("\"a\"", sql_mode_bit::kAnsiQuotes)[0].kind, SqlToken::Kind::kQuotedName);
  EXPECT_THAT(Texts("'unfinished"), ElementsAre("'unfinished"));
  EXPECT_EQ(LexSql("`a``b`", 0)[0].Unquoted(), "a`b");
}

TEST(SqlLexer, SplitsStatementsOutsideOfText) {
  EXPECT_THAT(
      SplitStatements("CREATE TABLE a (x INT DEFAULT ';'); ; CREATE TABLE `b;` (y INT) ;", 0),
      ElementsAre("CREATE TABLE a (x INT DEFAULT ';')", "CREATE TABLE `b;` (y INT)"));
  EXPECT_THAT(SplitStatements("a 'x;''y' ; b /* ; */ \"\\\";\"; # ;\n -- ;\n c `;`;;", 0),
              ElementsAre("a 'x;''y'", "b /* ; */ \"\\\";\"", "c `;`"));
  EXPECT_THAT(SplitStatements(" ; \n", 0), IsEmpty());
  EXPECT_THAT(SplitStatements("a 'open;", 0), ElementsAre("a 'open;"));
}

TEST(SqlLexer, StatementsKeepWhatOnlyTidbReads) {
  EXPECT_THAT(SplitStatements("CREATE TABLE a (x INT) /*T! SHARD_ROW_ID_BITS=4 */ ; "
                              "CREATE TABLE b (y INT) /*!50100 PARTITION BY HASH(y) */",
                              0),
              ElementsAre("CREATE TABLE a (x INT) /*T! SHARD_ROW_ID_BITS=4 */",
                          "CREATE TABLE b (y INT) /*!50100 PARTITION BY HASH(y) */"));
}

}  // namespace
}  // namespace cdc

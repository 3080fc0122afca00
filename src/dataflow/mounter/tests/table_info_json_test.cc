#include "dataflow/mounter/table_info_json.h"

#include <gtest/gtest.h>

#include "model/value_text.h"

namespace cdc {
namespace {

// A column as TiDB writes it; `more` adds or overrides members that matter to a test.
std::string Column(int id, std::string_view name, std::string_view type, std::string_view more) {
  return fmt::format(
      R"({{"id":{},"name":{{"O":"{}","L":"{}"}},"offset":{},"type":{},{}"state":5,"comment":"",)"
      R"("version":2}})",
      id, name, name, id - 1, type, more);
}

std::string Type(int tp, std::string_view more = R"("Flen":-1,"Decimal":-1)") {
  return fmt::format(R"({{"Tp":{},{},"Flag":0,"Charset":"binary","Collate":"binary"}})", tp, more);
}

std::string Table(std::string_view columns, std::string_view more = "") {
  return fmt::format(
      R"({{"id":198,"name":{{"O":"Tab","L":"tab"}},"charset":"UTF8MB4","collate":"utf8mb4_bin",)"
      R"({}"cols":[{}],"state":5,"version":5}})",
      more, columns);
}

Result<std::shared_ptr<TableInfo>> Parse(const std::string& json) {
  return ParseTableInfo(json, SchemaId{2}, "db", Ts(77));
}

std::string OriginDefault(std::string_view type, std::string_view json) {
  const auto table =
      Parse(Table(Column(1, "a", type, fmt::format(R"("origin_default":{},)", json))));
  if (!table) return table.error().ToString();
  std::string text;
  AppendText((*table)->all_columns[0].origin_default, (*table)->all_columns[0].type, &text);
  return text;
}

TEST(TableInfoJson, ReadsWhatDescribesATable) {
  const auto parsed = Parse(Table(
      Column(1, "id", R"({"Tp":3,"Flag":4099,"Flen":11,"Decimal":0})", "") + "," +
          Column(2, "e", R"({"Tp":247,"Flag":0,"Elems":["x","y"]})", R"("comment":"c",)"),
      R"("pk_is_handle":true,"comment":"hi","index_info":[{"id":1,"idx_name":{"O":"E","L":"e"},)"
      R"("idx_cols":[{"name":{"O":"e","L":"e"},"offset":1,"length":-1}],"state":5,)"
      R"("is_unique":true}],)"));
  ASSERT_TRUE(parsed) << parsed.error().ToString();
  const TableInfo& table = **parsed;
  EXPECT_EQ(table.id, TableId{198});
  EXPECT_EQ(table.schema_id, SchemaId{2});
  EXPECT_EQ(table.schema, "db");
  EXPECT_EQ(table.name, "Tab");
  EXPECT_EQ(table.version, Ts(77));
  EXPECT_EQ(table.charset, "utf8mb4");
  EXPECT_EQ(table.comment, "hi");
  EXPECT_TRUE(table.pk_is_handle);
  ASSERT_EQ(table.columns.size(), 2u);
  EXPECT_EQ(table.columns[0]->type.type, MysqlType::kLong);
  EXPECT_EQ(table.columns[1]->type.elems, (std::vector<std::string>{"x", "y"}));
  ASSERT_EQ(table.indexes.size(), 1u);
  EXPECT_EQ(table.indexes[0].columns[0].offset, 1);
  EXPECT_EQ(table.handle_key, std::vector<int>{0});
  EXPECT_NE(table.json->find("\"id\":198"), std::string::npos);
}

TEST(TableInfoJson, TellsTheKindsOfTableApart) {
  const auto kind = [](std::string_view more) { return (*Parse(Table("", more)))->kind; };
  EXPECT_EQ(kind(""), TableInfo::Kind::kTable);
  EXPECT_EQ(kind(R"("view":null,"sequence":null,)"), TableInfo::Kind::kTable);
  EXPECT_EQ(kind(R"("view":{"view_select":"SELECT 1"},)"), TableInfo::Kind::kView);
  EXPECT_EQ(kind(R"("sequence":{"sequence_start":1},)"), TableInfo::Kind::kSequence);
  EXPECT_EQ(kind(R"("temp_table_type":1,)"), TableInfo::Kind::kGlobalTemporary);
  EXPECT_EQ(kind(R"("temp_table_type":2,)"), TableInfo::Kind::kLocalTemporary);
}

TEST(TableInfoJson, PartitionsAreThoseThatHoldData) {
  const auto ids = [](std::string_view enable) {
    const auto table = *Parse(Table(
        "",
        fmt::format(R"("partition":{{"enable":{},"definitions":[{{"id":5,"name":{{"O":"p0"}}}},)"
                    R"({{"id":6,"name":{{"O":"p1"}}}}],"adding_definitions":[{{"id":7}}]}},)",
                    enable)));
    return table->PhysicalIds();
  };
  EXPECT_EQ(ids("true"), (std::vector<TableId>{TableId{5}, TableId{6}}));
  EXPECT_EQ(ids("false"), (std::vector<TableId>{TableId{198}}));
}

TEST(TableInfoJson, OriginDefaultsAreValuesOfTheColumnsType) {
  EXPECT_EQ(OriginDefault(Type(1), R"("-7")"), "-7");
  EXPECT_EQ(OriginDefault(Type(8, R"("Flag":32)"), R"("18446744073709551615")"),
            "18446744073709551615");
  EXPECT_EQ(OriginDefault(Type(3), "12"), "12");  // a JSON number
  EXPECT_EQ(OriginDefault(Type(4), R"("1.5")"), "1.5");
  EXPECT_EQ(OriginDefault(Type(5), R"("-0.0025")"), "-0.0025");
  EXPECT_EQ(OriginDefault(Type(246, R"("Flen":20,"Decimal":5)"), R"("-123.456")"), "-123.45600");
  EXPECT_EQ(OriginDefault(Type(10), R"("1999-12-31")"), "1999-12-31");
  EXPECT_EQ(OriginDefault(Type(12, R"("Decimal":6)"), R"("1999-12-31 23:59:59.999999")"),
            "1999-12-31 23:59:59.999999");
  EXPECT_EQ(OriginDefault(Type(12, R"("Decimal":0)"), R"("0000-00-00 00:00:00")"),
            "0000-00-00 00:00:00");
  EXPECT_EQ(OriginDefault(Type(11, R"("Decimal":3)"), R"("-12:34:56.789")"), "-12:34:56.789");
  EXPECT_EQ(OriginDefault(Type(13), R"("0000")"), "0000");
  EXPECT_EQ(OriginDefault(Type(13), R"("2024")"), "2024");
  EXPECT_EQ(OriginDefault(Type(15), R"("中 'q'")"), "中 'q'");
  EXPECT_EQ(OriginDefault(Type(247, R"("Elems":["x","y"])"), R"("Y")"), "y");
  EXPECT_EQ(OriginDefault(Type(248, R"("Elems":["p","q","r"])"), R"("p,r")"), "p,r");
  EXPECT_EQ(OriginDefault(Type(248, R"("Elems":["p","q","r"])"), R"("")"), "");
  EXPECT_EQ(OriginDefault(Type(245), R"("{\"b\": [1, 2.5], \"a\": null}")"),
            R"({"a": null, "b": [1, 2.5]})");
  EXPECT_EQ(OriginDefault(Type(225), R"("[1, 2.5,-3]")"), "[1,2.5,-3]");
}

TEST(TableInfoJson, BitDefaultsAreReadFromTheirBytes) {
  const auto table = *Parse(Table(Column(
      1, "b", Type(16),
      R"("origin_default":"broken","origin_default_bit":"AgE=","default":"x","default_bit":"",)")));
  EXPECT_EQ(table->all_columns[0].origin_default.kind(), Datum::Kind::kBit);
  EXPECT_EQ(table->all_columns[0].origin_default.as_uint(), 0x201u);
  EXPECT_EQ(table->all_columns[0].default_value, "");
}

TEST(TableInfoJson, NamesTheTableOfABadDescription) {
  EXPECT_EQ(Parse("{").error().code(), Code::kUnmarshal);
  EXPECT_EQ(Parse("[]").error().code(), Code::kUnmarshal);
  EXPECT_EQ(Parse("{}").error().code(), Code::kUnmarshal);
  const auto bad_index = Parse(
      Table("", R"("index_info":[{"id":1,"idx_name":{"O":"i"},"idx_cols":[{"offset":4}]}],)"));
  EXPECT_EQ(bad_index.error().message(), "table db.Tab: index i: column offset 4 of 0 columns");
  const auto bad_default = Parse(Table(Column(1, "a", Type(3), R"("origin_default":"x",)")));
  EXPECT_EQ(bad_default.error().message(),
            "table db.Tab: column a: default \"x\" is no value of type 3");
}

}  // namespace
}  // namespace cdc

#include "dataflow/mounter/ddl_job.h"

#include <simdjson.h>

namespace cdc {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

// Missing, null or of another type: the default.
std::string GetString(object from, std::string_view key) {
  std::string_view value;
  return from.at_key(key).get(value) ? std::string() : std::string(value);
}

int64_t GetInt(object from, std::string_view key) {
  int64_t value = 0;
  return from.at_key(key).get(value) ? 0 : value;
}

// Names are {"O": original, "L": lower case}.
std::string NameOf(element value) {
  std::string_view name;
  object both;
  if (!value.get(both)) return GetString(both, "O");
  return value.get(name) ? std::string() : std::string(name);
}

std::string GetName(object from, std::string_view key) {
  element value;
  return from.at_key(key).get(value) ? std::string() : NameOf(value);
}

// RENAME TABLES' arguments are five or six parallel lists before job version 2: old schema ids, new
// schema ids, new names, table ids, old schema names, old names.
void ReadRenamesV1(array args, DdlJob* job) {
  std::vector<array> lists;
  for (const element arg : args) {
    array list;
    if (arg.get(list)) return;
    lists.push_back(list);
  }
  if (lists.size() < 4) return;
  for (size_t i = 0; i < lists[3].size(); ++i) {
    DdlJob::Rename rename;
    int64_t id = 0;
    element name;
    if (!lists[3].at(i).get(id)) rename.table = TableId(id);
    if (!lists[1].at(i).get(id)) rename.new_schema = SchemaId(id);
    if (!lists[2].at(i).get(name)) rename.new_name = NameOf(name);
    if (lists.size() > 4 && !lists[4].at(i).get(name)) rename.old_schema = NameOf(name);
    if (lists.size() > 5 && !lists[5].at(i).get(name)) rename.old_name = NameOf(name);
    job->renames.push_back(std::move(rename));
  }
}

void ReadRenames(object root, DdlJob* job) {
  array args_v1;
  if (!root["raw_args"].get(args_v1)) return ReadRenamesV1(args_v1, job);
  array infos;
  if (root["raw_args"]["rename_table_infos"].get(infos)) return;
  for (const element info : infos) {
    object from;
    if (info.get(from)) continue;
    job->renames.push_back({.table = TableId(GetInt(from, "table_id")),
                            .old_schema = GetName(from, "old_schema_name"),
                            .old_name = GetName(from, "old_table_name"),
                            .new_schema = SchemaId(GetInt(from, "new_schema_id")),
                            .new_name = GetName(from, "new_table_name")});
  }
}

// EXCHANGE PARTITION's arguments before job version 2: partition id, schema id and table id of the
// partitioned table, partition's name, validation.
TableId PartitionedTable(object root) {
  int64_t id = 0;
  array args_v1;
  const bool bad = root["raw_args"].get(args_v1) ? bool(root["raw_args"]["pt_table_id"].get(id))
                                                 : bool(args_v1.at(2).get(id));
  return bad ? TableId{} : TableId(id);
}

void ReadInvolved(object root, DdlJob* job) {
  array involved;
  if (root["involving_schema_info"].get(involved)) return;
  for (const element info : involved) {
    object from;
    if (!info.get(from))
      job->involved.push_back({GetString(from, "database"), GetString(from, "table")});
  }
}

}  // namespace

Result<DdlJob> ParseDdlJob(std::string_view json) {
  simdjson::dom::parser parser;
  object root;
  if (const auto error = parser.parse(json.data(), json.size()).get(root))
    return Error(Code::kInvalidDdlJob, "DDL job is no JSON object: {}",
                 simdjson::error_message(error));
  DdlJob job;
  job.id = GetInt(root, "id");
  job.type = static_cast<DdlType>(GetInt(root, "type"));
  job.state = static_cast<DdlJob::State>(GetInt(root, "state"));
  job.start_ts = Ts(static_cast<uint64_t>(GetInt(root, "start_ts")));
  job.schema_id = SchemaId(GetInt(root, "schema_id"));
  job.table_id = TableId(GetInt(root, "table_id"));
  job.schema = GetString(root, "schema_name");
  job.table = GetString(root, "table_name");
  job.query = GetString(root, "query");
  job.charset = GetString(root, "charset");
  job.collation = GetString(root, "collate");
  job.sql_mode = static_cast<uint64_t>(GetInt(root, "sql_mode"));
  job.bdr_role = GetString(root, "bdr_role");
  std::string_view zone;
  if (!root["reorg_meta"]["location"]["name"].get(zone)) job.time_zone = zone;
  if (job.type == DdlType::kRenameTables) ReadRenames(root, &job);
  if (job.type == DdlType::kExchangeTablePartition) job.partitioned_table = PartitionedTable(root);
  ReadInvolved(root, &job);
  if (job.id == 0) return Error(Code::kInvalidDdlJob, "DDL job without an id");
  return job;
}

}  // namespace cdc

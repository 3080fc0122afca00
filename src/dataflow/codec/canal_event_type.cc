#include "dataflow/codec/canal_event_type.h"

namespace cdc {

std::string_view CanalEventTypeName(CanalEventType type) {
  switch (type) {
    case CanalEventType::kInsert:
      return "INSERT";
    case CanalEventType::kUpdate:
      return "UPDATE";
    case CanalEventType::kDelete:
      return "DELETE";
    case CanalEventType::kCreate:
      return "CREATE";
    case CanalEventType::kAlter:
      return "ALTER";
    case CanalEventType::kErase:
      return "ERASE";
    case CanalEventType::kQuery:
      return "QUERY";
    case CanalEventType::kTruncate:
      return "TRUNCATE";
    case CanalEventType::kRename:
      return "RENAME";
    case CanalEventType::kCreateIndex:
      return "CINDEX";
    case CanalEventType::kDropIndex:
      return "DINDEX";
  }
  return "QUERY";
}

CanalEventType CanalEventTypeOf(DdlType type) {
  switch (type) {
    case DdlType::kCreateTable:
      return CanalEventType::kCreate;
    case DdlType::kRenameTable:
    case DdlType::kRenameTables:
      return CanalEventType::kRename;
    case DdlType::kAddIndex:
    case DdlType::kAddForeignKey:
    case DdlType::kAddPrimaryKey:
      return CanalEventType::kCreateIndex;
    case DdlType::kDropIndex:
    case DdlType::kDropForeignKey:
    case DdlType::kDropPrimaryKey:
      return CanalEventType::kDropIndex;
    case DdlType::kAddColumn:
    case DdlType::kDropColumn:
    case DdlType::kModifyColumn:
    case DdlType::kRebaseAutoId:
    case DdlType::kSetDefaultValue:
    case DdlType::kModifyTableComment:
    case DdlType::kRenameIndex:
    case DdlType::kAddTablePartition:
    case DdlType::kDropTablePartition:
    case DdlType::kModifyTableCharsetAndCollate:
    case DdlType::kTruncateTablePartition:
    case DdlType::kAlterIndexVisibility:
    case DdlType::kMultiSchemaChange:
    case DdlType::kReorganizePartition:
    case DdlType::kAlterTablePartitioning:
    case DdlType::kRemovePartitioning:
    case DdlType::kAddColumns:
    case DdlType::kDropColumns:
      return CanalEventType::kAlter;
    case DdlType::kDropTable:
      return CanalEventType::kErase;
    case DdlType::kTruncateTable:
      return CanalEventType::kTruncate;
    default:
      return CanalEventType::kQuery;
  }
}

}  // namespace cdc

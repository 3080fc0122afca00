#include "dataflow/sink/mysql/server_error.h"

namespace cdc {

ErrorKind ClassifyError(const ServerError& error) {
  switch (error.code) {
    // The client library: can't connect, server gone, connection lost, TLS broken off, unknown.
    case 2000:
    case 2002:
    case 2003:
    case 2005:
    case 2006:
    case 2013:
    case 2014:
    case 2026:
    case 2027:
    case 2055:
    case 5014:
    // The server ends the connection or the session.
    case 1053:  // shutdown in progress
    case 1077:  // normal shutdown
    case 1079:
    case 1080:  // forced close of thread
    case 1152:  // aborted connection
    case 1158:  // reading packets
    case 1159:
    case 1160:  // writing packets
    case 1161:
    case 1184:  // aborted connection
    case 1927:  // connection killed (MariaDB)
    case 3169:  // session killed (MySQL)
    case 4031:  // disconnected for inactivity (MySQL)
      return ErrorKind::kConnectionLost;

    case 1062:  // duplicate entry for key
    case 1557:  // duplicate through a foreign key
    case 1586:  // duplicate entry, with key name
    case 1859:  // duplicate unknown in index
      return ErrorKind::kDuplicateEntry;

    case 1015:  // can't lock file
    case 1020:  // record has changed since last read
    case 1021:  // disk full
    case 1028:
    case 1037:  // out of memory
    case 1038:  // out of sort memory
    case 1040:  // too many connections
    case 1041:  // out of resources
    case 1047:  // node not ready (Galera)
    case 1099:  // table locked with READ
    case 1100:  // table not locked
    case 1105:  // unknown error: how TiDB passes on most of its store's
    case 1114:  // table is full
    case 1129:  // host blocked after many connection errors
    case 1180:  // error during COMMIT
    case 1181:  // error during ROLLBACK
    case 1203:  // too many connections of this user
    case 1205:  // lock wait timeout
    case 1206:  // lock table full
    case 1213:  // deadlock
    case 1223:  // read lock in the way
    case 1226:  // a resource limit of this user
    case 1290:  // server runs with --read-only
    case 1317:  // query interrupted
    case 1412:  // table definition has changed
    case 1436:  // thread stack overrun
    case 1613:  // XA rollback after a deadlock
    case 1614:
    case 1615:  // statement must be prepared again
    case 1637:  // too many concurrent transactions
    case 1792:  // read-only transaction
    case 1836:  // server in read-only mode
    case 1969:  // max_statement_time (MariaDB)
    case 3024:  // max_execution_time
    case 3100:  // group replication
    case 3101:
    case 3572:  // lock not available at once
    // TiDB.
    case 8002:  // retry needed
    case 8005:  // write conflict
    case 8018:
    case 8020:  // table locked
    case 8022:  // commit failed, retryable
    case 8024:
    case 8027:  // schema is out of date
    case 8028:  // schema changed
    case 8108:
    case 8175:  // memory quota of the server
    case 8176:
    case 8252:  // resource group limit
    case 9001:  // PD timeout
    case 9002:  // TiKV timeout
    case 9003:  // TiKV busy
    case 9004:  // resolve lock timeout
    case 9005:  // region unavailable
    case 9006:
    case 9007:  // write conflict
    case 9008:
    case 9009:
    case 9010:  // store is being stopped
    case 9011:
    case 9012:
    case 9013:
      return ErrorKind::kRetryable;

    default:
      return ErrorKind::kFatal;
  }
}

bool IsDdlAlreadyDone(const ServerError& error, DdlType type) {
  switch (error.code) {
    case 1054:  // unknown column
      return type == DdlType::kDropColumn || type == DdlType::kDropColumns ||
             type == DdlType::kModifyColumn || type == DdlType::kSetDefaultValue ||
             type == DdlType::kMultiSchemaChange;
    case 1007:  // database exists
    case 1008:  // no database to drop
    case 1050:  // table exists
    case 1051:  // no table to drop
    case 1060:  // duplicate column
    case 1061:  // duplicate key name
    case 1068:  // multiple primary keys
    case 1091:  // can't drop: not there
    case 1176:  // key does not exist
    case 1507:  // no such partition to drop
    case 1517:  // duplicate partition name
    case 4092:  // unknown view to drop (MariaDB)
      return true;
    default:
      return false;
  }
}

}  // namespace cdc

// What an error of a MySQL-compatible server means for the one who ran the statement.
#pragma once

#include "dataflow/sink/mysql/connection.h"
#include "model/ddl_event.h"

namespace cdc {

enum class ErrorKind {
  kConnectionLost,  // the statement may have been applied; open a new connection
  kRetryable,       // not applied, may pass on its own: deadlocks, busy or read-only servers
  kDuplicateEntry,  // a unique key refused a row
  kFatal,           // the same statement will fail again
};

ErrorKind ClassifyError(const ServerError& error);

// The answer of a server that has this schema change already: what it makes exists, what it removes
// or renames is gone.
bool IsDdlAlreadyDone(const ServerError& error, DdlType type);

}  // namespace cdc

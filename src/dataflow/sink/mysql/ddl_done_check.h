// How a schema change that may have run before is recognised on the downstream, where no error code
// would tell. Pure: what is made here are queries.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "dataflow/sink/mysql/session.h"
#include "model/ddl_event.h"

namespace cdc {

using TableName = std::pair<std::string, std::string>;  // schema, table
using TableRename = std::pair<TableName, TableName>;    // from, to

// A query with a row if all new names exist and no old one does. "" if each old name is a new one,
// too: then names don't tell.
std::string RenameDoneCheck(const std::vector<TableRename>& renames);

// A query with a row if the table has just the partitions that this change leaves. Run again after
// a crash the change would not find those that it took away. "" if the names stay.
std::string RepartitionDoneCheck(const DdlEvent& ddl);

// Whether a name that a column had before is another column's afterwards: run twice, such a
// statement would change the wrong one.
bool GivesNamesToOtherColumns(const DdlEvent& ddl);

// A query for what now bears the names of the tables that the change touches: the server's own ids
// of tables and partitions, and the columns in order. Its rows, sorted, differ before and after a
// change that only moves names. Needs the PROCESS privilege on MySQL and MariaDB to see ids; knows
// InnoDB's.
std::string IdentityQuery(const DdlEvent& ddl, ServerKind server);

}  // namespace cdc

// A recording's rows and schema changes, as encoders get them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataflow/mounter/schema_store.h"
#include "model/row.h"
#include "testing/recording.h"

namespace cdc {

// All of one recording, mounted. Not thread-safe.
class RecordedChanges {
 public:
  struct Table {
    TableId physical;
    std::vector<RowBatch> batches;  // one after another in commit order
  };

  static Result<std::unique_ptr<RecordedChanges>> Load(const std::string& directory,
                                                       bool force_replicate = false);

  const std::vector<Table>& tables() const { return tables_; }
  // Those that the recording's filter lets through.
  const std::vector<DdlEventPtr>& ddls() const { return ddls_; }

 private:
  struct Capture {
    TableId physical;
    Ts start;
    Ts end = Ts::Max();
  };

  Status MountTables(const std::vector<Capture>& captures,
                     std::unordered_map<TableId, std::vector<KvEvent>> events);

  std::unique_ptr<Recording> recording_;
  std::unique_ptr<Filter> filter_;
  std::unique_ptr<SchemaStore> schema_;
  std::vector<Table> tables_;
  std::vector<DdlEventPtr> ddls_;
};

}  // namespace cdc

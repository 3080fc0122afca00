// KvEvents to rows: keys and values decoded by the table info of their commit ts.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/status.h"
#include "dataflow/mounter/integrity.h"
#include "dataflow/mounter/schema_store.h"
#include "model/row.h"

namespace cdc {

// One span's mounter: caches the span's current table version between calls. Not thread-safe; one
// per span.
class Mounter {
 public:
  // `time_zone`: an IANA name, what TIMESTAMP values are shown in; "" for the machine's. Arguments
  // outlive the mounter.
  static Result<std::unique_ptr<Mounter>> Create(TableId physical, const SchemaStore& schema,
                                                 const Filter& filter, const std::string& time_zone,
                                                 RowIntegrity integrity = RowIntegrity::kUnchecked);
  virtual ~Mounter() = default;
  // Decodes a sorted batch of this span's record events. Transactions that the filter ignores and
  // events that change nothing (a put equal to the old value in all replicated columns) are left
  // out. Takes the events over: rows view their buffers. Errors: kCorruptedData for a row that does
  // not match its checksum, if that is to fail; what decoding and the schema store return.
  virtual Result<RowBatch> Mount(std::vector<KvEvent> events) = 0;
};

}  // namespace cdc

// Values that messages do not tell the type of, by the downstream's column.
#pragma once

#include "base/status.h"
#include "edge/consumer/consumed_event.h"
#include "edge/consumer/row_sql.h"

namespace cdc {

// The value as one of the first four kinds. Errors: kDecode for what the column cannot hold.
Result<ConsumedValue> ResolveValue(const ConsumedValue& value,
                                   const DownstreamTable::Column& column);

}  // namespace cdc

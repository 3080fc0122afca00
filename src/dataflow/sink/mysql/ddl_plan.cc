#include "dataflow/sink/mysql/ddl_plan.h"

namespace cdc {

Result<DdlPlan> PlanDdl(const DdlEvent& ddl, const Downstream&, const MySqlSinkConfig&) {
  DdlPlan plan;
  plan.statements.push_back(ddl.query);
  if (ddl.type != DdlType::kCreateSchema && ddl.type != DdlType::kDropSchema)
    plan.use_schema = ddl.schema;
  return plan;
}

}  // namespace cdc

// The OpenAPI 3 document of a node's HTTP interface.
#pragma once

#include "edge/api/router.h"

namespace cdc {

// Describes all routes: paths, methods and parameters come from there, shapes from
// openapi_schemas.h.
OrderedJson OpenApiDocument(const Router& router);

}  // namespace cdc

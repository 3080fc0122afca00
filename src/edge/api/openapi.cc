#include "edge/api/openapi.h"

#include <sstream>

#include "edge/api/openapi_schemas.h"
#include "edge/api/version.h"

namespace cdc {
namespace {

OrderedJson Reference(const std::string& schema) {
  return {{"$ref", "#/components/schemas/" + schema}};
}

OrderedJson Content(const OrderedJson& schema) {
  return {{"application/json", {{"schema", schema}}}};
}

OrderedJson Parameter(const std::string& name, const char* in) {
  return {{"name", name},
          {"in", in},
          {"required", std::string_view(in) == "path"},
          {"schema", {{"type", "string"}}}};
}

// The path as OpenAPI spells it.
std::string PathOf(const Route& route) {
  std::string path = route.path;
  std::erase(path, '*');
  return path;
}

OrderedJson Parameters(const Route& route) {
  OrderedJson parameters = OrderedJson::array();
  const std::string path = PathOf(route);
  for (size_t open = path.find('{'); open != path.npos; open = path.find('{', open + 1))
    parameters.push_back(Parameter(path.substr(open + 1, path.find('}', open) - open - 1), "path"));
  std::istringstream names(route.doc.query);
  for (std::string name; names >> name;) parameters.push_back(Parameter(name, "query"));
  return parameters;
}

OrderedJson Answers(const Route& route) {
  OrderedJson good = {{"description", "done"}};
  if (*route.doc.answer != '\0') good["content"] = Content(Reference(route.doc.answer));
  OrderedJson bad = {{"description", "refused or failed; error_code tells why"}};
  if (std::string_view(route.path).starts_with("/api/"))
    bad["content"] = Content(Reference("Error"));
  return {{std::to_string(route.doc.status), good}, {"default", bad}};
}

OrderedJson Operation(const Route& route) {
  OrderedJson operation = {{"summary", route.doc.summary}};
  if (route.owner) operation["x-forwarded-to-owner"] = true;
  if (OrderedJson parameters = Parameters(route); !parameters.empty())
    operation["parameters"] = std::move(parameters);
  if (*route.doc.body != '\0')
    operation["requestBody"] = {{"content", Content(Reference(route.doc.body))}};
  operation["responses"] = Answers(route);
  return operation;
}

std::string LowerCase(std::string_view method) {
  std::string lower(method);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

}  // namespace

OrderedJson OpenApiDocument(const Router& router) {
  OrderedJson paths = OrderedJson::object();
  for (const Route& route : router.routes())
    paths[PathOf(route)][LowerCase(route.method)] = Operation(route);
  return {{"openapi", "3.0.3"},
          {"info",
           {{"title", "cdc"},
            {"description", "The HTTP interface of a capture: a node of a CDC cluster."},
            {"version", Build().release}}},
          {"paths", std::move(paths)},
          {"components", {{"schemas", OrderedJson::parse(kOpenApiSchemas)}}}};
}

}  // namespace cdc

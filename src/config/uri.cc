#include "config/uri.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace cdc {
namespace {

// The pieces of the text, still encoded.
struct Parts {
  std::string_view scheme;
  std::string_view authority;
  std::string_view path;
  std::string_view query;
};

Result<Parts> Split(std::string_view text) {
  Parts parts;
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0)
    return Error(Code::kSinkUri, "sink URI has no scheme: expected scheme://...");
  parts.scheme = text.substr(0, colon);
  const bool scheme_ok = std::isalpha(static_cast<unsigned char>(parts.scheme.front())) &&
                         std::ranges::all_of(parts.scheme, [](unsigned char c) {
                           return std::isalnum(c) || c == '+' || c == '-' || c == '.';
                         });
  if (!scheme_ok) return Error(Code::kSinkUri, "invalid scheme \"{}\" in sink URI", parts.scheme);
  std::string_view rest = text.substr(colon + 3);
  if (rest.find('#') != std::string_view::npos)
    return Error(Code::kSinkUri, "'#' in sink URI: write it as %23");
  const size_t question = rest.find('?');
  if (question != std::string_view::npos) {
    parts.query = rest.substr(question + 1);
    rest = rest.substr(0, question);
  }
  const size_t slash = rest.find('/');
  parts.authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) parts.path = rest.substr(slash);
  return parts;
}

Result<std::string> Decode(std::string_view text, bool plus_is_space) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
      continue;
    }
    unsigned value = 0;
    const char* start = text.data() + i + 1;
    if (i + 2 >= text.size() || std::from_chars(start, start + 2, value, 16).ptr != start + 2)
      return Error(Code::kSinkUri, "invalid percent-encoding in sink URI: a '%' itself is %25");
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

Result<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size())
    return Error(Code::kSinkUri, "invalid port \"{}\" in sink URI", text);
  return port;
}

Status ParseHost(std::string_view text, Uri* uri) {
  if (text.find(',') != std::string_view::npos) {
    uri->host = text;
    return Status::Ok();
  }
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos)
      return Status(Code::kSinkUri, "missing ']' in sink URI's host");
    host = text.substr(1, close - 1);
    port = text.substr(close + 1);
  } else if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (!port.empty()) {
    if (port.front() != ':')
      return Status(Code::kSinkUri, "stray \"{}\" after the host in sink URI", port);
    ASSIGN_OR_RETURN_STATUS(uri->port, ParsePort(port.substr(1)));
  }
  ASSIGN_OR_RETURN_STATUS(uri->host, Decode(host, false));
  return Status::Ok();
}

Status ParseParams(std::string_view query, Uri* uri) {
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? "" : query.substr(end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    ASSIGN_OR_RETURN_STATUS(std::string key, Decode(pair.substr(0, equals), true));
    std::string value;
    if (equals != std::string_view::npos) {
      ASSIGN_OR_RETURN_STATUS(value, Decode(pair.substr(equals + 1), true));
    }
    if (!uri->params.emplace(key, std::move(value)).second)
      return Status(Code::kSinkUri, "parameter \"{}\" is given twice in sink URI", key);
  }
  return Status::Ok();
}

bool IsSecret(std::string_view parameter) {
  static constexpr std::array<std::string_view, 6> kWords = {
      "password", "secret", "token", "access-key", "account-key", "private-key"};
  return std::ranges::any_of(kWords, [&](std::string_view word) {
    return parameter.find(word) != std::string_view::npos;
  });
}

std::string MaskParams(std::string_view query) {
  std::string out;
  while (true) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    const size_t equals = pair.find('=');
    const bool secret = equals != std::string_view::npos && IsSecret(pair.substr(0, equals));
    out += secret ? pair.substr(0, equals + 1) : pair;
    if (secret) out += "xxxxx";
    if (end == std::string_view::npos) return out;
    out += '&';
    query.remove_prefix(end + 1);
  }
}

}  // namespace

Result<Uri> Uri::Parse(std::string_view text) {
  ASSIGN_OR_RETURN(const Parts parts, Split(text));
  Uri uri;
  uri.scheme = parts.scheme;
  std::ranges::transform(uri.scheme, uri.scheme.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  std::string_view host = parts.authority;
  if (const size_t at = host.rfind('@'); at != std::string_view::npos) {
    const std::string_view userinfo = host.substr(0, at);
    host = host.substr(at + 1);
    const size_t colon = userinfo.find(':');
    ASSIGN_OR_RETURN(uri.user, Decode(userinfo.substr(0, colon), false));
    if (colon != std::string_view::npos) {
      ASSIGN_OR_RETURN(uri.password, Decode(userinfo.substr(colon + 1), false));
    }
  }
  RETURN_UNEXPECTED_IF_ERROR(ParseHost(host, &uri));
  ASSIGN_OR_RETURN(uri.path, Decode(parts.path, false));
  RETURN_UNEXPECTED_IF_ERROR(ParseParams(parts.query, &uri));
  return uri;
}

// Works on texts that don't parse, too: those are the ones that end up in error messages.
std::string Uri::Mask(std::string_view text) {
  const size_t scheme_end = text.find("://");
  const size_t question = text.find('?');
  std::string_view base = text.substr(0, question);
  std::string out;
  if (scheme_end != std::string_view::npos && scheme_end < base.size()) {
    const size_t start = scheme_end + 3;
    const std::string_view authority = base.substr(start, base.find('/', start) - start);
    // A password with a '/' or '@' that should have been encoded reaches to the last '@'.
    const bool has_user = authority.find('@') != std::string_view::npos || !Parse(text);
    const size_t at = has_user ? base.rfind('@') : std::string_view::npos;
    const size_t colon = base.find(':', start);
    if (at != std::string_view::npos && at >= start && colon < at) {
      out += base.substr(0, colon + 1);
      out += "xxxxx";
      base = base.substr(at);
    }
  }
  out += base;
  if (question != std::string_view::npos) out += "?" + MaskParams(text.substr(question + 1));
  return out;
}

}  // namespace cdc

#include "testing/recording.h"

#include <cstdio>
#include <unordered_map>

#include <simdjson.h>
#include <zstd.h>

#include "base/bytes.h"

namespace cdc {
namespace {

namespace json = simdjson::ondemand;

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
struct ContextFree {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// The meta keys at the start of a recording.
class BaseSnapshot : public SnapshotReader {
 public:
  Result<std::optional<std::string>> Get(std::string_view user_key, Ts) override {
    const auto found = keys_.find(user_key);
    if (found == keys_.end()) return std::nullopt;
    return found->second;
  }
  Status Scan(const KeyRange& range, Ts,
              const std::function<Status(std::string_view, std::string_view)>& visit) override {
    for (auto it = keys_.lower_bound(range.start); it != keys_.end(); ++it) {
      if (!range.end.empty() && it->first >= range.end) break;
      RETURN_IF_ERROR(visit(it->first, it->second));
    }
    return Status::Ok();
  }
  void Put(std::string key, std::string value) { keys_.emplace(std::move(key), std::move(value)); }

 private:
  std::map<std::string, std::string, std::less<>> keys_;
};

Result<std::string> HexField(json::value value) {
  std::string_view hex;
  if (value.get_string().get(hex)) return Error(Code::kDecode, "not a hex string");
  return FromHex(hex);
}

struct Mutation {
  KvOp op = KvOp::kPut;
  std::string key;
  std::string value;
};

struct Transaction {
  uint64_t start_ts = 0;
  uint64_t commit_ts = 0;
  std::vector<Mutation> mutations;
};

Result<Transaction> ParseTransaction(json::parser& parser, std::string_view line) {
  Transaction txn;
  json::document document;
  json::array mutations;
  if (parser.iterate(line.data(), line.size(), line.size() + simdjson::SIMDJSON_PADDING)
          .get(document) ||
      document["start_ts"].get_uint64().get(txn.start_ts) ||
      document["commit_ts"].get_uint64().get(txn.commit_ts) ||
      document["muts"].get_array().get(mutations))
    return Error(Code::kDecode, "not a transaction: {:.80}", line);
  for (auto mutation : mutations) {
    Mutation& out = txn.mutations.emplace_back();
    size_t field = 0;
    for (auto part : mutation.get_array()) {
      if (field == 0) {
        std::string_view op;
        if (part.get_string().get(op)) return Error(Code::kDecode, "bad op: {:.80}", line);
        out.op = op == "D" ? KvOp::kDelete : KvOp::kPut;
      } else {
        json::value value;
        if (part.get(value)) return Error(Code::kDecode, "bad mutation: {:.80}", line);
        ASSIGN_OR_RETURN((field == 1 ? out.key : out.value), HexField(value));
      }
      ++field;
    }
  }
  return txn;
}

// Remembers the last value of each key, for old values.
class OldValues {
 public:
  std::vector<KvEvent> ToEvents(const Transaction& txn) {
    // One buffer for all keys, values and old values of the transaction.
    size_t size = 0;
    for (const Mutation& mutation : txn.mutations)
      size += mutation.key.size() + mutation.value.size() + Last(mutation.key).size();
    auto buffer = std::make_shared<std::string>();
    buffer->reserve(size);
    const auto view = [&](std::string_view bytes) {
      const size_t at = buffer->size();
      buffer->append(bytes);
      return std::string_view(buffer->data() + at, bytes.size());
    };
    std::vector<KvEvent> events;
    events.reserve(txn.mutations.size());
    for (const Mutation& mutation : txn.mutations) {
      KvEvent event{.op = mutation.op,
                    .start_ts = Ts(txn.start_ts),
                    .commit_ts = Ts(txn.commit_ts),
                    .key = view(mutation.key),
                    .value = view(mutation.value),
                    .old_value = view(Last(mutation.key)),
                    .owner = buffer};
      events.push_back(std::move(event));
      if (mutation.op == KvOp::kDelete)
        last_.erase(mutation.key);
      else
        last_[mutation.key] = mutation.value;
    }
    return events;
  }

 private:
  std::string_view Last(const std::string& key) const {
    const auto found = last_.find(key);
    return found == last_.end() ? std::string_view() : found->second;
  }
  std::unordered_map<std::string, std::string> last_;
};

Result<RecordingMeta> ReadMeta(const std::string& path) {
  RecordingMeta meta;
  try {
    simdjson::dom::parser parser;
    const simdjson::dom::element document = parser.load(path);
    meta.name = std::string(std::string_view(document["name"]));
    meta.start_ts = Ts(uint64_t(document["start_ts"]));
    meta.end_ts = Ts(uint64_t(document["end_ts"]));
    for (const std::string_view rule : document["filter"].get_array())
      meta.filter.emplace_back(rule);
  } catch (const simdjson::simdjson_error& e) {
    return Error(Code::kDecode,
                 "cannot read {}: {}; a recording is a directory with meta.json, "
                 "base.jsonl.zst and txns.jsonl.zst",
                 path, e.what());
  }
  return meta;
}

}  // namespace

Status ReadZstdLines(const std::string& path,
                     const std::function<Status(std::string_view line)>& visit) {
  const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "rb"));
  if (!file) return Status(Code::kDecode, "cannot open {}", path);
  const std::unique_ptr<ZSTD_DCtx, ContextFree> context(ZSTD_createDCtx());
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, 27);

  std::string in(ZSTD_DStreamInSize(), '\0');
  std::string out(ZSTD_DStreamOutSize(), '\0');
  std::string pending;  // from the start of an unfinished line
  while (const size_t read = std::fread(in.data(), 1, in.size(), file.get())) {
    ZSTD_inBuffer input{in.data(), read, 0};
    while (input.pos < input.size) {
      ZSTD_outBuffer output{out.data(), out.size(), 0};
      const size_t code = ZSTD_decompressStream(context.get(), &output, &input);
      if (ZSTD_isError(code))
        return Status(Code::kDecode, "cannot decompress {}: {}", path, ZSTD_getErrorName(code));
      pending.append(out.data(), output.pos);
      size_t begin = 0;
      pending.reserve(pending.size() + simdjson::SIMDJSON_PADDING);
      for (size_t end; (end = pending.find('\n', begin)) != std::string::npos; begin = end + 1)
        if (end > begin)
          RETURN_IF_ERROR(visit(std::string_view(pending).substr(begin, end - begin)));
      pending.erase(0, begin);
    }
  }
  return pending.empty() ? Status::Ok() : visit(pending);
}

Result<std::unique_ptr<Recording>> Recording::Open(const std::string& directory) {
  std::unique_ptr<Recording> recording(new Recording());
  recording->directory_ = directory;
  ASSIGN_OR_RETURN(recording->meta_, ReadMeta(directory + "/meta.json"));
  auto base = std::make_unique<BaseSnapshot>();
  json::parser parser;
  RETURN_UNEXPECTED_IF_ERROR(
      ReadZstdLines(directory + "/base.jsonl.zst", [&](std::string_view line) -> Status {
        json::document document;
        json::value key;
        json::value value;
        if (parser.iterate(line.data(), line.size(), line.size() + simdjson::SIMDJSON_PADDING)
                .get(document) ||
            document["k"].get(key))
          return Status(Code::kDecode, "not a key and value: {:.80}", line);
        ASSIGN_OR_RETURN_STATUS(std::string key_bytes, HexField(key));
        if (document["v"].get(value)) return Status(Code::kDecode, "no value: {:.80}", line);
        ASSIGN_OR_RETURN_STATUS(std::string value_bytes, HexField(value));
        base->Put(std::move(key_bytes), std::move(value_bytes));
        return Status::Ok();
      }));
  recording->base_ = std::move(base);
  return recording;
}

Status Recording::ReadTransactions(const std::function<Status(std::vector<KvEvent>)>& visit) const {
  json::parser parser;
  OldValues old_values;
  return ReadZstdLines(directory_ + "/txns.jsonl.zst", [&](std::string_view line) -> Status {
    ASSIGN_OR_RETURN_STATUS(const Transaction txn, ParseTransaction(parser, line));
    return visit(old_values.ToEvents(txn));
  });
}

}  // namespace cdc

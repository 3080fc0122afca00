// For protocols in which a row is a message: the loop over the rows, and what becomes of those that
// are too large.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "dataflow/codec/encoder.h"

namespace cdc {

// Not thread-safe.
class RowMessages {
 public:
  explicit RowMessages(const CodecOptions& options) : options_(options) {}

  // `append(row, form, message)` fills key and value, which are "" then, and returns a Status.
  template <typename Append>
  Status Encode(std::span<const RowChange* const> rows, std::vector<Message>* out,
                const Append& append) {
    for (const RowChange* row : rows) {
      Message message{.key = "", .value = "", .rows = 1, .ts = row->commit_ts};
      message.key->reserve(last_key_size_);
      message.value->reserve(last_size_ + last_size_ / 8);
      RETURN_IF_ERROR(append(*row, RowForm{}, &message));
      if (message.key) last_key_size_ = message.key->size();
      if (message.value) last_size_ = message.value->size();
      RETURN_IF_ERROR(PackMessage(options_, &message));
      if (message.Size() > options_.max_message_bytes) {
        ASSIGN_OR_RETURN_STATUS(const RowForm form, ReduceRow(options_, *row, message));
        message.key = "";
        message.value = "";
        RETURN_IF_ERROR(append(*row, form, &message));
        RETURN_IF_ERROR(PackMessage(options_, &message));
        if (message.Size() > options_.max_message_bytes)
          return MessageTooLarge(*row, message.Size(), options_);
      }
      out->push_back(std::move(message));
    }
    return Status::Ok();
  }

 private:
  const CodecOptions& options_;
  // Of the message before: a guess for the next one.
  size_t last_key_size_ = 0;
  size_t last_size_ = 256;
};

}  // namespace cdc

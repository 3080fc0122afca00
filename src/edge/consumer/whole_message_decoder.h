// Messages that are not simply there: packed ones, and those whose row is in a store.
#pragma once

#include <memory>

#include "dataflow/codec/codec_options.h"
#include "edge/consumer/message_decoder.h"

namespace cdc {

// Unpacks keys and values before `inner` sees them (open-protocol packs within its messages, so it
// unpacks by itself), and reads rows that were left at a claim-check location from there. Locations
// are foreign: only files right in the directory that claim-check-storage-uri names are read.
// Errors: kClaimCheck for what cannot be read there.
std::unique_ptr<MessageDecoder> MakeWholeMessageDecoder(const CodecOptions& options,
                                                        std::unique_ptr<MessageDecoder> inner);

}  // namespace cdc

// How far a run has come, in a file, so that the next one goes on from there.
#pragma once

#include <map>
#include <string>

#include "base/status.h"
#include "edge/consumer/event_merger.h"

namespace cdc {

struct Progress {
  Ts resolved;  // everything up to here is applied
  std::map<TopicPartition, EventMerger::Position> positions;
};

// No file: the beginning. Errors: kDecode for a file that is not ours.
Result<Progress> LoadProgress(const std::string& file);
// Replaces the file as a whole and durably: a crash leaves the old one or the new one.
Status SaveProgress(const std::string& file, const Progress& progress);

}  // namespace cdc

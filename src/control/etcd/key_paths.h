// Every etcd key of a cluster; the only place that spells them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/ids.h"

namespace cdc {

// What a key of ours stands for.
struct ParsedKey {
  enum class Kind : uint8_t { kOwner, kCapture, kInfo, kStatus, kTaskStatus, kTaskPosition };
  Kind kind{};
  CaptureId capture;        // of kCapture, kTaskStatus, kTaskPosition
  ChangefeedId changefeed;  // of all but kOwner and kCapture
};

// Immutable. Without a cluster id the layout is the flat one of TiCDC 5 (`/tidb/cdc/capture/…`),
// with one it is the later one (`/tidb/cdc/<cluster>/__cdc_meta__/…`,
// `/tidb/cdc/<cluster>/default/…`).
class KeyPaths {
 public:
  explicit KeyPaths(std::string_view cluster_id = "");

  const std::string& cluster() const { return cluster_; }  // "default" where there is no id
  const std::string& prefix() const { return prefix_; }    // of all keys, with its trailing '/'
  const std::string& owner() const { return owner_; }      // the election's prefix, no trailing '/'
  const std::string& captures() const { return captures_; }  // these two with their trailing '/'
  const std::string& infos() const { return infos_; }
  // Of this cluster at PD, as the name of a service with a GC safe point: clusters have one each.
  const std::string& gc_service() const { return gc_service_; }
  std::string Capture(const CaptureId& id) const { return captures_ + id; }
  std::string Info(const ChangefeedId& id) const { return infos_ + id; }
  std::string Status(const ChangefeedId& id) const { return statuses_ + id; }
  std::string TaskStatus(const CaptureId& capture, const ChangefeedId& id) const {
    return task_statuses_ + capture + "/" + id;
  }
  std::string TaskPosition(const CaptureId& capture, const ChangefeedId& id) const {
    return task_positions_ + capture + "/" + id;
  }

  // nullopt: not a key that we act on.
  std::optional<ParsedKey> Parse(std::string_view key) const;

 private:
  std::string cluster_ = "default";
  std::string prefix_;
  std::string owner_;
  std::string captures_;
  std::string infos_;
  std::string statuses_;
  std::string task_statuses_;
  std::string task_positions_;
  std::string gc_service_ = "ticdc";
};

}  // namespace cdc

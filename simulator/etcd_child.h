// Debian's etcd as a child process, with its data in a temporary directory.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"

namespace cdc {

// Ends the child and removes its data in the destructor; the child ends, too, if we are killed.
class EtcdChild {
 public:
  // Returns once it answers. `directory`: for data and log, made if missing.
  static Result<std::unique_ptr<EtcdChild>> Start(const std::string& directory);
  ~EtcdChild();

  std::string address() const;  // host:port

 private:
  EtcdChild() = default;

  std::string directory_;
  int pid_ = 0;
  int port_ = 0;
};

}  // namespace cdc

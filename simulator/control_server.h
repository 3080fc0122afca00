// Commands and questions over HTTP: README.md lists them.
#pragma once

#include <memory>

#include "simulator/simulator.h"

namespace cdc {

// Answers in JSON; errors with status 400 and a line of text. The destructor waits for requests.
class ControlServer {
 public:
  // Port 0: any.
  static Result<std::unique_ptr<ControlServer>> Open(Simulator& simulator, int port);
  ~ControlServer();

  int port() const;

 private:
  class Impl;
  explicit ControlServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cdc

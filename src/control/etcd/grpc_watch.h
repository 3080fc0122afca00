// A watch over gRPC. Private to this folder.
#pragma once

#include <memory>
#include <string>

#include "control/etcd/etcd_client.h"
#include "control/etcd/grpc_channels.h"

namespace cdc {

std::unique_ptr<EtcdWatch> StartGrpcWatch(std::shared_ptr<GrpcChannels> channels, std::string key,
                                          bool prefix, int64_t revision,
                                          EtcdClient::WatchCallback callback);

}  // namespace cdc

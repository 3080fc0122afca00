// The stores over gRPC. Private to the folder.
#pragma once

#include <memory>

#include <grpcpp/security/credentials.h>

#include "dataflow/upstream/store_network.h"

namespace cdc {

// One channel per store, for its streams and its requests.
std::unique_ptr<StoreNetwork> MakeGrpcStoreNetwork(
    std::shared_ptr<grpc::ChannelCredentials> credentials);

}  // namespace cdc

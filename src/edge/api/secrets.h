// Secrets in configurations: shown as a mask, and understood when a mask comes back.
#pragma once

#include "edge/api/json_views.h"

namespace cdc {

// Replaces secrets by "******", and passwords within URIs by their mask, at any depth. Keys may
// have dashes or underscores.
void MaskSecrets(OrderedJson* config);

// Puts what `stored` has where `given` has nothing but the mask of it: a client that sends back
// what it was shown does not mean the mask. Both have the same kind of keys.
void RestoreSecrets(const OrderedJson& stored, OrderedJson* given);

}  // namespace cdc

// Tensors whose arrays are not all floats, or that have outputs.
#pragma once

#include "registry.h"
#include "tier.h"

namespace panoptim {

// Runs a phase over chunks as Tier::update does, of one such tensor of known types: decodes its
// arrays, runs the rule's loop over floats, and encodes what the phase has written; then the
// outputs.
void update_typed(const Tier &tier, const UpdateRun &run, const RegisteredRule &rule,
                  int32_t phase);

} // namespace panoptim

// The project's kernels, compiled as they are, and their names.
#include "step/control.cu"
#include "step/measure.cu"
#include "step/update.cu"

#include "registry.h"

PANOPTIM_VIRTUAL_VARIABLE(panoptim_kernels)

PANOPTIM_VIRTUAL_KERNEL(panoptim_measure)
PANOPTIM_VIRTUAL_KERNEL(panoptim_control_step)
PANOPTIM_VIRTUAL_KERNEL(panoptim_zero)
#define PANOPTIM_RULE(name, ...)                                                                   \
    PANOPTIM_VIRTUAL_KERNEL(panoptim_update_##name##_f32_f32_f32)                                  \
    PANOPTIM_VIRTUAL_KERNEL(panoptim_update_##name##_f32_f32_f32_statistics)
#include "rules/rules.def"
#undef PANOPTIM_RULE

// The C ABI.
//
// Each entry point sets the floating-point settings and leaves the arithmetic to a function of
// another source file, where the compiler cannot move it out from between.
#pragma GCC visibility push(default)
#include "panoptim.h"
#pragma GCC visibility pop

#include "floating_point.h"
#include "plan.h"
#include "probe.h"
#include "registry.h"
#include "stages.h"

using panoptim::FloatingPointSettings;

extern "C" {

int32_t panoptim_abi(void) {
    return PANOPTIM_ABI;
}

int32_t panoptim_tier_probe(int32_t tier) {
    return panoptim::probe_tier(tier);
}

int32_t panoptim_rule_count(void) {
    return panoptim::rule_count;
}

int32_t panoptim_rule_describe(int32_t index, panoptim_rule *rule) {
    if (index < 0 || index >= panoptim::rule_count) {
        return PANOPTIM_ERROR_RULE;
    }
    *rule = panoptim::rules[index];
    return PANOPTIM_OK;
}

int32_t panoptim_measure(int32_t tier, const panoptim_plan *plan, int64_t first, int64_t last) {
    const panoptim::Tier *usable = panoptim::usable_tier(tier);
    if (usable == nullptr) {
        return PANOPTIM_ERROR_TIER;
    }
    if (panoptim::check_range(*plan, first, last) != PANOPTIM_OK) {
        return PANOPTIM_ERROR_RANGE;
    }
    const FloatingPointSettings settings;
    return panoptim::measure_chunks(*usable, *plan, first, last);
}

int32_t panoptim_gather(const panoptim_plan *plan) {
    const FloatingPointSettings settings;
    return panoptim::control_stages(*plan, PANOPTIM_STAGE_GATHER);
}

int32_t panoptim_decide(const panoptim_plan *plan) {
    const FloatingPointSettings settings;
    return panoptim::control_stages(*plan, PANOPTIM_STAGE_DECIDE);
}

int32_t panoptim_prepare(const panoptim_plan *plan, int32_t phase) {
    const FloatingPointSettings settings;
    const int32_t stages =
        plan->pass == PANOPTIM_STEP ? panoptim::preparing_stages(phase) : PANOPTIM_STAGE_PASS;
    return panoptim::control_stages(*plan, stages, phase);
}

int32_t panoptim_update(int32_t tier, const panoptim_plan *plan, int32_t phase, int64_t first,
                        int64_t last) {
    const panoptim::Tier *usable = panoptim::usable_tier(tier);
    if (usable == nullptr) {
        return PANOPTIM_ERROR_TIER;
    }
    if (panoptim::check_range(*plan, first, last) != PANOPTIM_OK) {
        return PANOPTIM_ERROR_RANGE;
    }
    const FloatingPointSettings settings;
    return panoptim::update_chunks(*usable, *plan, phase, first, last);
}

int32_t panoptim_update_panels(int32_t tier, const panoptim_plan *plan, int32_t phase,
                               int64_t first, int64_t last) {
    const panoptim::Tier *usable = panoptim::usable_tier(tier);
    if (usable == nullptr) {
        return PANOPTIM_ERROR_TIER;
    }
    if (panoptim::check_panels(*plan, first, last) != PANOPTIM_OK) {
        return PANOPTIM_ERROR_RANGE;
    }
    const FloatingPointSettings settings;
    return panoptim::update_panels(*usable, *plan, phase, first, last);
}

int32_t panoptim_advance_lines(const panoptim_plan *plan, int32_t stage, int32_t phase,
                               int64_t first, int64_t last) {
    if (panoptim::check_panels(*plan, first, last) != PANOPTIM_OK) {
        return PANOPTIM_ERROR_RANGE;
    }
    const FloatingPointSettings settings;
    return panoptim::advance_lines(*plan, stage, phase, first, last);
}

int32_t panoptim_try(const panoptim_plan *plan) {
    const FloatingPointSettings settings;
    return panoptim::control_stages(*plan, PANOPTIM_STAGE_GATHER | PANOPTIM_STAGE_TRY);
}

int32_t panoptim_finish(const panoptim_plan *plan) {
    const FloatingPointSettings settings;
    return panoptim::control_stages(*plan, PANOPTIM_STAGE_FINISH);
}

int32_t panoptim_step(int32_t tier, const panoptim_plan *plan, int32_t phases, const void * /*a*/,
                      const void * /*b*/, const void * /*c*/) {
    const panoptim::Tier *usable = panoptim::usable_tier(tier);
    if (usable == nullptr) {
        return PANOPTIM_ERROR_TIER;
    }
    if (phases < 0 || phases > PANOPTIM_MAX_PHASES) {
        return PANOPTIM_ERROR_RANGE;
    }
    const FloatingPointSettings settings;
    return panoptim::whole_step(*usable, *plan, phases);
}

void panoptim_hold(void (*body)(void), const void * /*a*/, const void * /*b*/, const void * /*c*/,
                   const void * /*d*/, const void * /*e*/, const void * /*f*/, const void * /*g*/,
                   const void * /*h*/) {
    body();
}

int32_t panoptim_scale_matrix(int32_t tier, int64_t n, const float *matrix, double damping,
                              const double *scale, float *scaled) {
    const panoptim::Tier *usable = panoptim::usable_tier(tier);
    if (usable == nullptr) {
        return PANOPTIM_ERROR_TIER;
    }
    const FloatingPointSettings settings;
    usable->scale_matrix(n, matrix, damping, scale, scaled);
    return PANOPTIM_OK;
}

int32_t panoptim_mirror_matrix(int32_t tier, int64_t n, float *matrix, const double *scale) {
    const panoptim::Tier *usable = panoptim::usable_tier(tier);
    if (usable == nullptr) {
        return PANOPTIM_ERROR_TIER;
    }
    const FloatingPointSettings settings;
    usable->mirror_matrix(n, matrix, scale);
    return PANOPTIM_OK;
}

int32_t panoptim_probe_matrix(int32_t tier, int64_t n, const float *matrix, const double *vectors,
                              const double *scale, double *products, double *sums) {
    const panoptim::Tier *usable = panoptim::usable_tier(tier);
    if (usable == nullptr) {
        return PANOPTIM_ERROR_TIER;
    }
    const FloatingPointSettings settings;
    usable->probe_matrix(n, matrix, vectors, scale, products, sums);
    return PANOPTIM_OK;
}

} // extern "C"

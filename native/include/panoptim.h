/*
 * libpanoptim: fused optimizer steps over host memory.
 *
 * The library keeps no state of its own. The caller owns every table below, fills it, and calls the
 * stages of one step in this order (measure, prepare, transform, update):
 *
 *   panoptim_measure   over all chunks, if control->measure is set (may be split over threads)
 *   panoptim_gather    joins what measure found into the gradient's norm and finiteness
 *   panoptim_decide    accepts or refuses the step, advances the loss scale
 *   ...                here the caller may rewrite gradients, and then measure and gather again
 *   for each phase of the rules, from 0:
 *     panoptim_prepare the scalars of every tensor for that phase; phase 0 advances the counts
 *     panoptim_update  over all chunks (may be split over threads)
 *   panoptim_finish    joins the statistics, if control->takes_statistics is set
 *
 * A named pass of a rule beside the step is, over a plan that names it (panoptim_plan.pass),
 * panoptim_prepare and panoptim_update for each of its phases. It leaves counts and control alone.
 *
 * Every function returns PANOPTIM_OK or one of the PANOPTIM_ERROR codes; none allocates, none
 * throws, none prints. Results do not depend on the tier, nor on how chunks are split over threads:
 * they are equal bit for bit to the reference in plain Java, all NaNs counted as one value.
 */
#ifndef PANOPTIM_H
#define PANOPTIM_H

#include "panoptim_plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Status codes. */
#define PANOPTIM_OK 0
#define PANOPTIM_ERROR_TIER (-1)
#define PANOPTIM_ERROR_RULE (-2)
#define PANOPTIM_ERROR_TYPE (-3)
#define PANOPTIM_ERROR_RANGE (-4)

/* Instruction-set tiers, in rising order of preference per architecture. */
#define PANOPTIM_TIER_BASELINE 0
#define PANOPTIM_TIER_AVX2 1
#define PANOPTIM_TIER_AVX512 2
#define PANOPTIM_TIER_NEON 3
#define PANOPTIM_TIERS 4

/* What panoptim_tier_probe answers. */
#define PANOPTIM_TIER_USABLE 0
#define PANOPTIM_TIER_NOT_BUILT 1
#define PANOPTIM_TIER_CPU_LACKS 2
#define PANOPTIM_TIER_SYSTEM_DISABLED 3

/* Vectors that a matrix is probed with, and how many products are summed before the sums are. */
#define PANOPTIM_PROBES 10
#define PANOPTIM_PROBE_BLOCK 64

/* The library's PANOPTIM_ABI. */
int32_t panoptim_abi(void);

/* Whether a tier can run here: PANOPTIM_TIER_USABLE or why not; PANOPTIM_ERROR_TIER if unknown. */
int32_t panoptim_tier_probe(int32_t tier);

/* The number of rules in the registry. */
int32_t panoptim_rule_count(void);

/* Describes a rule into *rule. */
int32_t panoptim_rule_describe(int32_t index, panoptim_rule *rule);

/* Squares and sums the raw gradients (and curvatures) of chunks [first, last) into partials. */
int32_t panoptim_measure(int32_t tier, const panoptim_plan *plan, int64_t first, int64_t last);

/* Joins the partials of measure: control->square_sum and control->finite. */
int32_t panoptim_gather(const panoptim_plan *plan);

/*
 * The same before passes that go before the step (PANOPTIM_PASS_BEFORE): where a gradient that is
 * not finite refuses steps, they wait until the next panoptim_decide.
 */
int32_t panoptim_try(const panoptim_plan *plan);

/* Accepts or refuses the step; advances step and loss scale. */
int32_t panoptim_decide(const panoptim_plan *plan);

/*
 * Computes the scalars of a phase. Phase 0 first computes the clip coefficient, and advances the
 * counts; the others first join the reductions.
 */
int32_t panoptim_prepare(const panoptim_plan *plan, int32_t phase);

/*
 * Runs a phase of every rule over chunks [first, last); a refused step only zeroes, if asked to. A
 * phase of a rule that takes sums over rows or columns is left to panoptim_update_panels.
 */
int32_t panoptim_update(int32_t tier, const panoptim_plan *plan, int32_t phase, int64_t first,
                        int64_t last);

/* Runs a phase of every rule that takes sums over rows or columns in it over panels [first, last).
 */
int32_t panoptim_update_panels(int32_t tier, const panoptim_plan *plan, int32_t phase,
                               int64_t first, int64_t last);

/*
 * Advances the states of the rows and columns whose first panel is one of panels [first, last), for
 * a phase that has been prepared, from the sums that the phase before has taken. stage is
 * PANOPTIM_STAGE_LINES, or PANOPTIM_STAGE_TOTALS once the former is done for all panels.
 */
int32_t panoptim_advance_lines(const panoptim_plan *plan, int32_t stage, int32_t phase,
                               int64_t first, int64_t last);

/* Joins the update's norm into control->update_norm. */
int32_t panoptim_finish(const panoptim_plan *plan);

/*
 * A whole step on one thread: all of the above in order, the phases from 0 to below phases. The
 * further addresses are not looked at: memory cannot be freed while it is an argument of a call.
 */
int32_t panoptim_step(int32_t tier, const panoptim_plan *plan, int32_t phases, const void *a,
                      const void *b, const void *c);

/*
 * Calls body, and does nothing else: for callers whose memory cannot be freed while it is an
 * argument of a call. The addresses are not looked at.
 */
void panoptim_hold(void (*body)(void), const void *a, const void *b, const void *c, const void *d,
                   const void *e, const void *f, const void *g, const void *h);

/*
 * Passes over square matrices, for Kronecker factors: n x n floats by rows. These are not part of
 * the step, and their bits may differ between tiers.
 */

/* The lower triangle of (matrix + damping I), each element times scale[row] scale[column]. */
int32_t panoptim_scale_matrix(int32_t tier, int64_t n, const float *matrix, double damping,
                              const double *scale, float *scaled);

/* Multiplies the lower triangle by scale[row] scale[column], unless that is null, and mirrors it.
 */
int32_t panoptim_mirror_matrix(int32_t tier, int64_t n, float *matrix, const double *scale);

/*
 * products = matrix * vectors in double, vectors having PANOPTIM_PROBES columns, in sums of
 * PANOPTIM_PROBE_BLOCK that are then added; and for each row two sums: of absolute values, and
 * scale[row]^2 times that of (element * scale[column])^2.
 */
int32_t panoptim_probe_matrix(int32_t tier, int64_t n, const float *matrix, const double *vectors,
                              const double *scale, double *products, double *sums);

#ifdef __cplusplus
}
#endif

#endif

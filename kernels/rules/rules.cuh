// Every rule of the registry (rules.def), and what must hold for each.
#pragma once

#include "rules/accumulation.cuh"
#include "rules/ada_fisher.cuh"
#include "rules/adabelief.cuh"
#include "rules/adabound.cuh"
#include "rules/adadelta.cuh"
#include "rules/adafactor.cuh"
#include "rules/adagrad.cuh"
#include "rules/adam.cuh"
#include "rules/adamax.cuh"
#include "rules/adamw.cuh"
#include "rules/adan.cuh"
#include "rules/adaptive_clip.cuh"
#include "rules/ademamix.cuh"
#include "rules/adopt.cuh"
#include "rules/average_swap.cuh"
#include "rules/cautious.cuh"
#include "rules/centralize.cuh"
#include "rules/dadapt_adam.cuh"
#include "rules/dadapt_sgd.cuh"
#include "rules/hypergradient.cuh"
#include "rules/lamb.cuh"
#include "rules/laprop.cuh"
#include "rules/lars.cuh"
#include "rules/lbfgs.cuh"
#include "rules/lion.cuh"
#include "rules/look_sam.cuh"
#include "rules/lookahead.cuh"
#include "rules/mars.cuh"
#include "rules/muon.cuh"
#include "rules/nadam.cuh"
#include "rules/novograd.cuh"
#include "rules/prodigy.cuh"
#include "rules/radam.cuh"
#include "rules/rmsprop.cuh"
#include "rules/sam.cuh"
#include "rules/schedule_free_adamw.cuh"
#include "rules/schedule_free_sgd.cuh"
#include "rules/sgd.cuh"
#include "rules/signum.cuh"
#include "rules/sophia_g.cuh"
#include "rules/sophia_h.cuh"
#include "rules/stable_adamw.cuh"
#include "rules/svrg.cuh"
#include "rules/swats.cuh"
#include "rules/tiger.cuh"
#include "rules/yogi.cuh"
#ifdef PANOPTIM_TEST_RULES
#include "test_rules.cuh"
#endif

namespace panoptim {
inline namespace PANOPTIM_TIER {

#define PANOPTIM_CHECK(name, ...)                                                                  \
    static_assert(sizeof(__VA_ARGS__::Scalars) <= PANOPTIM_SCALARS, #name ": scalars");            \
    static_assert(__VA_ARGS__::slots + row_states<__VA_ARGS__> + column_states<__VA_ARGS__> <=     \
                      PANOPTIM_MAX_SLOTS,                                                          \
                  #name ": slots");                                                                \
    static_assert(__VA_ARGS__::phases + __VA_ARGS__::pass_phases <= PANOPTIM_MAX_PHASES,           \
                  #name ": phases");                                                               \
    static_assert(__VA_ARGS__::reductions <= PANOPTIM_MAX_REDUCTIONS, #name ": reductions");       \
    static_assert(lines_hold<__VA_ARGS__>(), #name ": sums over rows or columns");
#define PANOPTIM_RULE(name, ...)                                                                   \
    static_assert(__VA_ARGS__::phases >= 1, #name ": phases");                                     \
    PANOPTIM_CHECK(name, __VA_ARGS__)
#define PANOPTIM_PASSES(name, ...)                                                                 \
    static_assert(__VA_ARGS__::phases == 0 && __VA_ARGS__::pass_phases >= 1, #name ": phases");    \
    PANOPTIM_CHECK(name, __VA_ARGS__)
#include "rules/rules.def"
#undef PANOPTIM_RULE
#undef PANOPTIM_CHECK

} // namespace PANOPTIM_TIER
} // namespace panoptim

// Rules as control_stages.cuh asks for them, where the compiler knows them.
#pragma once

#include <string.h>

#include "step/prepare.cuh"
#ifdef __CUDACC__
#include "step/vector.cuh"
#endif

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

// A rule, and its index in the registry. The CPU's registry has an object with the same members for
// each rule, filled from these.
template <int32_t Index, typename Rule>
struct IndexedRule {
    static constexpr int32_t index = Index;
    static constexpr int32_t phases = Rule::phases;
    static constexpr int32_t pass_phases = Rule::pass_phases;
    static constexpr int32_t reductions = Rule::reductions;
    static constexpr bool keeps_tensor_states = tensor_states<Rule> != 0;
    static constexpr bool keeps_rule_states = rule_states<Rule> != 0;
    static constexpr bool has_panels = panoptim::has_panels<Rule>();
    static constexpr bool totals = Rule::totals;
    static constexpr int32_t element_states = Rule::slots;
    static constexpr int32_t row_states = panoptim::row_states<Rule>;
    static constexpr int32_t column_states = panoptim::column_states<Rule>;

    PANOPTIM_DEVICE static constexpr Scope scope(int reduction) { return Rule::scope(reduction); }
    PANOPTIM_DEVICE static constexpr int reduction_phase(int reduction) {
        return Rule::reduction_phase(reduction);
    }

    // Fills the entry of an active tensor for a phase.
    template <int Phase = 0>
    PANOPTIM_TEAM static void prepare(int32_t phase, const double *hyper,
                                      const Preparation &preparation,
                                      const panoptim_control &control, panoptim_prepared &entry) {
        if constexpr (Phase < phases + pass_phases) {
            if (phase != Phase) {
                prepare<Phase + 1>(phase, hyper, preparation, control, entry);
                return;
            }
            PreparedEntry<Rule> filled;
            if constexpr (Phase > 0 || !of_step<Rule, Phase>) {
                memcpy(&filled, &entry, sizeof filled);
            }
            prepare_entry<Rule, Phase>(hyper, preparation, control, filled);
            store(filled, entry);
        }
    }

    // Whether a pass that begins with a phase leaves a tensor alone.
    template <int Phase = phases>
    PANOPTIM_TEAM static bool rests(int32_t phase, const double *hyper,
                                    const Preparation &preparation) {
        if constexpr (Phase < phases + pass_phases) {
            return phase == Phase
                       ? Rule::template rests<Phase>(
                             *reinterpret_cast<const typename Rule::Hyper *>(hyper), preparation)
                       : rests<Phase + 1>(phase, hyper, preparation);
        } else {
            return false;
        }
    }

    // Begins the entry of a tensor that takes part in a pass.
    PANOPTIM_TEAM static void begin_pass(const double *hyper, const panoptim_control &control,
                                         panoptim_prepared &entry) {
        PreparedEntry<Rule> filled;
        const double scale = 1.0 / control.loss_scale;
        begin_entry(hyper, scale, scale, 0.0, filled);
        store(filled, entry);
    }

    // Advances the states of a group for a phase, of a rule that keeps any.
    template <int Phase = 0>
    PANOPTIM_TEAM static void settle(int32_t phase, const double *hyper,
                                     const Preparation &preparation, double *states) {
        if constexpr (keeps_rule_states && Phase < phases + pass_phases) {
            if (phase != Phase) {
                settle<Phase + 1>(phase, hyper, preparation, states);
                return;
            }
            settle_states<Rule, Phase>(hyper, preparation, states);
        }
    }

    // Advances the states of a row, a column, or a row once more with its matrix's total, before a
    // phase that follows one with sums of lines.
    template <int Phase = 0>
    PANOPTIM_TEAM static double advance_row(int32_t phase, const double *hyper,
                                            const Preparation &preparation, Line &line) {
        if constexpr (has_panels && Phase < phases + pass_phases) {
            if (phase != Phase) {
                return advance_row<Phase + 1>(phase, hyper, preparation, line);
            }
            if constexpr (walks_over_panels<Rule>(Phase - 1)) {
                return Rule::template advance_row<Phase>(hyper_of(hyper), preparation, line);
            }
        }
        return 0;
    }

    template <int Phase = 0>
    PANOPTIM_TEAM static void advance_column(int32_t phase, const double *hyper,
                                             const Preparation &preparation, Line &line) {
        if constexpr (has_panels && Phase < phases + pass_phases) {
            if (phase != Phase) {
                advance_column<Phase + 1>(phase, hyper, preparation, line);
                return;
            }
            if constexpr (walks_over_panels<Rule>(Phase - 1)) {
                Rule::template advance_column<Phase>(hyper_of(hyper), preparation, line);
            }
        }
    }

    template <int Phase = 0>
    PANOPTIM_TEAM static void finish_row(int32_t phase, const double *hyper,
                                         const Preparation &preparation, Line &line, double total) {
        if constexpr (totals && Phase < phases + pass_phases) {
            if (phase != Phase) {
                finish_row<Phase + 1>(phase, hyper, preparation, line, total);
                return;
            }
            if constexpr (walks_over_panels<Rule>(Phase - 1)) {
                Rule::template finish_row<Phase>(hyper_of(hyper), preparation, line, total);
            }
        }
    }

  private:
    PANOPTIM_TEAM static const typename Rule::Hyper &hyper_of(const double *hyper) {
        return *reinterpret_cast<const typename Rule::Hyper *>(hyper);
    }

    PANOPTIM_TEAM static void store(const PreparedEntry<Rule> &filled, panoptim_prepared &entry) {
#ifdef __CUDACC__
        store_object(&entry, filled);
#else
        memcpy(&entry, &filled, sizeof filled);
#endif
    }
};

// The rules of an image.
template <typename... Entries>
struct RuleList {
    static constexpr int32_t size = sizeof...(Entries);
    static constexpr bool has_passes = ((Entries::pass_phases > 0) || ...);
    static constexpr bool has_panels = (Entries::has_panels || ...);
    static_assert(size <= PANOPTIM_IMAGE_MOST_RULES);

    // Calls a visitor with each rule.
    template <typename Visitor>
    PANOPTIM_TEAM static void each(const Visitor &visit) {
        (visit(Entries{}), ...);
    }

    // Calls a visitor with the rule of an index, if it is one of these.
    template <typename Visitor>
    PANOPTIM_TEAM static void find(int32_t index, const Visitor &visit) {
        (void)((index == Entries::index && (visit(Entries{}), true)) || ...);
    }
};

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

#include "registry.h"

#include "rules/rules.cuh"
#include "step/describe.cuh"
#include "step/rule_list.cuh"

namespace panoptim {
namespace {

template <typename Rule>
constexpr PhaseUse use_of(int phase) {
    const bool last = phase + 1 == Rule::phases;
    PhaseUse use{};
    use.reads_value = Rule::reads_parameter(phase);
    use.writes_value = Rule::writes_parameter(phase);
    use.needs_gradient = phase < Rule::phases || Rule::reads_gradient(phase);
    use.copies = last || use.writes_value;
    use.averages = last;
    for (int curved = 0; curved < 2; ++curved) {
        constexpr uint32_t all = (1U << Rule::slots) - 1;
        use.read_slots[curved] = Rule::read_slots(phase, curved != 0) & all;
        use.written_slots[curved] = Rule::written_slots(phase, curved != 0) & all;
    }
    for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
        use.reductions |= Rule::reduction_phase(reduction) == phase ? 1U << reduction : 0U;
    }
    return use;
}

template <int32_t Index, typename Rule>
constexpr RegisteredRule registered(const char *name) {
    using Indexed = IndexedRule<Index, Rule>;
    RegisteredRule rule{};
    static_cast<panoptim_rule &>(rule) = described<Rule>(Index, name);
    rule.slots = Rule::slots;
    for (int phase = 0; phase < Rule::phases + Rule::pass_phases; ++phase) {
        rule.uses[phase] = use_of<Rule>(phase);
    }
    rule.keeps_tensor_states = Indexed::keeps_tensor_states;
    rule.keeps_rule_states = Indexed::keeps_rule_states;
    rule.scope = Indexed::scope;
    rule.reduction_phase = Indexed::reduction_phase;
    rule.prepare = Indexed::prepare;
    rule.begin_pass = Indexed::begin_pass;
    rule.settle = Indexed::settle;
    return rule;
}

enum RuleIndex : int32_t {
#define PANOPTIM_RULE(name, ...) index_of_##name,
#include "rules/rules.def"
#undef PANOPTIM_RULE
};

} // namespace

constexpr RegisteredRule rules[] = {
#define PANOPTIM_RULE(name, ...) registered<index_of_##name, __VA_ARGS__>(#name),
#include "rules/rules.def"
#undef PANOPTIM_RULE
};

constexpr int32_t rule_count = static_cast<int32_t>(sizeof rules / sizeof rules[0]);

} // namespace panoptim

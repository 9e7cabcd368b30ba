#include "registry.h"

#include "rules/rules.cuh"
#include "step/describe.cuh"
#include "step/rule_list.cuh"

namespace panoptim {
namespace {

template <int32_t Index, typename Rule>
constexpr RegisteredRule registered(const char *name) {
    using Indexed = IndexedRule<Index, Rule>;
    RegisteredRule rule{};
    static_cast<panoptim_rule &>(rule) = described<Rule>(Index, name);
    rule.keeps_tensor_states = Indexed::keeps_tensor_states;
    rule.keeps_rule_states = Indexed::keeps_rule_states;
    rule.scope = Indexed::scope;
    rule.reduction_phase = Indexed::reduction_phase;
    rule.prepare = Indexed::prepare;
    rule.rests = Indexed::rests;
    rule.begin_pass = Indexed::begin_pass;
    rule.settle = Indexed::settle;
    rule.totals = Indexed::totals;
    rule.element_states = Indexed::element_states;
    rule.row_states = Indexed::row_states;
    rule.column_states = Indexed::column_states;
    rule.advance_row = Indexed::advance_row;
    rule.advance_column = Indexed::advance_column;
    rule.finish_row = Indexed::finish_row;
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

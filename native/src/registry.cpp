#include "registry.h"

#include "rules/rules.cuh"
#include "step/describe.cuh"
#include "step/prepare.cuh"

namespace panoptim {
namespace {

template <typename Rule, int Phase>
void prepare(const double *hyper, const Preparation &preparation, const panoptim_control &control,
             panoptim_prepared &prepared) {
    PreparedEntry<Rule> entry;
    if constexpr (Phase > 0) {
        __builtin_memcpy(&entry, &prepared, sizeof entry);
    }
    prepare_entry<Rule, Phase>(hyper, preparation, control, entry);
    __builtin_memcpy(&prepared, &entry, sizeof entry);
}

template <typename Rule, int Phase>
constexpr void register_phase(RegisteredRule &rule) {
    if constexpr (Phase < Rule::phases) {
        rule.prepare[Phase] = prepare<Rule, Phase>;
        if constexpr (rule_states < Rule >> 0) {
            rule.settle[Phase] = settle_states<Rule, Phase>;
        }
        register_phase<Rule, Phase + 1>(rule);
    }
}

template <typename Rule>
constexpr RegisteredRule registered(int32_t index, const char *name) {
    RegisteredRule rule{};
    rule.description = described<Rule>(index, name);
    rule.keeps_tensor_states = tensor_states<Rule> > 0;
    rule.keeps_rule_states = rule_states<Rule> > 0;
    register_phase<Rule, 0>(rule);
    for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
        rule.scope[reduction] = Rule::scope(reduction);
        rule.reduction_phase[reduction] = Rule::reduction_phase(reduction);
    }
    return rule;
}

enum RuleIndex : int32_t {
#define PANOPTIM_RULE(name, ...) index_of_##name,
#include "rules/rules.def"
#undef PANOPTIM_RULE
};

} // namespace

constexpr RegisteredRule rules[] = {
#define PANOPTIM_RULE(name, ...) registered<__VA_ARGS__>(index_of_##name, #name),
#include "rules/rules.def"
#undef PANOPTIM_RULE
};

constexpr int32_t rule_count = static_cast<int32_t>(sizeof rules / sizeof rules[0]);

} // namespace panoptim

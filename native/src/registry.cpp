#include "registry.h"

#include "rules/rules.cuh"
#include "step/prepare.cuh"

namespace panoptim {
namespace {

template <typename Rule, int Phase>
void prepare(const void *hyper, const Preparation &preparation, const panoptim_control &control,
             panoptim_prepared &prepared) {
    PreparedEntry<Rule> entry;
    if constexpr (Phase > 0) {
        __builtin_memcpy(&entry, &prepared, sizeof entry);
    }
    prepare_entry<Rule, Phase>(hyper, preparation, control, entry);
    __builtin_memcpy(&prepared, &entry, sizeof entry);
}

template <typename Rule, int Phase>
constexpr PrepareFunction prepare_function() {
    if constexpr (Phase < Rule::phases) {
        return prepare<Rule, Phase>;
    } else {
        return nullptr;
    }
}

template <typename Rule>
constexpr RegisteredRule registered(const char *name) {
    RegisteredRule rule{};
    rule.name = name;
    rule.info.slots = Rule::slots;
    rule.info.phases = Rule::phases;
    rule.info.reductions = Rule::reductions;
    rule.info.curvature = Rule::curvature ? 1 : 0;
    rule.info.hyper_bytes = static_cast<int32_t>(sizeof(typename Rule::Hyper));
    rule.info.scalar_bytes = static_cast<int32_t>(sizeof(typename Rule::Scalars));
    rule.prepare[0] = prepare_function<Rule, 0>();
    rule.prepare[1] = prepare_function<Rule, 1>();
    rule.prepare[2] = prepare_function<Rule, 2>();
    rule.prepare[3] = prepare_function<Rule, 3>();
    for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
        rule.scope[reduction] = Rule::scope(reduction);
        rule.reduction_phase[reduction] = Rule::reduction_phase(reduction);
    }
    return rule;
}

} // namespace

constexpr RegisteredRule rules[] = {
#define PANOPTIM_RULE(name, ...) registered<__VA_ARGS__>(#name),
#include "rules/rules.def"
#undef PANOPTIM_RULE
};

constexpr int32_t rule_count = static_cast<int32_t>(sizeof rules / sizeof rules[0]);

} // namespace panoptim

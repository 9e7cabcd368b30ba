// What several tests need: random floats, comparison of bits, the tiers of this machine.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "panoptim.h"

// The same numbers on every machine.
class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}

    uint64_t next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }

    int64_t below(int64_t bound) {
        return static_cast<int64_t>(next() % static_cast<uint64_t>(bound));
    }

    // Of either sign, over some orders of magnitude: from bits of one draw, since this is asked for
    // hundreds of millions of numbers.
    float ordinary() {
        const uint64_t bits = next();
        const auto mantissa = static_cast<uint32_t>(bits & 0x7fffffU);
        const auto sign = static_cast<uint32_t>(bits >> 23 & 1U);
        // 2^-9 to 2^2.
        const auto power = static_cast<uint32_t>((bits >> 32) * 12 >> 32) + 118;
        return std::bit_cast<float>(sign << 31 | power << 23 | mantissa);
    }

    // Also NaN, infinities, zeros of both signs, denormals and the largest numbers.
    float special() {
        using limits = std::numeric_limits<float>;
        const float values[] = {limits::quiet_NaN(),
                                limits::infinity(),
                                -limits::infinity(),
                                0.0F,
                                -0.0F,
                                limits::max(),
                                -limits::max(),
                                limits::denorm_min(),
                                -limits::denorm_min(),
                                1e-40F,
                                limits::min(),
                                -1e-39F,
                                1.0F};
        const auto count = static_cast<int64_t>(sizeof values / sizeof values[0]);
        return below(3) == 0 ? values[below(count)] : ordinary();
    }

  private:
    uint64_t state_;
};

// Equal bits, all NaNs counted alike.
inline bool same(float a, float b) {
    return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (a != a && b != b);
}

inline bool same(double a, double b) {
    return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b) || (a != a && b != b);
}

inline std::vector<int32_t> usable_tiers() {
    std::vector<int32_t> usable;
    for (int32_t tier = 0; tier < PANOPTIM_TIERS; ++tier) {
        if (panoptim_tier_probe(tier) == PANOPTIM_TIER_USABLE) {
            usable.push_back(tier);
        }
    }
    return usable;
}

// A rule of the registry, with its signature taken apart.
struct Described {
    panoptim_rule rule{};
    std::string name;
    std::vector<std::string> hyper;
    std::vector<std::string> slots;
    std::vector<std::string> rows;
    std::vector<std::string> columns;
    std::vector<std::string> tensor_states;
    std::vector<std::string> rule_states;
};

// What lies between separators.
inline std::vector<std::string> split(const std::string &text, char separator) {
    std::vector<std::string> parts(1);
    for (const char letter : text) {
        if (letter == separator) {
            parts.emplace_back();
        } else {
            parts.back() += letter;
        }
    }
    return parts;
}

inline std::vector<std::string> names_of(const std::string &list) {
    return list.empty() ? std::vector<std::string>{} : split(list, ',');
}

// Every rule of the registry, described once.
inline const std::vector<Described> &described_rules() {
    static const std::vector<Described> all = [] {
        std::vector<Described> rules(static_cast<std::size_t>(panoptim_rule_count()));
        for (std::size_t index = 0; index < rules.size(); ++index) {
            Described &description = rules[index];
            if (panoptim_rule_describe(static_cast<int32_t>(index), &description.rule) !=
                PANOPTIM_OK) {
                std::abort();
            }
            description.name = reinterpret_cast<const char *>(description.rule.name);
            const auto lists =
                split(reinterpret_cast<const char *>(description.rule.signature), ';');
            description.hyper = names_of(lists.at(0));
            description.slots = names_of(lists.at(1));
            description.rows = names_of(lists.at(2));
            description.columns = names_of(lists.at(3));
            description.tensor_states = names_of(lists.at(4));
            description.rule_states = names_of(lists.at(5));
        }
        return rules;
    }();
    return all;
}

// Fails if there is no such rule.
inline const Described &described(int32_t index) {
    return described_rules().at(static_cast<std::size_t>(index));
}

// The index of a rule; -1 if there is none of that name.
inline int32_t rule_named(const std::string &name) {
    for (int32_t rule = 0; rule < panoptim_rule_count(); ++rule) {
        if (name == described(rule).name) {
            return rule;
        }
    }
    return -1;
}

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

    // Of either sign, over some orders of magnitude.
    float ordinary() {
        const float mantissa = static_cast<float>(below(1 << 24)) * 0x1p-24F + 0.5F;
        const float sign = below(2) == 0 ? 1.0F : -1.0F;
        // 2^-8 to 2^3, by its bits: this is asked for hundreds of millions of numbers.
        const auto power = std::bit_cast<float>(static_cast<uint32_t>(below(12) + 119) << 23);
        return sign * mantissa * power;
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
    return (a != a && b != b) || std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

inline bool same(double a, double b) {
    return (a != a && b != b) || std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
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

// Aborts if there is no such rule.
inline Described described(int32_t index) {
    Described description;
    if (panoptim_rule_describe(index, &description.rule) != PANOPTIM_OK) {
        std::abort();
    }
    description.name = reinterpret_cast<const char *>(description.rule.name);
    const auto lists = split(reinterpret_cast<const char *>(description.rule.signature), ';');
    description.hyper = names_of(lists.at(0));
    description.slots = names_of(lists.at(1));
    description.rows = names_of(lists.at(2));
    description.columns = names_of(lists.at(3));
    description.tensor_states = names_of(lists.at(4));
    description.rule_states = names_of(lists.at(5));
    return description;
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

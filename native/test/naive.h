// The specification once more, written for clarity: element by element, level by level.
#pragma once

#include <vector>

#include "panoptim.h"
#include "problem.h"
#include "tier.h"

// Joins by adjacent pairs, level by level.
inline double naive_join(std::vector<double> values) {
    if (values.empty()) {
        return 0;
    }
    while (values.size() > 1) {
        std::vector<double> next;
        for (std::size_t i = 0; i + 1 < values.size(); i += 2) {
            next.push_back(values[i] + values[i + 1]);
        }
        if (values.size() % 2 == 1) {
            next.push_back(values.back());
        }
        values = next;
    }
    return values[0];
}

// The reduction tree over a tensor's terms, left[i] * right[i]: lanes, blocks, tensor.
inline double naive_tree(const std::vector<float> &left, const std::vector<float> &right) {
    std::vector<double> blocks;
    for (std::size_t block = 0; block < left.size(); block += PANOPTIM_BLOCK) {
        std::vector<double> lanes(PANOPTIM_LANES, 0.0);
        for (std::size_t i = block; i < left.size() && i < block + PANOPTIM_BLOCK; ++i) {
            lanes[i % PANOPTIM_LANES] +=
                static_cast<double>(left[i]) * static_cast<double>(right[i]);
        }
        for (std::size_t width = PANOPTIM_LANES / 2; width > 0; width /= 2) {
            for (std::size_t i = 0; i < width; ++i) {
                lanes[i] += lanes[i + width];
            }
        }
        blocks.push_back(lanes[0]);
    }
    return naive_join(blocks);
}

// The sum over a row: segments of lanes, one term a lane.
inline double naive_row(const std::vector<float> &left, const std::vector<float> &right) {
    std::vector<double> segments;
    for (std::size_t first = 0; first < left.size(); first += PANOPTIM_LANES) {
        const std::size_t end = std::min<std::size_t>(left.size(), first + PANOPTIM_LANES);
        segments.push_back(naive_tree({left.begin() + static_cast<std::ptrdiff_t>(first),
                                       left.begin() + static_cast<std::ptrdiff_t>(end)},
                                      {right.begin() + static_cast<std::ptrdiff_t>(first),
                                       right.begin() + static_cast<std::ptrdiff_t>(end)}));
    }
    return naive_join(segments);
}

inline double naive_square_sum(const Guarded<float> &values) {
    const std::vector<float> terms(values.begin(), values.end());
    return naive_tree(terms, terms);
}

// The loops of a tier, one element at a time.
extern const panoptim::Tier naive_tier;

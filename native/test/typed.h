// The arrays of a tensor that has others than floats, or outputs, over guarded memory.
#pragma once

#include <algorithm>
#include <deque>

#include "guarded.h"
#include "panoptim.h"
#include "support.h"

// The bf16 nearest to a float, by its definition: of the two around it the nearer one, and of two
// as near the one whose last bit is 0.
inline float nearest_bf16(float value) {
    if (std::isnan(value) || std::isinf(value)) {
        return value;
    }
    const auto bits = std::bit_cast<uint32_t>(std::fabs(value));
    const uint32_t below = bits & 0xffff0000U;
    const uint32_t above = below + 0x10000U;
    const auto as_double = [](uint32_t magnitude) {
        // Beyond the largest number lies the power of two that would follow it.
        return magnitude == 0x7f800000U ? 0x1p128
                                        : static_cast<double>(std::bit_cast<float>(magnitude));
    };
    const double down = std::fabs(static_cast<double>(value)) - as_double(below);
    const double up = as_double(above) - std::fabs(static_cast<double>(value));
    const bool even = (below >> 16 & 1U) == 0;
    const uint32_t chosen = down < up || (down == up && even) ? below : above;
    return std::copysign(std::bit_cast<float>(chosen), value);
}

// A value once it has been stored as a type.
inline float rounded(float value, int32_t type) {
    return type == PANOPTIM_BF16 ? nearest_bf16(value) : value;
}

// Elements of a type.
class Elements {
  public:
    // Of values, rounded.
    Elements(int32_t type, const Guarded<float> &values, Edge edge, int64_t shift) : type_(type) {
        if (type == PANOPTIM_BF16) {
            halves_ = Guarded<uint16_t>(values.size(), edge, shift);
            for (int64_t i = 0; i < values.size(); ++i) {
                const auto bits = std::bit_cast<uint32_t>(nearest_bf16(values[i]));
                halves_[i] = static_cast<uint16_t>(bits >> 16);
            }
        } else {
            floats_ = Guarded<float>(values.size(), edge, shift);
            std::copy(values.begin(), values.end(), floats_.begin());
        }
    }

    panoptim_array array() const {
        void *const data = type_ == PANOPTIM_BF16 ? static_cast<void *>(halves_.data())
                                                  : static_cast<void *>(floats_.data());
        return {data, nullptr, type_, 0};
    }

    int64_t address() const { return reinterpret_cast<int64_t>(array().data); }

    // Every element as a float.
    std::vector<float> values() const {
        std::vector<float> all(floats_.begin(), floats_.end());
        for (const uint16_t half : halves_) {
            all.push_back(std::bit_cast<float>(static_cast<uint32_t>(half) << 16));
        }
        return all;
    }

  private:
    int32_t type_;
    Guarded<float> floats_;
    Guarded<uint16_t> halves_;
};

// What the arrays of a tensor are.
struct Types {
    int32_t value = PANOPTIM_F32;
    int32_t gradient = PANOPTIM_F32; // and the curvature
    // States take turns.
    int32_t even_slots = PANOPTIM_F32;
    int32_t odd_slots = PANOPTIM_F32;
    // 0: there is no such output.
    int32_t copy = 0;
    int32_t average = 0;

    int32_t of_slot(int64_t slot) const { return slot % 2 == 0 ? even_slots : odd_slots; }
};

// The arrays of one tensor.
class TypedArrays {
  public:
    // Of the values that are in arrays of floats, which the types must have; of an average that
    // begins as the value.
    TypedArrays(const Types &types, const Guarded<float> &value, const Guarded<float> &gradient,
                const Guarded<float> &curvature, const Guarded<float> *slots, int64_t slot_count,
                Edge edge, int64_t shift) {
        const auto make = [&](int32_t type, const Guarded<float> &values) {
            return all_.emplace_back(type, values, edge, shift).array();
        };
        row_.value = make(types.value, value);
        row_.gradient = make(types.gradient, gradient);
        gradient_address_ = reinterpret_cast<int64_t>(row_.gradient.data);
        row_.gradient.data = nullptr;
        curvature_address_ = reinterpret_cast<int64_t>(make(types.gradient, curvature).data);
        for (int64_t slot = 0; slot < slot_count; ++slot) {
            row_.slots[slot] = make(types.of_slot(slot), slots[slot]);
        }
        first_output_ = all_.size();
        if (types.copy != 0) {
            row_.copy = make(types.copy, value);
        }
        if (types.average != 0) {
            row_.average = make(types.average, value);
        }
    }

    const panoptim_arrays *row() const { return &row_; }
    int64_t gradient_address() const { return gradient_address_; }
    int64_t curvature_address() const { return curvature_address_; }

    // Value, gradient, curvature and states, and the outputs.
    std::vector<float> contents() const { return values(0, all_.size()); }
    std::vector<float> outputs() const { return values(first_output_, all_.size()); }

  private:
    std::vector<float> values(std::size_t first, std::size_t end) const {
        std::vector<float> found;
        for (std::size_t i = first; i < end; ++i) {
            const std::vector<float> each = all_[i].values();
            found.insert(found.end(), each.begin(), each.end());
        }
        return found;
    }

    panoptim_arrays row_{};
    int64_t gradient_address_;
    int64_t curvature_address_;
    std::size_t first_output_;
    std::deque<Elements> all_;
};

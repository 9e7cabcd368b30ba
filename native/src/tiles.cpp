#include "tiles.h"

#include "decode.h"
#include "prefetch.h"
#include "step/plan.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

void move_averages(float *averages, const float *values, int64_t count, float weight) {
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) {
        averages[i] = moved_average(averages[i], values[i], weight);
    }
}

// The arrays of one tile.
class TileArrays {
  public:
    explicit TileArrays(const Tile &tile)
        : tile_(tile), arrays_(*tile.plan.tensors[tile.tensor].arrays) {}

    const panoptim_arrays &all() const { return arrays_; }

    panoptim_array gradient() const { return of_gradient(tile_.plan.gradients); }
    panoptim_array curvature() const { return of_gradient(tile_.plan.curvatures); }

    // The elements where they are floats already, and otherwise in memory, decoded if they are
    // read.
    float *floats(const panoptim_array &array, bool read, float *memory) const {
        void *const elements = elements_of(array);
        if (array.type == PANOPTIM_F32) {
            return static_cast<float *>(elements);
        }
        ask_ahead(array);
        if (read) {
            decode(elements, array.type, tile_.count, memory);
        }
        return memory;
    }

    // Floats are where they belong already.
    void store(const panoptim_array &array, const float *values) const {
        if (array.type != PANOPTIM_F32) {
            encode(values, array.type, tile_.count, elements_of(array));
        }
    }

    // The same of an output, which no loop has written.
    void copy(const panoptim_array &array, const float *values) const {
        ask_ahead(array);
        encode(values, array.type, tile_.count, elements_of(array));
    }

    void *elements_of(const panoptim_array &array) const {
        return element_address(array.data, array.type, tile_.first);
    }

    // Asks for what the loops do not know of, as far ahead as they ask for floats.
    void ask_ahead(const panoptim_array &array) const {
        const int64_t bytes = element_bytes(array.type);
        prefetch(static_cast<const char *>(elements_of(array)) + tile_ahead * bytes,
                 tile_.count * bytes);
    }

  private:
    panoptim_array of_gradient(const int64_t *addresses) const {
        panoptim_array array = arrays_.gradient;
        array.data = reinterpret_cast<void *>(addresses[tile_.tensor]);
        return array;
    }

    const Tile &tile_;
    const panoptim_arrays &arrays_;
};

// Moves the average, if there is one and it moves in this step.
void move_average(const TileArrays &arrays, const Tile &tile, const float *values,
                  TileMemory &memory) {
    const panoptim_array &average = arrays.all().average;
    const float weight = average_weight(*tile.plan.control);
    if (average.data == nullptr || weight == 0) {
        return;
    }
    if (average.type == PANOPTIM_F32) {
        arrays.ask_ahead(average);
    }
    float *const averages = arrays.floats(average, true, memory.average);
    move_averages(averages, values, tile.count, weight);
    arrays.store(average, averages);
}

} // namespace

Buffers open_tile(const Tile &tile, const TileUse &use, TileMemory &memory) {
    const TileArrays arrays(tile);
    Buffers buffers{};
    buffers.value = arrays.floats(arrays.all().value, use.reads_value, memory.value);
    if (use.gradient) {
        buffers.gradient = arrays.floats(arrays.gradient(), true, memory.gradient);
    }
    if (use.curvature) {
        buffers.curvature = arrays.floats(arrays.curvature(), true, memory.curvature);
    }
    if (use.reads_average) {
        const panoptim_array &average = arrays.all().average;
        buffers.average =
            average.data != nullptr ? arrays.floats(average, true, memory.average) : buffers.value;
    }
    for (int slot = 0; slot < use.slots; ++slot) {
        buffers.slots[slot] = arrays.floats(arrays.all().slots[slot],
                                            (use.read_slots >> slot & 1U) != 0, memory.slots[slot]);
    }
    return buffers;
}

void close_tile(const Tile &tile, const TileUse &use, const Buffers &buffers, TileMemory &memory) {
    const TileArrays arrays(tile);
    const panoptim_arrays &all = arrays.all();
    if (use.writes_value) {
        arrays.store(all.value, buffers.value);
    }
    if (use.writes_gradient) {
        arrays.store(arrays.gradient(), buffers.gradient);
    }
    for (int slot = 0; slot < use.slots; ++slot) {
        if ((use.written_slots >> slot & 1U) != 0) {
            arrays.store(all.slots[slot], buffers.slots[slot]);
        }
    }
    if (use.copies && all.copy.data != nullptr) {
        arrays.copy(all.copy, buffers.value);
    }
    if (use.averages) {
        move_average(arrays, tile, buffers.value, memory);
    }
    if (use.zeroes && all.gradient.type != PANOPTIM_F32) {
        // Zeros are zeros in every type.
        __builtin_memset(arrays.elements_of(arrays.gradient()), 0,
                         static_cast<unsigned long>(tile.count * element_bytes(all.gradient.type)));
    }
}

void follow_tile(const Tile &tile, TileMemory &memory) {
    const TileArrays arrays(tile);
    move_average(arrays, tile, arrays.floats(arrays.all().value, true, memory.value), memory);
}

} // namespace PANOPTIM_TIER
} // namespace panoptim

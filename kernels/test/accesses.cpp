// Prints how many accesses of 16 bytes, and stores of 4 and of 8, the kernels of a step must have,
// from what the rules say of themselves: a line a kernel.
//   KERNEL VECTOR-LOADS VECTOR-STORES STORES-OF-4 STORES-OF-8
// - is any number, and N+ is N or more: where the code between them is short, the compiler may
// write the same store into several branches. Loads through the cache for constants are not
// counted.
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "rules/rules.cuh"
#include "step/prepare.cuh"

namespace {

// What the kernels of an image store of prepared entries.
struct Image {
    std::string name;
    int of_prepare = 0;
    int of_control = 0;
};

// The images of rules by name.
std::vector<Image> images() {
    std::istringstream names(PANOPTIM_RULE_IMAGES);
    std::vector<Image> all;
    for (std::string name; names >> name;) {
        all.push_back({name});
    }
    return all;
}

// The image of a rule: the longest that its name begins with.
Image &image_of(std::vector<Image> &all, const std::string &rule) {
    Image *longest = nullptr;
    for (Image &image : all) {
        if ((rule + "_").starts_with(image.name + "_") &&
            (longest == nullptr || image.name.size() > longest->name.size())) {
            longest = &image;
        }
    }
    return *longest;
}

int bits(unsigned slots, int count) {
    return __builtin_popcount(slots & ((1U << count) - 1));
}

// Beside the direct way each array is stored by what type it has and how it is aligned: as a vector
// of floats, as floats, or as a vector of half the size. (Elements of 2 bytes are not counted.)
constexpr int scalars = 4;
constexpr int halves = 1;

// The sums of chunks that phases store.
template <typename Rule>
int sums_of(int first, int end) {
    int sums = 0;
    for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
        const int phase = Rule::reduction_phase(reduction);
        sums += first <= phase && phase < end ? 1 : 0;
    }
    return sums;
}

// The kernel of phases from first to before end, with statistics or without.
template <typename Rule>
void print_kernel(const std::string &name, int first, int end, bool statistics) {
    // Of either way.
    int loads = 0;
    int stores = 0;
    // Of the way by types alone: a copy is stored, an average loaded and stored.
    int outputs_loaded = 0;
    int outputs_stored = 0;
    // Where a step's first phase is, tensors that are not updated have their averages moved, and
    // zeros left in their gradients.
    const int idle = Rule::phases > 0 && first == 0 ? 1 : 0;
    int followed = idle;
    for (int phase = first; phase < end; ++phase) {
        const bool curvature = Rule::curvature && phase < Rule::phases;
        const bool last = phase + 1 == Rule::phases;
        followed += Rule::completes_step(phase) ? 1 : 0;
        for (int curved = 0; curved <= (curvature ? 1 : 0); ++curved) {
            const bool with = curved != 0;
            const int averages = last || Rule::completes_step(phase) ? 1 : 0;
            outputs_loaded += averages;
            outputs_stored += (last || Rule::writes_parameter(phase) ? 1 : 0) + averages;
            loads += (statistics || Rule::reads_parameter(phase) ? 1 : 0) +
                     (statistics || Rule::reads_gradient(phase) ? 1 : 0) + curved +
                     bits(Rule::read_slots(phase, with), Rule::slots);
            outputs_loaded += Rule::reads_average(phase) ? 1 : 0;
            stores += (Rule::writes_parameter(phase) ? 1 : 0) +
                      (Rule::writes_gradient(phase) ? 1 : 0) +
                      bits(Rule::written_slots(phase, with), Rule::slots) +
                      // Zeros into the gradient.
                      (last ? 1 : 0);
        }
    }
    outputs_loaded += 2 * followed;
    outputs_stored += followed;
    const int typed = stores + outputs_stored + idle;
    // Of 8 bytes are also the sums of a chunk.
    const int sums = sums_of<Rule>(first, end) + (statistics ? PANOPTIM_STATISTICS : 0);
    std::printf("%s %d %d %d %d%s\n", name.c_str(), 2 * loads + outputs_loaded, stores + typed,
                scalars * typed, halves * typed + sums, sums > 1 ? "+" : "");
}

template <typename Rule>
void print(std::vector<Image> &all, const std::string &name) {
    const std::string kernel = "panoptim_update_" + name;
    print_kernel<Rule>(kernel, 0, Rule::phases + Rule::pass_phases, false);
    if (Rule::phases > 0) {
        print_kernel<Rule>(kernel + "_statistics", Rule::phases - 1, Rule::phases, true);
    }
    const auto vectors = static_cast<int>(
        (sizeof(panoptim::PreparedEntry<Rule>) + sizeof(float[4]) - 1) / sizeof(float[4]));
    Image &image = image_of(all, name);
    image.of_prepare += vectors;
    image.of_control += vectors * (Rule::phases + Rule::pass_phases);
}

} // namespace

int main() {
    std::vector<Image> all = images();
#define PANOPTIM_RULE(name, ...) print<panoptim::__VA_ARGS__>(all, #name);
#include "rules/rules.def"
#undef PANOPTIM_RULE
    // Of gradient and curvature, each: four at once in the direct way, two by types, and one where
    // a block is not whole; and a sum of either.
    std::printf("panoptim_measure %d 0 0 2\n", 2 * (4 + 2 + 1));
    // Rows are loaded in one place, and the sum and zeros stored in one each.
    std::printf("panoptim_sum_rows 1 2 %d %d\n", 2 * scalars, 2 * halves);
    std::printf("panoptim_zero 0 1 %d %d\n", scalars, halves);
    for (const Image &image : all) {
        std::printf("panoptim_prepare_%s 0 %d - -\n", image.name.c_str(), image.of_prepare);
        std::printf("panoptim_control_%s 0 %d+ - -\n", image.name.c_str(), image.of_control);
    }
}

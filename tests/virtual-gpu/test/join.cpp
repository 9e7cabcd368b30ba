// Sums that the threads of a device join are those of the tree.
#include <cmath>
#include <cstring>

#include "device.h"
#include "step/join.cuh"

namespace {

struct Join {
    const double *values;
    long long count;
    double *sum;
};

// Values of very different sizes, so that another order gives other bits.
std::vector<double> values_of(int count) {
    std::vector<double> values;
    for (int i = 0; i < count; ++i) {
        values.push_back(std::ldexp(1.0 + i % 7 / 8.0, i * 37 % 61) * (i % 2 == 0 ? 1 : -1));
    }
    return values;
}

double expected(const std::vector<double> &values) {
    panoptim::PairwiseSum sum;
    for (const double value : values) {
        sum.add(value);
    }
    return sum.total();
}

bool same_bits(double a, double b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
}

void check(Device &device, const char *kernel, unsigned threads, unsigned results,
           const std::vector<double> &values) {
    // Memory ends with the values, so that a read beyond them is found.
    const Join join{device.upload(values), static_cast<long long>(values.size()),
                    device.allocate<double>(results)};
    REQUIRE(device.launch(kernel, 1, threads, join) == 0);
    for (const double sum : device.download(join.sum, results)) {
        CHECK(same_bits(sum, expected(values)));
    }
}

void check(const char *kernel, unsigned threads, unsigned results,
           std::initializer_list<int> counts) {
    Device device;
    for (const char *order : orders) {
        REQUIRE(panoptimVirtualOrder(order) == 0);
        for (const int count : counts) {
            CAPTURE(order);
            CAPTURE(count);
            check(device, kernel, threads, results, values_of(count));
            // What is absent is not added: +0 would take away the sign.
            check(device, kernel, threads, results,
                  std::vector<double>(static_cast<std::size_t>(count), -0.0));
        }
    }
}

} // namespace

TEST_CASE("a thread joins up to 56 values by adjacent pairs") {
    check("toy_join_in_thread", 1, 1, {1, 2, 3, 7, 8, 9, 15, 16, 17, 23, 31, 32, 33, 55, 56});
}

TEST_CASE("a warp joins up to 256 values by adjacent pairs") {
    check("toy_join_in_warp", 32, 1,
          {1, 2, 3, 31, 32, 33, 63, 64, 65, 97, 127, 129, 144, 200, 255, 256});
}

TEST_CASE("a thread block joins any number of values by adjacent pairs, and all threads know it") {
    check("toy_join_in_block", 512, 512,
          {1, 2, 3, 257, 511, 512, 513, 1023, 1025, 2356, 4097, 20001});
    check("toy_join_in_block", 64, 64, {1, 63, 65, 1000});
}

// How kernels run.
#include <cstdlib>

#include "device.h"

TEST_CASE("barriers and shared memory work in every order of threads") {
    struct Sum {
        const float *from;
        float *to;
        long long elements;
    };
    Device device;
    for (const char *order : orders) {
        CAPTURE(order);
        REQUIRE(panoptimVirtualOrder(order) == 0);
        for (const unsigned threads : {32U, 128U, 256U}) {
            const std::size_t elements = 9 * threads - 5;
            std::vector<float> values(elements, 1.0F);
            const Sum sum{device.upload(values), device.allocate<float>(9),
                          static_cast<long long>(elements)};
            REQUIRE(device.launch("toy_sum", 9, threads, sum) == 0);
            const std::vector<float> sums = device.download(sum.to, 9);
            for (int block = 0; block < 8; ++block) {
                CHECK(sums[static_cast<std::size_t>(block)] == static_cast<float>(threads));
            }
            CHECK(sums[8] == static_cast<float>(threads - 5));
        }
    }
}

TEST_CASE("a missing barrier shows in some order") {
    Device device;
    int wrong = 0;
    for (const char *order : orders) {
        REQUIRE(panoptimVirtualOrder(order) == 0);
        int *words = device.allocate<int>(64);
        REQUIRE(device.launch("toy_race", 1, 64, Words{words, 0, 0}) == 0);
        const std::vector<int> actual = device.download(words, 64);
        for (int i = 0; i < 64; ++i) {
            wrong += actual[static_cast<std::size_t>(i)] != (i + 1) % 64 ? 1 : 0;
        }
    }
    CHECK(wrong > 0);
}

TEST_CASE("blocks run side by side, each with its shared memory") {
    struct Queue {
        int *next;
        int *order;
        int blocks;
    };
    Device device;
    // Four blocks fit, so in reverse all of them wait for the last that begins.
    for (const char *order : orders) {
        CAPTURE(order);
        REQUIRE(panoptimVirtualOrder(order) == 0);
        const Queue queue{device.upload(std::vector<int>{0}), device.allocate<int>(4), 4};
        REQUIRE(device.launch("toy_turns", 4, 64, queue) == 0);
        REQUIRE(cuStreamSynchronize(device.stream) == 0);
        CHECK(device.download(queue.order, 4) == std::vector<int>{0, 101, 202, 303});
    }
}

TEST_CASE("shuffles and votes are those of a warp") {
    struct Lanes {
        int *ints;
        double *doubles;
        unsigned *votes;
    };
    Device device;
    for (const char *order : orders) {
        CAPTURE(order);
        REQUIRE(panoptimVirtualOrder(order) == 0);
        const Lanes lanes{device.allocate<int>(256), device.allocate<double>(64),
                          device.allocate<unsigned>(192)};
        REQUIRE(device.launch("toy_lanes", 1, 64, lanes) == 0);
        const std::vector<int> ints = device.download(lanes.ints, 256);
        const std::vector<double> doubles = device.download(lanes.doubles, 64);
        const std::vector<unsigned> votes = device.download(lanes.votes, 192);
        for (int thread = 0; thread < 64; ++thread) {
            CAPTURE(thread);
            const int warp = thread / 32 * 32;
            const int lane = thread % 32;
            const auto at = static_cast<std::size_t>(thread);
            CHECK(ints[at * 4] == warp + 3);
            CHECK(ints[at * 4 + 1] == (lane + 2 < 32 ? thread + 2 : thread));
            CHECK(ints[at * 4 + 2] == (lane % 8 >= 2 ? thread - 2 : thread));
            CHECK(ints[at * 4 + 3] == (thread ^ 1));
            CHECK(votes[at * 3] == 0xaaaaaaaaU);
            CHECK(votes[at * 3 + 1] == (warp == 0 ? 1U : 0U));
            CHECK(votes[at * 3 + 2] == (warp == 0 ? 1U : 0U));
        }
        CHECK(doubles[0] == 496);
        CHECK(doubles[32] == 496 + 32 * 32);
    }
}

TEST_CASE("barriers count, and, or") {
    Device device;
    for (const char *order : orders) {
        REQUIRE(panoptimVirtualOrder(order) == 0);
        int *words = device.allocate<int>(96);
        REQUIRE(device.launch("toy_counts", 1, 96, Words{words, 0, 0}) == 0);
        CHECK(device.download(words, 96) == std::vector<int>(96, 3210));
    }
}

TEST_CASE("atomics lose nothing") {
    Device device;
    int *words = device.upload(std::vector<int>{0});
    REQUIRE(device.launch("toy_add", 7, 256, Words{words, 0, 2}) == 0);
    CHECK(device.download(words, 1)[0] == 2 * 7 * 256);
}

TEST_CASE("shared memory begins as garbage in every block") {
    Device device;
    int *words = device.allocate<int>(6);
    REQUIRE(device.launch("toy_fresh", 6, 1, Words{words, 0, 0}) == 0);
    CHECK(device.download(words, 6) == std::vector<int>(6, static_cast<int>(0xcdcdcdcdU)));
}

TEST_CASE("dynamic shared memory is an array of the kernel's") {
    Device device;
    int *words = device.allocate<int>(128);
    REQUIRE(device.launch("toy_dynamic", 2, 64, Words{words, 0, 0}, 64 * sizeof(int)) == 0);
    const std::vector<int> actual = device.download(words, 128);
    CHECK(actual[0] == 63);
    CHECK(actual[127] == 1000);
}

TEST_CASE("divergent barriers and warp operations are found, and the error stays") {
    for (const char *order : orders) {
        REQUIRE(panoptimVirtualOrder(order) == 0);
        for (const char *kernel : {"toy_two_barriers", "toy_early_end", "toy_half_a_warp"}) {
            CAPTURE(kernel);
            Device device;
            REQUIRE(panoptimVirtualOrder(order) == 0);
            // As on a device, the launch itself is well.
            REQUIRE(device.launch(kernel, 2, 64) == 0);
            CHECK(cuStreamSynchronize(device.stream) == launch_failed);
            CHECK(cuCtxSynchronize() == launch_failed);
            std::uint64_t address = 0;
            CHECK(cuMemAlloc_v2(&address, 4) == launch_failed);
        }
    }
    // The context has ended with its last owner; the next one is new.
    Device device;
    CHECK(cuCtxSynchronize() == 0);
}

TEST_CASE("what a kernel must not reach is found") {
    for (const long long index : {-1030LL, 4LL, 100LL, 1LL << 40}) {
        CAPTURE(index);
        Device device;
        int *words = device.allocate<int>(4);
        REQUIRE(device.launch("toy_write", 1, 32, Words{words, index, 1}) == 0);
        CHECK(cuStreamSynchronize(device.stream) == illegal_address);
    }
    {
        Device device;
        int *words = device.allocate<int>(4);
        REQUIRE(device.launch("toy_write", 1, 32, Words{words, 3, 1}) == 0);
        CHECK(cuStreamSynchronize(device.stream) == 0);
        device.memory.clear();
        REQUIRE(cuMemFree_v2(reinterpret_cast<std::uint64_t>(words)) == 0);
        REQUIRE(device.launch("toy_write", 1, 32, Words{words, 3, 1}) == 0);
        CHECK(cuStreamSynchronize(device.stream) == illegal_address);
    }
    {
        Device device;
        int *words = device.allocate<int>(4);
        REQUIRE(device.launch("toy_misaligned", 1, 1, Words{words, 0, 1}) == 0);
        CHECK(cuStreamSynchronize(device.stream) == misaligned_address);
    }
}

TEST_CASE(
    "what is written between an allocation's end and the guard page is found when it is freed") {
    Device device;
    int *words = device.allocate<int>(5);
    device.memory.clear();
    REQUIRE(device.launch("toy_write", 1, 1, Words{words, 5, 1}) == 0);
    REQUIRE(cuStreamSynchronize(device.stream) == 0);
    CHECK(cuMemFree_v2(reinterpret_cast<std::uint64_t>(words)) == illegal_address);
}

TEST_CASE("a kernel that waits for ever is ended") {
    setenv("PANOPTIM_VIRTUAL_TIMEOUT", "0", 1);
    Device device;
    int *words = device.upload(std::vector<int>{0});
    REQUIRE(device.launch("toy_forever", 2, 2, Words{words, 0, 0}) == 0);
    unsetenv("PANOPTIM_VIRTUAL_TIMEOUT");
    CHECK(cuStreamSynchronize(device.stream) == 702);
}

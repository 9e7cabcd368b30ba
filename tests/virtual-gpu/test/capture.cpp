// What may be called while a stream is captured.
#include <functional>
#include <thread>

#include "device.h"

namespace {

enum Mode { global, thread_local_mode, relaxed };

constexpr int unsupported = 900;
constexpr int invalidated = 901;
constexpr int implicit = 906;

struct Captured {
    int error;     // what the call answered with
    bool survived; // whether the capture gave a graph
};

// Makes a call while the device's stream is captured.
Captured capturing(const Device &device, int mode, const std::function<int()> &call) {
    REQUIRE(cuStreamBeginCapture_v2(device.stream, mode) == 0);
    const int error = call();
    int status = 0;
    REQUIRE(cuStreamIsCapturing(device.stream, &status) == 0);
    std::uint64_t graph = 0;
    const int end = cuStreamEndCapture(device.stream, &graph);
    CHECK(end == (status == 1 ? 0 : invalidated));
    if (end == 0) {
        REQUIRE(cuGraphDestroy(graph) == 0);
    }
    return {error, end == 0};
}

int elsewhere(const std::function<int()> &call) {
    int error = 0;
    std::thread([&] { error = call(); }).join();
    return error;
}

} // namespace

TEST_CASE("calls that allocate, load, wait or query are for relaxed captures alone") {
    const std::uint64_t words = 16;
    Device device;
    const auto memory = reinterpret_cast<std::uint64_t>(device.allocate<int>(words));
    std::uint64_t other = 0;
    std::uint64_t event = 0;
    REQUIRE(cuStreamCreate(&other, 1) == 0);
    REQUIRE(cuEventCreate(&event, 2) == 0);
    REQUIRE(cuEventRecord(event, other) == 0);
    std::uint64_t address = 0;
    std::uint64_t module = 0;
    void *pinned = nullptr;
    int word = 0;
    struct {
        std::string name;
        std::function<int()> call;
        std::function<int()> undo;
    } const calls[] = {
        {"cuMemAlloc", [&] { return cuMemAlloc_v2(&address, 4); },
         [&] { return cuMemFree_v2(address); }},
        {"cuMemHostAlloc", [&] { return cuMemHostAlloc(&pinned, 4, 0); },
         [&] { return cuMemFreeHost(pinned); }},
        {"cuModuleLoadData", [&] { return cuModuleLoadData(&module, "panoptim virtual kernels"); },
         [&] { return cuModuleUnload(module); }},
        {"cuMemcpyHtoD", [&] { return cuMemcpyHtoD_v2(memory, &word, 4); }, {}},
        {"cuMemcpyDtoH", [&] { return cuMemcpyDtoH_v2(&word, memory, 4); }, {}},
        {"cuMemsetD32", [&] { return cuMemsetD32_v2(memory, 0, words); }, {}},
        {"cuStreamSynchronize of another", [&] { return cuStreamSynchronize(other); }, {}},
        {"cuStreamQuery of another", [&] { return cuStreamQuery(other); }, {}},
        {"cuEventSynchronize", [&] { return cuEventSynchronize(event); }, {}},
        {"cuEventQuery", [&] { return cuEventQuery(event); }, {}},
    };
    for (const auto &[name, call, undo] : calls) {
        CAPTURE(name);
        for (const Mode mode : {global, thread_local_mode}) {
            CAPTURE(mode);
            const Captured refused = capturing(device, mode, call);
            CHECK(refused.error == unsupported);
            CHECK_FALSE(refused.survived);
        }
        const Captured allowed = capturing(device, relaxed, call);
        CHECK(allowed.error == 0);
        CHECK(allowed.survived);
        if (undo) {
            // Giving back is no safer than taking.
            const Captured refused = capturing(device, global, undo);
            CHECK(refused.error == unsupported);
            CHECK_FALSE(refused.survived);
            REQUIRE(undo() == 0);
        }
    }
    REQUIRE(cuEventDestroy_v2(event) == 0);
    REQUIRE(cuStreamDestroy_v2(other) == 0);
}

TEST_CASE("waiting for the stream or for its context ends any capture") {
    Device device;
    for (const Mode mode : {global, thread_local_mode, relaxed}) {
        CAPTURE(mode);
        for (const auto &call :
             {std::function<int()>([&] { return cuStreamSynchronize(device.stream); }),
              std::function<int()>([] { return cuCtxSynchronize(); })}) {
            const Captured refused = capturing(device, mode, call);
            CHECK(refused.error == unsupported);
            CHECK_FALSE(refused.survived);
        }
    }
}

TEST_CASE("a capture in global mode forbids other threads too") {
    Device device;
    std::uint64_t event = 0;
    REQUIRE(cuEventCreate(&event, 2) == 0);
    const auto query = [&] {
        return elsewhere([&] {
            REQUIRE(cuCtxSetCurrent(device.context) == 0);
            return cuEventQuery(event);
        });
    };
    const Captured refused = capturing(device, global, query);
    CHECK(refused.error == unsupported);
    CHECK_FALSE(refused.survived);
    for (const Mode mode : {thread_local_mode, relaxed}) {
        CAPTURE(mode);
        const Captured allowed = capturing(device, mode, query);
        CHECK(allowed.error == 0);
        CHECK(allowed.survived);
    }
    REQUIRE(cuEventDestroy_v2(event) == 0);
}

TEST_CASE("work that a stream takes without the host's waiting is captured in global mode") {
    Device device;
    int *words = device.upload(std::vector<int>{0, 0});
    int *pinned = nullptr;
    REQUIRE(cuMemHostAlloc(reinterpret_cast<void **>(&pinned), sizeof(int), 0) == 0);
    const Captured captured = capturing(device, global, [&] {
        const auto address = reinterpret_cast<std::uint64_t>(words);
        int status = 0;
        return cuCtxSetCurrent(device.context) | cuStreamIsCapturing(device.stream, &status) |
               cuMemcpyHtoDAsync_v2(address, pinned, sizeof(int), device.stream) |
               cuMemsetD32Async(address, 1, 1, device.stream) |
               device.launch("toy_add", 1, 1, Words{words, 0, 10});
    });
    CHECK(captured.error == 0);
    CHECK(captured.survived);
    REQUIRE(cuMemFreeHost(pinned) == 0);
}

TEST_CASE("the default stream cannot be used while a stream that waits for it is captured") {
    Device device;
    const auto address = reinterpret_cast<std::uint64_t>(device.allocate<int>(1));
    std::uint64_t blocking = 0;
    REQUIRE(cuStreamCreate(&blocking, 0) == 0);
    std::swap(blocking, device.stream);
    int status = 0;
    // To ask does no harm; to use it does.
    const Captured queried =
        capturing(device, relaxed, [&] { return cuStreamIsCapturing(0, &status); });
    CHECK(queried.error == implicit);
    CHECK(queried.survived);
    const Captured used =
        capturing(device, relaxed, [&] { return cuMemsetD32Async(address, 0, 1, 0); });
    CHECK(used.error == implicit);
    CHECK_FALSE(used.survived);
    std::swap(blocking, device.stream);
    REQUIRE(cuStreamDestroy_v2(blocking) == 0);
    const Captured apart =
        capturing(device, global, [&] { return cuStreamIsCapturing(0, &status); });
    CHECK(apart.error == 0);
    CHECK(apart.survived);
    CHECK(status == 0);
}

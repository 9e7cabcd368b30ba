// The driver's calls.
#include <cstdlib>
#include <cstring>

#include "device.h"

TEST_CASE("calls are checked") {
    Device device;
    std::uint64_t handle = 0;
    CHECK(cuModuleLoadData(&handle, "something else") == 200);
    CHECK(cuModuleGetFunction(&handle, device.module, "no_such_kernel") == 500);
    CHECK(cuStreamSynchronize(12345) == 400);
    CHECK(device.launch("toy_two_barriers", 1, 1025) == 1);
    CHECK(device.launch("toy_two_barriers", 0, 32) == 1);
    CHECK(device.launch("toy_early_end", 1, 1, Words{}, 50 * 1024) == 1);
    const auto address = reinterpret_cast<std::uint64_t>(device.allocate<int>(2));
    int words[4] = {};
    CHECK(cuMemcpyHtoD_v2(address, words, 12) == 1);
    CHECK(cuMemcpyHtoD_v2(address + 4, words, 4) == 0);
    CHECK(cuMemFree_v2(address + 4) == 1);
    std::uint64_t stream = 0;
    REQUIRE(cuStreamCreate(&stream, 1) == 0);
    REQUIRE(cuStreamDestroy_v2(stream) == 0);
    CHECK(cuStreamDestroy_v2(stream) == 400);
    CHECK(cuStreamSynchronize(stream) == 400);
    REQUIRE(cuCtxSetCurrent(0) == 0);
    CHECK(cuStreamSynchronize(device.stream) == 201);
    const char *name = nullptr;
    REQUIRE(cuGetErrorName(201, &name) == 0);
    CHECK(std::strcmp(name, "CUDA_ERROR_INVALID_CONTEXT") == 0);
}

TEST_CASE("parameters arrive packed, and in a buffer") {
    Device device;
    int *words = device.upload(std::vector<int>{0});
    char small = 7;
    Words argument{words, 0, 0};
    void *parameters[] = {&small, &argument};
    const std::uint64_t function = device.function("toy_two");
    REQUIRE(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, device.stream, parameters, nullptr) == 0);
    CHECK(device.download(words, 1)[0] == 7);
    struct {
        char first;
        Words second;
    } packed{9, argument};
    std::size_t bytes = sizeof packed;
    void *extra[] = {reinterpret_cast<void *>(1), &packed, reinterpret_cast<void *>(2), &bytes,
                     nullptr};
    REQUIRE(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, device.stream, nullptr, extra) == 0);
    CHECK(device.download(words, 1)[0] == 9);
    bytes = 4;
    CHECK(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, device.stream, nullptr, extra) == 1);
}

TEST_CASE("variables are found by name") {
    Device device;
    std::uint64_t address = 0;
    std::size_t bytes = 0;
    REQUIRE(cuModuleGetGlobal_v2(&address, &bytes, device.module, "toy_variable") == 0);
    CHECK(bytes == sizeof(int));
    CHECK(device.download(reinterpret_cast<const int *>(address), 1)[0] == 42);
}

TEST_CASE("a captured stream does its work when its graph is launched") {
    Device device;
    int *words = device.upload(std::vector<int>{0, 0});
    int *pinned = nullptr;
    REQUIRE(cuMemHostAlloc(reinterpret_cast<void **>(&pinned), sizeof(int), 0) == 0);
    *pinned = 1;
    REQUIRE(cuStreamBeginCapture_v2(device.stream, 2) == 0);
    int status = 0;
    REQUIRE(cuStreamIsCapturing(device.stream, &status) == 0);
    CHECK(status == 1);
    REQUIRE(cuMemcpyHtoDAsync_v2(reinterpret_cast<std::uint64_t>(words), pinned, sizeof(int),
                                 device.stream) == 0);
    REQUIRE(device.launch("toy_add", 1, 1, Words{words, 0, 10}) == 0);
    REQUIRE(device.launch("toy_add", 1, 1, Words{words, 1, 1}) == 0);
    std::uint64_t graph = 0;
    REQUIRE(cuStreamEndCapture(device.stream, &graph) == 0);
    CHECK(device.download(words, 2) == std::vector<int>{0, 0});
    std::uint64_t executable = 0;
    REQUIRE(cuGraphInstantiateWithFlags(&executable, graph, 0) == 0);
    REQUIRE(cuGraphDestroy(graph) == 0);
    for (int replay = 1; replay <= 3; ++replay) {
        *pinned = replay;
        REQUIRE(cuGraphLaunch(executable, device.stream) == 0);
        REQUIRE(cuStreamSynchronize(device.stream) == 0);
        CHECK(device.download(words, 2) == std::vector<int>{replay + 10, replay});
    }
    REQUIRE(cuGraphExecDestroy(executable) == 0);
    CHECK(cuGraphLaunch(executable, device.stream) == 1);
    REQUIRE(cuMemFreeHost(pinned) == 0);
}

TEST_CASE("waiting for a captured stream ends its capture with an error") {
    Device device;
    REQUIRE(cuStreamBeginCapture_v2(device.stream, 2) == 0);
    CHECK(cuStreamSynchronize(device.stream) == 900);
    std::uint64_t graph = 0;
    CHECK(cuStreamEndCapture(device.stream, &graph) == 901);
    CHECK(graph == 0);
    CHECK(cuStreamSynchronize(device.stream) == 0);
    // Unless the capture is relaxed, nothing may be allocated either.
    REQUIRE(cuStreamBeginCapture_v2(device.stream, 0) == 0);
    std::uint64_t address = 0;
    CHECK(cuMemAlloc_v2(&address, 4) == 900);
    CHECK(cuStreamEndCapture(device.stream, &graph) == 901);
}

TEST_CASE("a capture goes over to a stream that waits for it, and must be joined") {
    for (const bool joined : {true, false}) {
        CAPTURE(joined);
        Device device;
        int *words = device.upload(std::vector<int>{0});
        std::uint64_t other = 0;
        std::uint64_t event = 0;
        REQUIRE(cuStreamCreate(&other, 1) == 0);
        REQUIRE(cuEventCreate(&event, 2) == 0);
        REQUIRE(cuStreamBeginCapture_v2(device.stream, 2) == 0);
        REQUIRE(cuEventRecord(event, device.stream) == 0);
        CHECK(cuEventQuery(event) == 907);
        REQUIRE(cuStreamWaitEvent(other, event, 0) == 0);
        REQUIRE(cuMemsetD32Async(reinterpret_cast<std::uint64_t>(words), 5, 1, other) == 0);
        if (joined) {
            REQUIRE(cuEventRecord(event, other) == 0);
            REQUIRE(cuStreamWaitEvent(device.stream, event, 0) == 0);
        }
        std::uint64_t graph = 0;
        CHECK(cuStreamEndCapture(device.stream, &graph) == (joined ? 0 : 904));
        if (joined) {
            REQUIRE(cuGraphDestroy(graph) == 0);
        }
        CHECK(device.download(words, 1)[0] == 0);
        REQUIRE(cuEventDestroy_v2(event) == 0);
        REQUIRE(cuStreamDestroy_v2(other) == 0);
    }
}

TEST_CASE("deferred work waits until something waits for it") {
    setenv("PANOPTIM_VIRTUAL_ASYNC", "1", 1);
    {
        Device device;
        int *words = device.upload(std::vector<int>{0});
        int *pinned = nullptr;
        REQUIRE(cuMemHostAlloc(reinterpret_cast<void **>(&pinned), sizeof(int), 0) == 0);
        *pinned = 1;
        const auto address = reinterpret_cast<std::uint64_t>(words);
        // Pinned memory must stay as it is until the copy is done; pageable memory need not.
        REQUIRE(cuMemcpyHtoDAsync_v2(address, pinned, sizeof(int), device.stream) == 0);
        *pinned = 2;
        CHECK(cuStreamQuery(device.stream) == 600);
        CHECK(cuStreamQuery(device.stream) == 0);
        CHECK(device.download(words, 1)[0] == 2);
        int pageable = 3;
        REQUIRE(cuMemcpyHtoDAsync_v2(address, &pageable, sizeof(int), device.stream) == 0);
        pageable = 4;
        // A stream that does not wait for the default one is not awaited by its copies.
        CHECK(device.download(words, 1)[0] == 2);
        std::uint64_t event = 0;
        std::uint64_t other = 0;
        REQUIRE(cuEventCreate(&event, 2) == 0);
        REQUIRE(cuStreamCreate(&other, 1) == 0);
        REQUIRE(cuEventRecord(event, device.stream) == 0);
        REQUIRE(cuStreamWaitEvent(other, event, 0) == 0);
        REQUIRE(cuStreamSynchronize(other) == 0);
        CHECK(cuEventQuery(event) == 0);
        CHECK(device.download(words, 1)[0] == 3);
        REQUIRE(cuEventDestroy_v2(event) == 0);
        REQUIRE(cuStreamDestroy_v2(other) == 0);
        REQUIRE(cuMemFreeHost(pinned) == 0);
    }
    unsetenv("PANOPTIM_VIRTUAL_ASYNC");
}

TEST_CASE("injected errors are returned") {
    Device device;
    std::uint64_t address = 0;
    REQUIRE(panoptimVirtualFail("cuMemAlloc_v2", 2, 2) == 0);
    device.allocate<int>(1);
    CHECK(cuMemAlloc_v2(&address, 4) == 2);
    device.allocate<int>(1);
    REQUIRE(panoptimVirtualFail("cuLaunchKernel", 701, 1) == 0);
    CHECK(device.launch("toy_two_barriers", 1, 32) == 701);
    CHECK(cuStreamSynchronize(device.stream) == 0);
    // An error of the kind that stays stays.
    REQUIRE(panoptimVirtualFail("cuStreamSynchronize", 700, 1) == 0);
    CHECK(cuStreamSynchronize(device.stream) == 700);
    CHECK(cuStreamSynchronize(device.stream) == 700);
}

TEST_CASE("version, devices and memory are as the environment says") {
    int value = 0;
    REQUIRE(cuDriverGetVersion(&value) == 0);
    CHECK(value == 13000);
    setenv("PANOPTIM_VIRTUAL_DRIVER_VERSION", "12060", 1);
    REQUIRE(cuDriverGetVersion(&value) == 0);
    CHECK(value == 12060);
    unsetenv("PANOPTIM_VIRTUAL_DRIVER_VERSION");
    setenv("PANOPTIM_VIRTUAL_DEVICES", "0", 1);
    CHECK(cuInit(0) == 100);
    unsetenv("PANOPTIM_VIRTUAL_DEVICES");
    Device device;
    setenv("PANOPTIM_VIRTUAL_MEMORY", "1000", 1);
    std::uint64_t address = 0;
    CHECK(cuMemAlloc_v2(&address, 1001) == 2);
    CHECK(device.allocate<char>(1000) != nullptr);
    CHECK(cuMemAlloc_v2(&address, 1) == 2);
    unsetenv("PANOPTIM_VIRTUAL_MEMORY");
    char name[64];
    REQUIRE(cuDeviceGetName(name, sizeof name, 0) == 0);
    CHECK(std::strcmp(name, "Panoptim virtual GPU") == 0);
}

TEST_CASE("a driver takes images of its own version and of older ones") {
    Device device;
    struct {
        int version;
        std::string image;
        int error;
    } const cases[] = {
        {13000, "\x50\xed\x55\xba and so on", 0},
        {12090, "\x50\xed\x55\xba and so on", 209},
        {13000, "\177ELF and so on", 0},
        {12090, "\177ELF and so on", 209},
        {13000, "// a comment\n.version 9.0\n.target sm_80\n", 0},
        {12090, ".version 9.0\n", 222},
        {12090, ".version 8.8\n", 0},
        {12060, ".version 8.6\n", 222},
        {12060, ".version 8.5\n", 0},
        {12000, ".version 8.0\n", 0},
        {11080, ".version 8.0\n", 222},
        {11080, ".version 7.8\n", 0},
        {12000, "# .version 8.0\n", 200},
        {12000, "panoptim virtual kernels", 0},
    };
    for (const auto &[version, image, error] : cases) {
        CAPTURE(version);
        CAPTURE(image);
        REQUIRE(panoptimVirtualVersion(version) == 0);
        int served = 0;
        CHECK(cuDriverGetVersion(&served) == 0);
        CHECK(served == version);
        std::uint64_t module = 0;
        CHECK(cuModuleLoadData(&module, image.c_str()) == error);
        if (error == 0) {
            REQUIRE(cuModuleUnload(module) == 0);
        }
    }
    REQUIRE(panoptimVirtualVersion(0) == 0);
}

TEST_CASE("what is not given back is counted") {
    const long long before = panoptimVirtualLive(nullptr);
    {
        Device device;
        device.allocate<int>(1);
        CHECK(panoptimVirtualLive(nullptr) == before + 4);
        CHECK(panoptimVirtualLive("allocations") >= 1);
    }
    CHECK(panoptimVirtualLive(nullptr) == before);
    {
        Device device;
        device.allocate<int>(1);
        device.memory.clear();
    }
    CHECK(panoptimVirtualLive(nullptr) == before + 1);
}

TEST_CASE("kernels can be left out") {
    Device device;
    int *words = device.upload(std::vector<int>{0});
    REQUIRE(panoptimVirtualEmpty(1) == 0);
    CHECK(device.launch("toy_add", 1, 1, Words{words, 0, 1}) == 0);
    REQUIRE(panoptimVirtualEmpty(0) == 0);
    CHECK(device.download(words, 1)[0] == 0);
    CHECK(device.launch("toy_add", 1, 1, Words{words, 0, 1}) == 0);
    CHECK(device.download(words, 1)[0] == 1);
}

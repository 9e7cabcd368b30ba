// A context, a stream and memory on the virtual GPU, for tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <string>
#include <vector>

extern "C" {
int cuInit(unsigned);
int cuDriverGetVersion(int *);
int cuDeviceGetCount(int *);
int cuDeviceGetName(char *, int, int);
int cuDevicePrimaryCtxRetain(std::uint64_t *, int);
int cuDevicePrimaryCtxRelease_v2(int);
int cuCtxSetCurrent(std::uint64_t);
int cuCtxSynchronize();
int cuGetErrorName(int, const char **);
int cuModuleLoadData(std::uint64_t *, const void *);
int cuModuleUnload(std::uint64_t);
int cuModuleGetFunction(std::uint64_t *, std::uint64_t, const char *);
int cuModuleGetGlobal_v2(std::uint64_t *, std::size_t *, std::uint64_t, const char *);
int cuStreamCreate(std::uint64_t *, unsigned);
int cuStreamDestroy_v2(std::uint64_t);
int cuStreamSynchronize(std::uint64_t);
int cuStreamQuery(std::uint64_t);
int cuStreamWaitEvent(std::uint64_t, std::uint64_t, unsigned);
int cuStreamBeginCapture_v2(std::uint64_t, int);
int cuStreamEndCapture(std::uint64_t, std::uint64_t *);
int cuStreamIsCapturing(std::uint64_t, int *);
int cuEventCreate(std::uint64_t *, unsigned);
int cuEventRecord(std::uint64_t, std::uint64_t);
int cuEventQuery(std::uint64_t);
int cuEventSynchronize(std::uint64_t);
int cuEventDestroy_v2(std::uint64_t);
int cuGraphInstantiateWithFlags(std::uint64_t *, std::uint64_t, unsigned long long);
int cuGraphLaunch(std::uint64_t, std::uint64_t);
int cuGraphDestroy(std::uint64_t);
int cuGraphExecDestroy(std::uint64_t);
int cuMemAlloc_v2(std::uint64_t *, std::size_t);
int cuMemFree_v2(std::uint64_t);
int cuMemAllocAsync(std::uint64_t *, std::size_t, std::uint64_t);
int cuMemHostAlloc(void **, std::size_t, unsigned);
int cuMemFreeHost(void *);
int cuMemcpyHtoD_v2(std::uint64_t, const void *, std::size_t);
int cuMemcpyDtoH_v2(void *, std::uint64_t, std::size_t);
int cuMemsetD32_v2(std::uint64_t, unsigned, std::size_t);
int cuMemcpyHtoDAsync_v2(std::uint64_t, const void *, std::size_t, std::uint64_t);
int cuMemsetD32Async(std::uint64_t, unsigned, std::size_t, std::uint64_t);
int cuLaunchKernel(std::uint64_t, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                   unsigned, std::uint64_t, void **, void **);
int panoptimVirtualFail(const char *, int, int);
long long panoptimVirtualLive(const char *);
int panoptimVirtualOrder(const char *);
int panoptimVirtualEmpty(int);
int panoptimVirtualVersion(int);
}

struct Device {
    std::uint64_t context = 0;
    std::uint64_t module = 0;
    std::uint64_t stream = 0;
    std::vector<std::uint64_t> memory;

    Device() {
        REQUIRE(cuInit(0) == 0);
        REQUIRE(cuDevicePrimaryCtxRetain(&context, 0) == 0);
        REQUIRE(cuCtxSetCurrent(context) == 0);
        REQUIRE(cuModuleLoadData(&module, "panoptim virtual kernels") == 0);
        REQUIRE(cuStreamCreate(&stream, 1) == 0);
    }

    Device(const Device &) = delete;
    Device &operator=(const Device &) = delete;

    ~Device() {
        for (const std::uint64_t address : memory) {
            cuMemFree_v2(address);
        }
        cuStreamDestroy_v2(stream);
        cuModuleUnload(module);
        cuDevicePrimaryCtxRelease_v2(0);
        panoptimVirtualFail(nullptr, 0, 0);
        panoptimVirtualOrder(nullptr);
    }

    template <typename T>
    T *allocate(std::size_t elements) {
        std::uint64_t address = 0;
        REQUIRE(cuMemAlloc_v2(&address, elements * sizeof(T)) == 0);
        memory.push_back(address);
        return reinterpret_cast<T *>(address);
    }

    template <typename T>
    T *upload(const std::vector<T> &values) {
        T *to = allocate<T>(values.size());
        REQUIRE(cuMemcpyHtoD_v2(reinterpret_cast<std::uint64_t>(to), values.data(),
                                values.size() * sizeof(T)) == 0);
        return to;
    }

    template <typename T>
    std::vector<T> download(const T *from, std::size_t elements) {
        std::vector<T> values(elements);
        REQUIRE(cuMemcpyDtoH_v2(values.data(), reinterpret_cast<std::uint64_t>(from),
                                elements * sizeof(T)) == 0);
        return values;
    }

    std::uint64_t function(const char *name) const {
        std::uint64_t handle = 0;
        REQUIRE(cuModuleGetFunction(&handle, module, name) == 0);
        return handle;
    }

    template <typename Argument>
    int launch(const char *name, unsigned blocks, unsigned threads, Argument argument,
               unsigned shared = 0) {
        void *arguments[] = {&argument};
        return cuLaunchKernel(function(name), blocks, 1, 1, threads, 1, 1, shared, stream,
                              arguments, nullptr);
    }

    int launch(const char *name, unsigned blocks, unsigned threads) {
        return cuLaunchKernel(function(name), blocks, 1, 1, threads, 1, 1, 0, stream, nullptr,
                              nullptr);
    }
};

struct Words {
    int *words;
    long long index;
    int value;
};

constexpr const char *orders[] = {"forward", "reverse", "random:1", "random:2"};
constexpr int illegal_address = 700;
constexpr int misaligned_address = 716;
constexpr int launch_failed = 719;

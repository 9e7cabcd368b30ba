package org.panoptim.cuda.driver;

import static org.panoptim.cuda.driver.FfmStatus.check;
import static org.panoptim.cuda.driver.FfmStatus.failure;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.panoptim.cuda.driver.bindings.LibCuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * CUDA's driver through jextract's bindings. What {@code step()} uses goes through {@link
 * FfmHotCalls} and makes no objects.
 */
final class FfmCudaDriver implements CudaDriver {

    private static final int NAME_BYTES = 256;

    private final Scratch scratch = new Scratch();

    @Override
    public String name() {
        return "FFM";
    }

    @Override
    public int version() {
        try (var arena = Arena.ofConfined()) {
            var version = arena.allocate(JAVA_INT);
            check(DriverCalls.call("cuDriverGetVersion", version.address()), "cuDriverGetVersion");
            return version.get(JAVA_INT, 0);
        }
    }

    @Override
    public int deviceCount() {
        check(DriverCalls.call("cuInit", 0), "cuInit");
        try (var arena = Arena.ofConfined()) {
            var count = arena.allocate(JAVA_INT);
            check(DriverCalls.call("cuDeviceGetCount", count.address()), "cuDeviceGetCount");
            return count.get(JAVA_INT, 0);
        }
    }

    @Override
    public String deviceName(int device) {
        try (var arena = Arena.ofConfined()) {
            var name = arena.allocate(NAME_BYTES);
            check(
                    DriverCalls.call(
                            "cuDeviceGetName", name.address(), NAME_BYTES, handleOf(device, arena)),
                    "cuDeviceGetName");
            return name.getString(0);
        }
    }

    @Override
    public int deviceAttribute(int attribute, int device) {
        try (var arena = Arena.ofConfined()) {
            var value = arena.allocate(JAVA_INT);
            check(
                    DriverCalls.call(
                            "cuDeviceGetAttribute",
                            value.address(),
                            attribute,
                            handleOf(device, arena)),
                    "cuDeviceGetAttribute");
            return value.get(JAVA_INT, 0);
        }
    }

    @Override
    public long deviceMemory(int device) {
        try (var arena = Arena.ofConfined()) {
            var bytes = arena.allocate(JAVA_LONG);
            check(
                    DriverCalls.call(
                            "cuDeviceTotalMem_v2", bytes.address(), handleOf(device, arena)),
                    "cuDeviceTotalMem");
            return bytes.get(JAVA_LONG, 0);
        }
    }

    @Override
    public long retainPrimaryContext(int device) {
        try (var arena = Arena.ofConfined()) {
            var context = arena.allocate(JAVA_LONG);
            check(
                    DriverCalls.call(
                            "cuDevicePrimaryCtxRetain", context.address(), handleOf(device, arena)),
                    "cuDevicePrimaryCtxRetain");
            return context.get(JAVA_LONG, 0);
        }
    }

    @Override
    public void releasePrimaryContext(int device) {
        try (var arena = Arena.ofConfined()) {
            check(
                    DriverCalls.call("cuDevicePrimaryCtxRelease_v2", handleOf(device, arena)),
                    "cuDevicePrimaryCtxRelease");
        }
    }

    @Override
    public void setContext(long context) {
        check(FfmHotCalls.setContext(context), "cuCtxSetCurrent");
    }

    @Override
    public long loadModule(MemorySegment image) {
        try (var arena = Arena.ofConfined()) {
            var module = arena.allocate(JAVA_LONG);
            check(
                    DriverCalls.call("cuModuleLoadData", module.address(), image.address()),
                    "cuModuleLoadData");
            return module.get(JAVA_LONG, 0);
        } finally {
            Reference.reachabilityFence(image);
        }
    }

    @Override
    public void unloadModule(long module) {
        check(DriverCalls.call("cuModuleUnload", module), "cuModuleUnload");
    }

    @Override
    public long function(long module, String name) {
        try (var arena = Arena.ofConfined()) {
            var function = arena.allocate(JAVA_LONG);
            check(
                    DriverCalls.call(
                            "cuModuleGetFunction",
                            function.address(),
                            module,
                            arena.allocateFrom(name).address()),
                    "cuModuleGetFunction",
                    name);
            return function.get(JAVA_LONG, 0);
        }
    }

    @Override
    public long global(long module, String name) {
        try (var arena = Arena.ofConfined()) {
            var address = arena.allocate(JAVA_LONG);
            var bytes = arena.allocate(JAVA_LONG);
            check(
                    DriverCalls.call(
                            "cuModuleGetGlobal_v2",
                            address.address(),
                            bytes.address(),
                            module,
                            arena.allocateFrom(name).address()),
                    "cuModuleGetGlobal",
                    name);
            return address.get(JAVA_LONG, 0);
        }
    }

    @Override
    public int functionAttribute(int attribute, long function) {
        try (var arena = Arena.ofConfined()) {
            var value = arena.allocate(JAVA_INT);
            check(
                    DriverCalls.call("cuFuncGetAttribute", value.address(), attribute, function),
                    "cuFuncGetAttribute");
            return value.get(JAVA_INT, 0);
        }
    }

    @Override
    public void functionAttribute(int attribute, long function, int value) {
        check(
                DriverCalls.call("cuFuncSetAttribute", function, attribute, value),
                "cuFuncSetAttribute");
    }

    @Override
    public int occupancy(long function, int threads, long sharedBytes) {
        try (var arena = Arena.ofConfined()) {
            var blocks = arena.allocate(JAVA_INT);
            check(
                    DriverCalls.call(
                            "cuOccupancyMaxActiveBlocksPerMultiprocessor",
                            blocks.address(),
                            function,
                            threads,
                            sharedBytes),
                    "cuOccupancyMaxActiveBlocksPerMultiprocessor");
            return blocks.get(JAVA_INT, 0);
        }
    }

    @Override
    public long createStream() {
        try (var arena = Arena.ofConfined()) {
            var stream = arena.allocate(JAVA_LONG);
            check(
                    DriverCalls.call(
                            "cuStreamCreate", stream.address(), LibCuda.CU_STREAM_NON_BLOCKING()),
                    "cuStreamCreate");
            return stream.get(JAVA_LONG, 0);
        }
    }

    @Override
    public void destroyStream(long stream) {
        check(DriverCalls.call("cuStreamDestroy_v2", stream), "cuStreamDestroy");
    }

    @Override
    public void synchronizeStream(long stream) {
        check(DriverCalls.call("cuStreamSynchronize", stream), "cuStreamSynchronize");
    }

    @Override
    public boolean isCapturing(long stream) {
        int piece = scratch.acquire();
        try {
            var status = scratch.at(piece);
            check(FfmHotCalls.isCapturing(stream, status.address()), "cuStreamIsCapturing");
            return status.get(JAVA_INT, 0) != LibCuda.CU_STREAM_CAPTURE_STATUS_NONE();
        } finally {
            scratch.release(piece);
        }
    }

    @Override
    public long createEvent() {
        return createEvent(LibCuda.CU_EVENT_DISABLE_TIMING());
    }

    @Override
    public long createTimedEvent() {
        return createEvent(LibCuda.CU_EVENT_DEFAULT());
    }

    private static long createEvent(int flags) {
        try (var arena = Arena.ofConfined()) {
            var event = arena.allocate(JAVA_LONG);
            check(DriverCalls.call("cuEventCreate", event.address(), flags), "cuEventCreate");
            return event.get(JAVA_LONG, 0);
        }
    }

    @Override
    public float elapsedMilliseconds(long from, long to) {
        try (var arena = Arena.ofConfined()) {
            var milliseconds = arena.allocate(JAVA_FLOAT);
            // By its first name, which drivers of every version have. The header maps it to
            // cuEventElapsedTime_v2 of CUDA 12.8, with the same arguments, so that there is no
            // binding of it.
            check(
                    DriverCalls.call("cuEventElapsedTime", milliseconds.address(), from, to),
                    "cuEventElapsedTime");
            return milliseconds.get(JAVA_FLOAT, 0);
        }
    }

    @Override
    public void destroyEvent(long event) {
        check(DriverCalls.call("cuEventDestroy_v2", event), "cuEventDestroy");
    }

    @Override
    public void recordEvent(long event, long stream) {
        check(FfmHotCalls.recordEvent(event, stream), "cuEventRecord");
    }

    @Override
    public boolean isDone(long event) {
        int status = FfmHotCalls.queryEvent(event);
        if (status == LibCuda.CUDA_ERROR_NOT_READY()) {
            return false;
        }
        check(status, "cuEventQuery");
        return true;
    }

    @Override
    public void synchronizeEvent(long event) {
        check(FfmHotCalls.synchronizeEvent(event), "cuEventSynchronize");
    }

    @Override
    public void waitFor(long event, long stream) {
        check(FfmHotCalls.waitFor(stream, event), "cuStreamWaitEvent");
    }

    @Override
    public long allocate(long bytes, long stream) {
        try (var arena = Arena.ofConfined()) {
            var address = arena.allocate(JAVA_LONG);
            if (pools(arena)) {
                check(
                        DriverCalls.call("cuMemAllocAsync", address.address(), bytes, stream),
                        "cuMemAllocAsync",
                        bytes);
            } else {
                check(
                        DriverCalls.call("cuMemAlloc_v2", address.address(), bytes),
                        "cuMemAlloc",
                        bytes);
            }
            return address.get(JAVA_LONG, 0);
        }
    }

    @Override
    public void free(long address, long stream) {
        try (var arena = Arena.ofConfined()) {
            if (pools(arena)) {
                check(DriverCalls.call("cuMemFreeAsync", address, stream), "cuMemFreeAsync");
            } else {
                synchronizeStream(stream);
                check(DriverCalls.call("cuMemFree_v2", address), "cuMemFree");
            }
        }
    }

    @Override
    public long allocatePinned(long bytes) {
        try (var arena = Arena.ofConfined()) {
            var address = arena.allocate(JAVA_LONG);
            int flags = LibCuda.CU_MEMHOSTALLOC_PORTABLE() | LibCuda.CU_MEMHOSTALLOC_DEVICEMAP();
            check(
                    DriverCalls.call("cuMemHostAlloc", address.address(), bytes, flags),
                    "cuMemHostAlloc",
                    bytes);
            return address.get(JAVA_LONG, 0);
        }
    }

    @Override
    public long devicePointer(long pinned) {
        try (var arena = Arena.ofConfined()) {
            var address = arena.allocate(JAVA_LONG);
            check(
                    DriverCalls.call("cuMemHostGetDevicePointer_v2", address.address(), pinned, 0),
                    "cuMemHostGetDevicePointer");
            return address.get(JAVA_LONG, 0);
        }
    }

    @Override
    public void freePinned(long pinned) {
        check(DriverCalls.call("cuMemFreeHost", pinned), "cuMemFreeHost");
    }

    @Override
    public void copyToDevice(long device, long host, long bytes, long stream) {
        check(FfmHotCalls.copyToDevice(device, host, bytes, stream), "cuMemcpyHtoDAsync", bytes);
    }

    @Override
    public void copyToHost(long host, long device, long bytes, long stream) {
        check(FfmHotCalls.copyToHost(host, device, bytes, stream), "cuMemcpyDtoHAsync", bytes);
    }

    @Override
    public void copyOnDevice(long to, long from, long bytes, long stream) {
        check(FfmHotCalls.copyOnDevice(to, from, bytes, stream), "cuMemcpyDtoDAsync", bytes);
    }

    @Override
    public void fill(long address, int word, long words, long stream) {
        check(FfmHotCalls.fill(address, word, words, stream), "cuMemsetD32Async", 4 * words);
    }

    @Override
    public void launch(
            long function,
            String kernel,
            int blocks,
            int threads,
            int sharedBytes,
            long stream,
            MemorySegment argument) {
        int piece = scratch.acquire();
        int status;
        try {
            var parameters = scratch.at(piece);
            parameters.set(JAVA_LONG, 0, argument.address());
            status =
                    FfmHotCalls.launch(
                            function, blocks, threads, sharedBytes, stream, parameters.address());
        } finally {
            scratch.release(piece);
            Reference.reachabilityFence(argument);
        }
        if (status != LibCuda.CUDA_SUCCESS()) {
            throw failure(status, CudaCalls.launch(kernel, blocks, threads, sharedBytes));
        }
    }

    @Override
    public void beginCapture(long stream) {
        check(
                DriverCalls.call(
                        "cuStreamBeginCapture_v2",
                        stream,
                        LibCuda.CU_STREAM_CAPTURE_MODE_RELAXED()),
                "cuStreamBeginCapture");
    }

    @Override
    public long endCapture(long stream) {
        try (var arena = Arena.ofConfined()) {
            var graph = arena.allocate(JAVA_LONG);
            check(
                    DriverCalls.call("cuStreamEndCapture", stream, graph.address()),
                    "cuStreamEndCapture");
            return graph.get(JAVA_LONG, 0);
        }
    }

    @Override
    public long instantiate(long graph) {
        try (var arena = Arena.ofConfined()) {
            var executable = arena.allocate(JAVA_LONG);
            check(
                    DriverCalls.call("cuGraphInstantiateWithFlags", executable.address(), graph, 0),
                    "cuGraphInstantiate");
            return executable.get(JAVA_LONG, 0);
        }
    }

    @Override
    public void launchGraph(long executable, long stream) {
        check(FfmHotCalls.launchGraph(executable, stream), "cuGraphLaunch");
    }

    @Override
    public void destroyGraph(long graph) {
        check(DriverCalls.call("cuGraphDestroy", graph), "cuGraphDestroy");
    }

    @Override
    public void destroyExecutableGraph(long executable) {
        check(DriverCalls.call("cuGraphExecDestroy", executable), "cuGraphExecDestroy");
    }

    private static int handleOf(int device, Arena arena) {
        var handle = arena.allocate(JAVA_INT);
        check(DriverCalls.call("cuDeviceGet", handle.address(), device), "cuDeviceGet");
        return handle.get(JAVA_INT, 0);
    }

    /** Whether the current context's device has stream-ordered memory. */
    private static boolean pools(Arena arena) {
        var device = arena.allocate(JAVA_INT);
        check(DriverCalls.call("cuCtxGetDevice", device.address()), "cuCtxGetDevice");
        var supported = arena.allocate(JAVA_INT);
        check(
                DriverCalls.call(
                        "cuDeviceGetAttribute",
                        supported.address(),
                        LibCuda.CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED(),
                        device.get(JAVA_INT, 0)),
                "cuDeviceGetAttribute");
        return supported.get(JAVA_INT, 0) != 0;
    }
}

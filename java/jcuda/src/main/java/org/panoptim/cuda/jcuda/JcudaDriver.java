package org.panoptim.cuda.jcuda;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUfunction;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

import org.jspecify.annotations.Nullable;
import org.panoptim.cuda.driver.CudaCalls;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.CudaException;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.function.IntSupplier;

/**
 * CUDA's driver through JCuda. What {@code step()} uses goes through {@link JcudaHotCalls} and
 * makes no objects.
 */
final class JcudaDriver implements CudaDriver {

    static final String VERSION = "12.6.0";

    private static final int NAME_BYTES = 256;

    private final JcudaHotCalls calls = new JcudaHotCalls();

    @Override
    public String name() {
        return "JCuda " + VERSION;
    }

    @Override
    public int version() {
        var version = new int[1];
        check("cuDriverGetVersion", () -> JCudaDriver.cuDriverGetVersion(version));
        return version[0];
    }

    @Override
    public int deviceCount() {
        check("cuInit", () -> JCudaDriver.cuInit(0));
        var count = new int[1];
        check("cuDeviceGetCount", () -> JCudaDriver.cuDeviceGetCount(count));
        return count[0];
    }

    @Override
    public String deviceName(int device) {
        var name = new byte[NAME_BYTES];
        var handle = device(device);
        check("cuDeviceGetName", () -> JCudaDriver.cuDeviceGetName(name, NAME_BYTES, handle));
        int length = 0;
        while (length < name.length && name[length] != 0) {
            length++;
        }
        return new String(name, 0, length, StandardCharsets.UTF_8);
    }

    @Override
    public int deviceAttribute(int attribute, int device) {
        var value = new int[1];
        var handle = device(device);
        check(
                "cuDeviceGetAttribute",
                () -> JCudaDriver.cuDeviceGetAttribute(value, attribute, handle));
        return value[0];
    }

    @Override
    public long deviceMemory(int device) {
        var bytes = new long[1];
        var handle = device(device);
        check("cuDeviceTotalMem", () -> JCudaDriver.cuDeviceTotalMem(bytes, handle));
        return bytes[0];
    }

    @Override
    public long retainPrimaryContext(int device) {
        var context = new CUcontext();
        var handle = device(device);
        check(
                "cuDevicePrimaryCtxRetain",
                () -> JCudaDriver.cuDevicePrimaryCtxRetain(context, handle));
        return Handles.get(context);
    }

    @Override
    public void releasePrimaryContext(int device) {
        var handle = device(device);
        check("cuDevicePrimaryCtxRelease", () -> JCudaDriver.cuDevicePrimaryCtxRelease(handle));
    }

    @Override
    public void setContext(long context) {
        check("cuCtxSetCurrent", calls.setContext(context));
    }

    @Override
    public long loadModule(MemorySegment image) {
        var module = new CUmodule();
        var bytes = image.toArray(JAVA_BYTE);
        check("cuModuleLoadData", () -> JCudaDriver.cuModuleLoadData(module, bytes));
        return Handles.get(module);
    }

    @Override
    public void unloadModule(long module) {
        var handle = Handles.set(new CUmodule(), module);
        check("cuModuleUnload", () -> JCudaDriver.cuModuleUnload(handle));
    }

    @Override
    public long function(long module, String name) {
        var function = new CUfunction();
        var handle = Handles.set(new CUmodule(), module);
        check(
                CudaCalls.named("cuModuleGetFunction", name),
                () -> JCudaDriver.cuModuleGetFunction(function, handle, name));
        return Handles.get(function);
    }

    @Override
    public long global(long module, String name) {
        var address = new CUdeviceptr();
        var handle = Handles.set(new CUmodule(), module);
        check(
                CudaCalls.named("cuModuleGetGlobal", name),
                () -> JCudaDriver.cuModuleGetGlobal(address, new long[1], handle, name));
        return Handles.get(address);
    }

    @Override
    public int functionAttribute(int attribute, long function) {
        var value = new int[1];
        var handle = Handles.set(new CUfunction(), function);
        check("cuFuncGetAttribute", () -> JCudaDriver.cuFuncGetAttribute(value, attribute, handle));
        return value[0];
    }

    @Override
    public void functionAttribute(int attribute, long function, int value) {
        var handle = Handles.set(new CUfunction(), function);
        check("cuFuncSetAttribute", () -> JCudaDriver.cuFuncSetAttribute(handle, attribute, value));
    }

    @Override
    public int occupancy(long function, int threads, long sharedBytes) {
        var blocks = new int[1];
        var handle = Handles.set(new CUfunction(), function);
        check(
                "cuOccupancyMaxActiveBlocksPerMultiprocessor",
                () ->
                        JCudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor(
                                blocks, handle, threads, sharedBytes));
        return blocks[0];
    }

    @Override
    public long createStream() {
        var stream = new CUstream();
        check(
                "cuStreamCreate",
                () -> JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
        return Handles.get(stream);
    }

    @Override
    public void destroyStream(long stream) {
        check("cuStreamDestroy", () -> JCudaDriver.cuStreamDestroy(stream(stream)));
    }

    @Override
    public void synchronizeStream(long stream) {
        check("cuStreamSynchronize", () -> JCudaDriver.cuStreamSynchronize(stream(stream)));
    }

    @Override
    public boolean isCapturing(long stream) {
        int code = calls.isCapturing(stream);
        if (code == JcudaHotCalls.CAPTURING) {
            return true;
        }
        check("cuStreamIsCapturing", code);
        return false;
    }

    @Override
    public long createEvent() {
        return createEvent(CUevent_flags.CU_EVENT_DISABLE_TIMING);
    }

    @Override
    public long createTimedEvent() {
        return createEvent(CUevent_flags.CU_EVENT_DEFAULT);
    }

    private static long createEvent(int flags) {
        var event = new CUevent();
        check("cuEventCreate", () -> JCudaDriver.cuEventCreate(event, flags));
        return Handles.get(event);
    }

    @Override
    public float elapsedMilliseconds(long from, long to) {
        var milliseconds = new float[1];
        var first = Handles.set(new CUevent(), from);
        var last = Handles.set(new CUevent(), to);
        check(
                "cuEventElapsedTime",
                () -> JCudaDriver.cuEventElapsedTime(milliseconds, first, last));
        return milliseconds[0];
    }

    @Override
    public void destroyEvent(long event) {
        var handle = Handles.set(new CUevent(), event);
        check("cuEventDestroy", () -> JCudaDriver.cuEventDestroy(handle));
    }

    @Override
    public void recordEvent(long event, long stream) {
        check("cuEventRecord", calls.recordEvent(event, stream));
    }

    @Override
    public boolean isDone(long event) {
        int code = calls.queryEvent(event);
        if (code == CUresult.CUDA_ERROR_NOT_READY) {
            return false;
        }
        check("cuEventQuery", code);
        return true;
    }

    @Override
    public void synchronizeEvent(long event) {
        check("cuEventSynchronize", calls.synchronizeEvent(event));
    }

    @Override
    public void waitFor(long event, long stream) {
        check("cuStreamWaitEvent", calls.waitFor(stream, event));
    }

    @Override
    public long allocate(long bytes, long stream) {
        var address = new CUdeviceptr();
        if (pools()) {
            check(
                    CudaCalls.sized("cuMemAllocAsync", bytes),
                    () -> JCudaDriver.cuMemAllocAsync(address, bytes, stream(stream)));
        } else {
            check(
                    CudaCalls.sized("cuMemAlloc", bytes),
                    () -> JCudaDriver.cuMemAlloc(address, bytes));
        }
        return Handles.get(address);
    }

    @Override
    public void free(long address, long stream) {
        var handle = Handles.set(new CUdeviceptr(), address);
        if (pools()) {
            check("cuMemFreeAsync", () -> JCudaDriver.cuMemFreeAsync(handle, stream(stream)));
        } else {
            synchronizeStream(stream);
            check("cuMemFree", () -> JCudaDriver.cuMemFree(handle));
        }
    }

    @Override
    public long allocatePinned(long bytes) {
        var address = new Pointer();
        check(
                CudaCalls.sized("cuMemHostAlloc", bytes),
                () ->
                        JCudaDriver.cuMemHostAlloc(
                                address,
                                bytes,
                                JCudaDriver.CU_MEMHOSTALLOC_PORTABLE
                                        | JCudaDriver.CU_MEMHOSTALLOC_DEVICEMAP));
        return Handles.get(address);
    }

    @Override
    public long devicePointer(long pinned) {
        var address = new CUdeviceptr();
        var host = Handles.set(new Pointer(), pinned);
        check(
                "cuMemHostGetDevicePointer",
                () -> JCudaDriver.cuMemHostGetDevicePointer(address, host, 0));
        return Handles.get(address);
    }

    @Override
    public void freePinned(long pinned) {
        var host = Handles.set(new Pointer(), pinned);
        check("cuMemFreeHost", () -> JCudaDriver.cuMemFreeHost(host));
    }

    @Override
    public void copyToDevice(long device, long host, long bytes, long stream) {
        check("cuMemcpyHtoDAsync", bytes, calls.copyToDevice(device, host, bytes, stream));
    }

    @Override
    public void copyToHost(long host, long device, long bytes, long stream) {
        check("cuMemcpyDtoHAsync", bytes, calls.copyToHost(host, device, bytes, stream));
    }

    @Override
    public void copyOnDevice(long to, long from, long bytes, long stream) {
        check("cuMemcpyDtoDAsync", bytes, calls.copyOnDevice(to, from, bytes, stream));
    }

    @Override
    public void fill(long address, int word, long words, long stream) {
        check("cuMemsetD32Async", 4 * words, calls.fill(address, word, words, stream));
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
        int code = calls.launch(function, blocks, threads, sharedBytes, stream, argument);
        if (code != CUresult.CUDA_SUCCESS) {
            throw failure(CudaCalls.launch(kernel, blocks, threads, sharedBytes), code);
        }
    }

    @Override
    public void beginCapture(long stream) {
        check(
                "cuStreamBeginCapture",
                () ->
                        JCudaDriver.cuStreamBeginCapture(
                                stream(stream),
                                CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED));
    }

    @Override
    public long endCapture(long stream) {
        var graph = new CUgraph();
        check("cuStreamEndCapture", () -> JCudaDriver.cuStreamEndCapture(stream(stream), graph));
        return Handles.get(graph);
    }

    @Override
    public long instantiate(long graph) {
        var executable = new CUgraphExec();
        var handle = Handles.set(new CUgraph(), graph);
        check("cuGraphInstantiate", () -> JCudaDriver.cuGraphInstantiate(executable, handle, 0));
        return Handles.get(executable);
    }

    @Override
    public void launchGraph(long executable, long stream) {
        check("cuGraphLaunch", calls.launchGraph(executable, stream));
    }

    @Override
    public void destroyGraph(long graph) {
        var handle = Handles.set(new CUgraph(), graph);
        check("cuGraphDestroy", () -> JCudaDriver.cuGraphDestroy(handle));
    }

    @Override
    public void destroyExecutableGraph(long executable) {
        var handle = Handles.set(new CUgraphExec(), executable);
        check("cuGraphExecDestroy", () -> JCudaDriver.cuGraphExecDestroy(handle));
    }

    private static CUstream stream(long stream) {
        return Handles.set(new CUstream(), stream);
    }

    private static CUdevice device(int ordinal) {
        var device = new CUdevice();
        check("cuDeviceGet", () -> JCudaDriver.cuDeviceGet(device, ordinal));
        return device;
    }

    /** Whether the current context's device has stream-ordered memory. */
    private static boolean pools() {
        var device = new CUdevice();
        check("cuCtxGetDevice", () -> JCudaDriver.cuCtxGetDevice(device));
        var supported = new int[1];
        check(
                "cuDeviceGetAttribute",
                () ->
                        JCudaDriver.cuDeviceGetAttribute(
                                supported,
                                CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED,
                                device));
        return supported[0] != 0;
    }

    private static void check(String call, IntSupplier function) {
        check(call, Errors.codeOf(function, CUresult::stringFor));
    }

    private static void check(String call, int code) {
        if (code != CUresult.CUDA_SUCCESS) {
            throw failure(call, code);
        }
    }

    private static void check(String call, long bytes, int code) {
        if (code != CUresult.CUDA_SUCCESS) {
            throw failure(CudaCalls.sized(call, bytes), code);
        }
    }

    private static CudaException failure(String call, int code) {
        var name = new String[] {""};
        var text = new String[] {""};
        Errors.codeOf(() -> JCudaDriver.cuGetErrorName(code, name), CUresult::stringFor);
        Errors.codeOf(() -> JCudaDriver.cuGetErrorString(code, text), CUresult::stringFor);
        return CudaCalls.failure(call, code, orEmpty(name[0]), orEmpty(text[0]));
    }

    private static String orEmpty(@Nullable String string) {
        return string == null ? "" : string;
    }
}

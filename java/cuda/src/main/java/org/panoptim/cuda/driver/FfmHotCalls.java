package org.panoptim.cuda.driver;

import org.panoptim.cuda.driver.bindings.LibCuda;

import java.lang.invoke.MethodHandle;

/** The calls that {@code step()} uses; addresses and handles are {@code long}s. */
final class FfmHotCalls {

    private static final MethodHandle SET_CONTEXT =
            Downcalls.ofLongs(
                    LibCuda.cuCtxSetCurrent$address(), LibCuda.cuCtxSetCurrent$descriptor());
    private static final MethodHandle IS_CAPTURING =
            Downcalls.ofLongs(
                    LibCuda.cuStreamIsCapturing$address(),
                    LibCuda.cuStreamIsCapturing$descriptor());
    private static final MethodHandle RECORD_EVENT =
            Downcalls.ofLongs(LibCuda.cuEventRecord$address(), LibCuda.cuEventRecord$descriptor());
    private static final MethodHandle QUERY_EVENT =
            Downcalls.ofLongs(LibCuda.cuEventQuery$address(), LibCuda.cuEventQuery$descriptor());
    private static final MethodHandle SYNCHRONIZE_EVENT =
            Downcalls.ofLongs(
                    LibCuda.cuEventSynchronize$address(), LibCuda.cuEventSynchronize$descriptor());
    private static final MethodHandle WAIT_FOR =
            Downcalls.ofLongs(
                    LibCuda.cuStreamWaitEvent$address(), LibCuda.cuStreamWaitEvent$descriptor());
    private static final MethodHandle COPY_TO_DEVICE =
            Downcalls.ofLongs(
                    LibCuda.cuMemcpyHtoDAsync_v2$address(),
                    LibCuda.cuMemcpyHtoDAsync_v2$descriptor());
    private static final MethodHandle COPY_TO_HOST =
            Downcalls.ofLongs(
                    LibCuda.cuMemcpyDtoHAsync_v2$address(),
                    LibCuda.cuMemcpyDtoHAsync_v2$descriptor());
    private static final MethodHandle COPY_ON_DEVICE =
            Downcalls.ofLongs(
                    LibCuda.cuMemcpyDtoDAsync_v2$address(),
                    LibCuda.cuMemcpyDtoDAsync_v2$descriptor());
    private static final MethodHandle FILL =
            Downcalls.ofLongs(
                    LibCuda.cuMemsetD32Async$address(), LibCuda.cuMemsetD32Async$descriptor());
    private static final MethodHandle LAUNCH =
            Downcalls.ofLongs(
                    LibCuda.cuLaunchKernel$address(), LibCuda.cuLaunchKernel$descriptor());
    private static final MethodHandle LAUNCH_GRAPH =
            Downcalls.ofLongs(LibCuda.cuGraphLaunch$address(), LibCuda.cuGraphLaunch$descriptor());

    private FfmHotCalls() {}

    static int setContext(long context) {
        try {
            return (int) SET_CONTEXT.invokeExact(context);
        } catch (Throwable e) {
            throw Downcalls.unchecked(e);
        }
    }

    static int isCapturing(long stream, long status) {
        try {
            return (int) IS_CAPTURING.invokeExact(stream, status);
        } catch (Throwable e) {
            throw Downcalls.unchecked(e);
        }
    }

    static int recordEvent(long event, long stream) {
        try {
            return (int) RECORD_EVENT.invokeExact(event, stream);
        } catch (Throwable e) {
            throw Downcalls.unchecked(e);
        }
    }

    static int queryEvent(long event) {
        try {
            return (int) QUERY_EVENT.invokeExact(event);
        } catch (Throwable e) {
            throw Downcalls.unchecked(e);
        }
    }

    static int synchronizeEvent(long event) {
        try {
            return (int) SYNCHRONIZE_EVENT.invokeExact(event);
        } catch (Throwable e) {
            throw Downcalls.unchecked(e);
        }
    }

    static int waitFor(long stream, long event) {
        try {
            return (int) WAIT_FOR.invokeExact(stream, event, 0);
        } catch (Throwable e) {
            throw Downcalls.unchecked(e);
        }
    }

    static int copyToDevice(long device, long host, long bytes, long stream) {
        try {
            return (int) COPY_TO_DEVICE.invokeExact(device, host, bytes, stream);
        } catch (Throwable e) {
            throw Downcalls.unchecked(e);
        }
    }

    static int copyToHost(long host, long device, long bytes, long stream) {
        try {
            return (int) COPY_TO_HOST.invokeExact(host, device, bytes, stream);
        } catch (Throwable e) {
            throw Downcalls.unchecked(e);
        }
    }

    static int copyOnDevice(long to, long from, long bytes, long stream) {
        try {
            return (int) COPY_ON_DEVICE.invokeExact(to, from, bytes, stream);
        } catch (Throwable e) {
            throw Downcalls.unchecked(e);
        }
    }

    static int fill(long address, int word, long words, long stream) {
        try {
            return (int) FILL.invokeExact(address, word, words, stream);
        } catch (Throwable e) {
            throw Downcalls.unchecked(e);
        }
    }

    /**
     * Launches a kernel over a row of blocks.
     *
     * @param parameters the address of an array of the parameters' addresses
     */
    static int launch(
            long function, int blocks, int threads, int sharedBytes, long stream, long parameters) {
        try {
            return (int)
                    LAUNCH.invokeExact(
                            function,
                            blocks,
                            1,
                            1,
                            threads,
                            1,
                            1,
                            sharedBytes,
                            stream,
                            parameters,
                            0L);
        } catch (Throwable e) {
            throw Downcalls.unchecked(e);
        }
    }

    static int launchGraph(long executable, long stream) {
        try {
            return (int) LAUNCH_GRAPH.invokeExact(executable, stream);
        } catch (Throwable e) {
            throw Downcalls.unchecked(e);
        }
    }
}

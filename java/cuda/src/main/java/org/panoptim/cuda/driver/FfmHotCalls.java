package org.panoptim.cuda.driver;

import org.panoptim.abi.WordCalls;

import java.lang.foreign.MemorySegment;

/** The calls that {@code step()} uses; addresses and handles are {@code long}s. */
final class FfmHotCalls {

    private static final MemorySegment SET_CONTEXT = DriverCalls.function("cuCtxSetCurrent");
    private static final MemorySegment IS_CAPTURING = DriverCalls.function("cuStreamIsCapturing");
    private static final MemorySegment RECORD_EVENT = DriverCalls.function("cuEventRecord");
    private static final MemorySegment QUERY_EVENT = DriverCalls.function("cuEventQuery");
    private static final MemorySegment SYNCHRONIZE_EVENT =
            DriverCalls.function("cuEventSynchronize");
    private static final MemorySegment WAIT_FOR = DriverCalls.function("cuStreamWaitEvent");
    private static final MemorySegment COPY_TO_DEVICE =
            DriverCalls.function("cuMemcpyHtoDAsync_v2");
    private static final MemorySegment COPY_TO_HOST = DriverCalls.function("cuMemcpyDtoHAsync_v2");
    private static final MemorySegment COPY_ON_DEVICE =
            DriverCalls.function("cuMemcpyDtoDAsync_v2");
    private static final MemorySegment FILL = DriverCalls.function("cuMemsetD32Async");
    private static final MemorySegment LAUNCH = DriverCalls.function("cuLaunchKernel");
    private static final MemorySegment LAUNCH_GRAPH = DriverCalls.function("cuGraphLaunch");

    private FfmHotCalls() {}

    static int setContext(long context) {
        return (int) WordCalls.call(SET_CONTEXT, context);
    }

    static int isCapturing(long stream, long status) {
        return (int) WordCalls.call(IS_CAPTURING, stream, status);
    }

    static int recordEvent(long event, long stream) {
        return (int) WordCalls.call(RECORD_EVENT, event, stream);
    }

    static int queryEvent(long event) {
        return (int) WordCalls.call(QUERY_EVENT, event);
    }

    static int synchronizeEvent(long event) {
        return (int) WordCalls.call(SYNCHRONIZE_EVENT, event);
    }

    static int waitFor(long stream, long event) {
        return (int) WordCalls.call(WAIT_FOR, stream, event, 0);
    }

    static int copyToDevice(long device, long host, long bytes, long stream) {
        return (int) WordCalls.call(COPY_TO_DEVICE, device, host, bytes, stream);
    }

    static int copyToHost(long host, long device, long bytes, long stream) {
        return (int) WordCalls.call(COPY_TO_HOST, host, device, bytes, stream);
    }

    static int copyOnDevice(long to, long from, long bytes, long stream) {
        return (int) WordCalls.call(COPY_ON_DEVICE, to, from, bytes, stream);
    }

    static int fill(long address, int word, long words, long stream) {
        return (int) WordCalls.call(FILL, address, word, words, stream);
    }

    /**
     * Launches a kernel over a row of blocks.
     *
     * @param parameters the address of an array of the parameters' addresses
     */
    static int launch(
            long function, int blocks, int threads, int sharedBytes, long stream, long parameters) {
        return (int)
                WordCalls.call(
                        LAUNCH,
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
                        0);
    }

    static int launchGraph(long executable, long stream) {
        return (int) WordCalls.call(LAUNCH_GRAPH, executable, stream);
    }
}

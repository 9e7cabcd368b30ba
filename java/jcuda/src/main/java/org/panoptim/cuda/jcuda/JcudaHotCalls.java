package org.panoptim.cuda.jcuda;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import jcuda.driver.CUresult;
import jcuda.driver.CUstreamCaptureStatus;
import jcuda.driver.JCudaDriver;

import org.panoptim.cuda.driver.CallSlots;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * The driver's calls that a step makes. Each takes its argument objects from a {@link Piece} and
 * makes none; the functions handed to {@link #call} capture nothing, so that each is one object for
 * good. All answer with the driver's code.
 */
final class JcudaHotCalls {

    /** No code of the driver's, which are 0 and above. */
    static final int CAPTURING = -1;

    private final CallSlots slots = new CallSlots();
    private final Piece[] pieces = new Piece[CallSlots.COUNT];

    JcudaHotCalls() {
        for (int i = 0; i < pieces.length; i++) {
            pieces[i] = new Piece();
        }
    }

    /** A call with up to four arguments, the unused ones 0. */
    @FunctionalInterface
    private interface Call {
        int make(Piece piece, long first, long second, long third, long fourth);
    }

    private int call(Call call, long first, long second, long third, long fourth) {
        int slot = slots.acquire();
        try {
            return call.make(pieces[slot], first, second, third, fourth);
        } catch (jcuda.CudaException e) {
            return code(e);
        } finally {
            slots.release(slot);
        }
    }

    private static int code(jcuda.CudaException thrown) {
        return Errors.codeOf(thrown, CUresult::stringFor);
    }

    int setContext(long context) {
        return call(
                (piece, handle, _, _, _) ->
                        JCudaDriver.cuCtxSetCurrent(Handles.set(piece.context, handle)),
                context,
                0,
                0,
                0);
    }

    /** Whether a stream is captured: {@link #CAPTURING} if it is, success if not. */
    int isCapturing(long stream) {
        return call(
                (piece, handle, _, _, _) -> {
                    int code =
                            JCudaDriver.cuStreamIsCapturing(
                                    Handles.set(piece.stream, handle), piece.status);
                    return code == CUresult.CUDA_SUCCESS
                                    && piece.status[0]
                                            != CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_NONE
                            ? CAPTURING
                            : code;
                },
                stream,
                0,
                0,
                0);
    }

    int recordEvent(long event, long stream) {
        return call(
                (piece, recorded, on, _, _) ->
                        JCudaDriver.cuEventRecord(
                                Handles.set(piece.event, recorded), Handles.set(piece.stream, on)),
                event,
                stream,
                0,
                0);
    }

    int queryEvent(long event) {
        return call(
                (piece, handle, _, _, _) ->
                        JCudaDriver.cuEventQuery(Handles.set(piece.event, handle)),
                event,
                0,
                0,
                0);
    }

    int synchronizeEvent(long event) {
        return call(
                (piece, handle, _, _, _) ->
                        JCudaDriver.cuEventSynchronize(Handles.set(piece.event, handle)),
                event,
                0,
                0,
                0);
    }

    int waitFor(long stream, long event) {
        return call(
                (piece, waiting, awaited, _, _) ->
                        JCudaDriver.cuStreamWaitEvent(
                                Handles.set(piece.stream, waiting),
                                Handles.set(piece.event, awaited),
                                0),
                stream,
                event,
                0,
                0);
    }

    int copyToDevice(long device, long host, long bytes, long stream) {
        return call(
                (piece, to, from, size, on) ->
                        JCudaDriver.cuMemcpyHtoDAsync(
                                Handles.set(piece.to, to),
                                Handles.set(piece.host, from),
                                size,
                                Handles.set(piece.stream, on)),
                device,
                host,
                bytes,
                stream);
    }

    int copyToHost(long host, long device, long bytes, long stream) {
        return call(
                (piece, to, from, size, on) ->
                        JCudaDriver.cuMemcpyDtoHAsync(
                                Handles.set(piece.host, to),
                                Handles.set(piece.from, from),
                                size,
                                Handles.set(piece.stream, on)),
                host,
                device,
                bytes,
                stream);
    }

    int copyOnDevice(long to, long from, long bytes, long stream) {
        return call(
                (piece, target, source, size, on) ->
                        JCudaDriver.cuMemcpyDtoDAsync(
                                Handles.set(piece.to, target),
                                Handles.set(piece.from, source),
                                size,
                                Handles.set(piece.stream, on)),
                to,
                from,
                bytes,
                stream);
    }

    int fill(long address, int word, long words, long stream) {
        return call(
                (piece, to, value, count, on) ->
                        JCudaDriver.cuMemsetD32Async(
                                Handles.set(piece.to, to),
                                (int) value,
                                count,
                                Handles.set(piece.stream, on)),
                address,
                word,
                words,
                stream);
    }

    int launchGraph(long executable, long stream) {
        return call(
                (piece, graph, on, _, _) ->
                        JCudaDriver.cuGraphLaunch(
                                Handles.set(piece.executable, graph),
                                Handles.set(piece.stream, on)),
                executable,
                stream,
                0,
                0);
    }

    int launch(
            long function,
            int blocks,
            int threads,
            int sharedBytes,
            long stream,
            MemorySegment argument) {
        int slot = slots.acquire();
        var piece = pieces[slot];
        try {
            piece.memory.set(JAVA_LONG, 0, argument.address());
            return JCudaDriver.cuLaunchKernel(
                    Handles.set(piece.function, function),
                    blocks,
                    1,
                    1,
                    threads,
                    1,
                    1,
                    sharedBytes,
                    Handles.set(piece.stream, stream),
                    piece.parameters,
                    null);
        } catch (jcuda.CudaException e) {
            return code(e);
        } finally {
            slots.release(slot);
            Reference.reachabilityFence(argument);
        }
    }
}

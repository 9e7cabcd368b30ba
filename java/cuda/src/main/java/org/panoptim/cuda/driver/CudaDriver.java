package org.panoptim.cuda.driver;

import org.panoptim.spi.Cleanup;

import java.lang.foreign.MemorySegment;

/**
 * The part of CUDA's driver API that Panoptim uses; the only door to it.
 *
 * <p>Handles (contexts, modules, functions, streams, events, graphs) and device addresses are
 * {@code long}s; stream 0 is the legacy default stream. An implementation keeps no state but its
 * library; the context that {@link #setContext} made current belongs to the calling thread.
 *
 * <p>Every method throws a {@link CudaException} that names the call if the driver returns an
 * error. None of those that {@code step()} uses allocates on the Java heap.
 */
public interface CudaDriver {

    /** What carries the calls, for example {@code "FFM"} or {@code "JCuda 12.6.0"}. */
    String name();

    /** The newest version of CUDA that the driver serves, for example 13000 for 13.0. */
    int version();

    /**
     * The number of devices; to be called before anything else of a device, since it initializes
     * CUDA.
     */
    int deviceCount();

    /** A device's name. */
    String deviceName(int device);

    /** A device's attribute, by its number in {@code CUdevice_attribute}. */
    int deviceAttribute(int attribute, int device);

    /** A device's memory in bytes. */
    long deviceMemory(int device);

    /** Retains the device's primary context, which frameworks on the same device share. */
    long retainPrimaryContext(int device);

    /** Gives the primary context back. */
    void releasePrimaryContext(int device);

    /** Makes a context current on the calling thread. */
    void setContext(long context);

    /**
     * Loads a module.
     *
     * @param image a fat binary, a cubin, or PTX as text that ends with a zero; native memory
     */
    long loadModule(MemorySegment image);

    /** Unloads a module. */
    void unloadModule(long module);

    /** A kernel of a module. */
    long function(long module, String name);

    /** The device address of a module's variable. */
    long global(long module, String name);

    /** An attribute of a kernel, by its number in {@code CUfunction_attribute}. */
    int functionAttribute(int attribute, long function);

    /** Sets an attribute of a kernel, by its number in {@code CUfunction_attribute}. */
    void functionAttribute(int attribute, long function, int value);

    /** How many blocks of a kernel one multiprocessor can hold. */
    int occupancy(long function, int threads, long sharedBytes);

    /** Creates a stream that does not wait for the default stream. */
    long createStream();

    /** Destroys a stream once its work is done. */
    void destroyStream(long stream);

    /** Waits for all work of a stream. */
    void synchronizeStream(long stream);

    /** Whether a stream is being captured into a graph. */
    boolean isCapturing(long stream);

    /** Creates an event without timing. */
    long createEvent();

    /** Creates an event with timing, for {@link #elapsedMilliseconds}. */
    long createTimedEvent();

    /**
     * The time from one event to another on the device, to half a microsecond or so; both were
     * created with timing, and what they were recorded behind is done.
     */
    float elapsedMilliseconds(long from, long to);

    /** Destroys an event. */
    void destroyEvent(long event);

    /** Records an event behind all work of a stream. */
    void recordEvent(long event, long stream);

    /**
     * Records an event behind a copy from or to a buffer that is used again once the event is done.
     * If that fails, waits for the stream, since nothing else shows when the copy is done.
     */
    default void recordUse(long event, long stream) {
        try {
            recordEvent(event, stream);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, () -> synchronizeStream(stream));
            throw e;
        }
    }

    /** Whether what an event was recorded behind is done. */
    boolean isDone(long event);

    /** Waits for what an event was recorded behind. */
    void synchronizeEvent(long event);

    /** Makes later work of a stream wait for an event. */
    void waitFor(long event, long stream);

    /**
     * Allocates device memory, from the stream-ordered pool where there is one.
     *
     * @param bytes above 0
     */
    long allocate(long bytes, long stream);

    /** Frees device memory behind the stream's work. */
    void free(long address, long stream);

    /**
     * Allocates page-locked host memory that the device can reach.
     *
     * @return its host address
     */
    long allocatePinned(long bytes);

    /** The device's address of page-locked memory. */
    long devicePointer(long pinned);

    /** Frees page-locked memory. */
    void freePinned(long pinned);

    /** Copies from host to device memory, in the stream's order. */
    void copyToDevice(long device, long host, long bytes, long stream);

    /** Copies from device to host memory, in the stream's order. */
    void copyToHost(long host, long device, long bytes, long stream);

    /** Copies within device memory, in the stream's order. */
    void copyOnDevice(long to, long from, long bytes, long stream);

    /** Sets 32-bit words of device memory, in the stream's order. */
    void fill(long address, int word, long words, long stream);

    /**
     * Launches a kernel whose one parameter is a structure passed by value.
     *
     * @param kernel its name, for the message if the launch fails
     * @param argument the structure, native memory; read before this returns
     */
    void launch(
            long function,
            String kernel,
            int blocks,
            int threads,
            int sharedBytes,
            long stream,
            MemorySegment argument);

    /** Begins to capture a stream's work into a graph, without restricting other threads. */
    void beginCapture(long stream);

    /** Ends a capture; the graph. */
    long endCapture(long stream);

    /** Makes a graph executable. */
    long instantiate(long graph);

    /** Launches an executable graph. */
    void launchGraph(long executable, long stream);

    /** Destroys a graph. */
    void destroyGraph(long graph);

    /** Destroys an executable graph. */
    void destroyExecutableGraph(long executable);
}

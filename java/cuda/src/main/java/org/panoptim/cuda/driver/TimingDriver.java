package org.panoptim.cuda.driver;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A driver that times every kernel by itself, and what else takes a device's time: copies within
 * its memory, and words set there. It does so only during {@link #timesOf}, and passes calls on
 * otherwise. For one thread at a time.
 */
public final class TimingDriver extends ForwardingDriver implements AutoCloseable {

    /** The name of a copy within the device's memory. */
    public static final String COPY = "cuMemcpyDtoDAsync";

    /** The name of setting words. */
    public static final String FILL = "cuMemsetD32Async";

    private final StreamTimer timer;
    private boolean timing;

    /** Times what goes to a driver. */
    public TimingDriver(CudaDriver driver) {
        super(driver);
        timer = new StreamTimer(driver);
    }

    /**
     * Runs something, waits for what it queued, and returns that in order: kernels by their names,
     * {@link #COPY}, {@link #FILL} and the products of a {@link TimingBlas}. What was queued before
     * is waited for, too, but not timed.
     */
    public List<StreamTimer.Interval> timesOf(Runnable body) {
        timing = true;
        try {
            body.run();
        } catch (RuntimeException | Error e) {
            // What was queued before it failed is nobody's time.
            timer.close();
            throw e;
        } finally {
            timing = false;
        }
        return timer.finish();
    }

    /** Queues something else, which is timed under a name if other things are. */
    public void time(String name, long stream, Runnable work) {
        if (timing) {
            timer.time(name, stream, work);
        } else {
            work.run();
        }
    }

    @Override
    public void copyOnDevice(long to, long from, long bytes, long stream) {
        time(COPY, stream, () -> super.copyOnDevice(to, from, bytes, stream));
    }

    @Override
    public void fill(long address, int word, long words, long stream) {
        time(FILL, stream, () -> super.fill(address, word, words, stream));
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
        time(
                kernel,
                stream,
                () ->
                        super.launch(
                                function, kernel, blocks, threads, sharedBytes, stream, argument));
    }

    /** Gives the events back; to be called before the device is closed. */
    @Override
    public void close() {
        timer.close();
    }
}

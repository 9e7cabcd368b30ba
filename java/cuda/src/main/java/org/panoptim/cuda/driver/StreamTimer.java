package org.panoptim.cuda.driver;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Times work by the device's clock: an event before it and one behind it in the stream. Nothing
 * waits until {@link #finish}, so that work is queued as it is without a timer.
 *
 * <p>An interval begins when the work before it has ended, or when its first event arrives if the
 * stream is idle then. So it holds waiting for the host unless the host is ahead of the device, and
 * always what the device needs for the event itself: {@link #time} of nothing shows how much that
 * is.
 *
 * <p>For one thread at a time, in the context of the driver's device; to be closed before that is.
 */
public final class StreamTimer implements AutoCloseable {

    private final CudaDriver driver;
    private final Deque<Long> spare = new ArrayDeque<>();
    private final List<Running> running = new ArrayList<>();

    /**
     * What some work took.
     *
     * @param name the work's
     * @param seconds on the device
     */
    public record Interval(String name, double seconds) {}

    private record Running(String name, long begin, long end) {}

    /** A timer of work that is queued through a driver. */
    public StreamTimer(CudaDriver driver) {
        this.driver = driver;
    }

    /** Queues some work, and times it; a stream that is being captured has no times. */
    public void time(String name, long stream, Runnable work) {
        if (driver.isCapturing(stream)) {
            work.run();
            return;
        }
        var interval = new Running(name, take(), take());
        try {
            driver.recordEvent(interval.begin, stream);
            work.run();
            driver.recordEvent(interval.end, stream);
        } catch (RuntimeException | Error e) {
            giveBack(interval);
            throw e;
        }
        running.add(interval);
    }

    private long take() {
        return spare.isEmpty() ? driver.createTimedEvent() : spare.pop();
    }

    /**
     * Waits for all that was timed since the last call, and returns it in the order it was queued.
     */
    public List<Interval> finish() {
        var intervals = new ArrayList<Interval>();
        for (var each : running) {
            driver.synchronizeEvent(each.end);
            double milliseconds = driver.elapsedMilliseconds(each.begin, each.end);
            intervals.add(new Interval(each.name, milliseconds * 1e-3));
        }
        running.forEach(this::giveBack);
        running.clear();
        return intervals;
    }

    private void giveBack(Running ended) {
        spare.push(ended.begin);
        spare.push(ended.end);
    }

    @Override
    public void close() {
        running.forEach(this::giveBack);
        running.clear();
        spare.forEach(driver::destroyEvent);
        spare.clear();
    }
}

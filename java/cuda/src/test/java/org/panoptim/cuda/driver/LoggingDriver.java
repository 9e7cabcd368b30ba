package org.panoptim.cuda.driver;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A driver that logs what goes to the device, and that simulates the device's clock: work takes as
 * many milliseconds as its name has letters.
 */
final class LoggingDriver extends ForwardingDriver {

    private final List<String> log = new ArrayList<>();
    private final Map<Long, Float> stamps = new HashMap<>();
    private float now;

    LoggingDriver(CudaDriver driver) {
        super(driver);
    }

    /**
     * What was queued since the last call: names of work, and "event" for each that was recorded.
     */
    List<String> take() {
        var taken = List.copyOf(log);
        log.clear();
        return taken;
    }

    /** The seconds that work takes. */
    static double seconds(String name) {
        return 1e-3 * name.length();
    }

    private void work(String name) {
        log.add(name);
        now += name.length();
    }

    @Override
    public void recordEvent(long event, long stream) {
        log.add("event");
        stamps.put(event, now);
        super.recordEvent(event, stream);
    }

    @Override
    public float elapsedMilliseconds(long from, long to) {
        super.elapsedMilliseconds(from, to);
        return stamps.get(to) - stamps.get(from);
    }

    @Override
    public void copyOnDevice(long to, long from, long bytes, long stream) {
        work("cuMemcpyDtoDAsync");
        super.copyOnDevice(to, from, bytes, stream);
    }

    @Override
    public void fill(long address, int word, long words, long stream) {
        work("cuMemsetD32Async");
        super.fill(address, word, words, stream);
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
        work(kernel);
        super.launch(function, kernel, blocks, threads, sharedBytes, stream, argument);
    }
}

package org.panoptim.cuda.driver;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;

/**
 * A driver that passes every call on and notes what is created and destroyed: a leak report for
 * tests, and for whoever looks for a leak.
 */
public final class RecordingDriver implements CudaDriver {

    private static final int FRAMES = 4;

    private final CudaDriver driver;
    private final AtomicLong created = new AtomicLong();

    // Both guarded by this. A primary context is retained several times under one handle.
    private final Map<Resource, Deque<Creation>> open = new HashMap<>();
    private final List<String> faults = new ArrayList<>();

    private record Resource(Kind kind, long handle) {}

    private record Creation(long number, String site) {}

    private enum Kind {
        CONTEXT("primary context of device"),
        MODULE("module"),
        STREAM("stream"),
        EVENT("event"),
        MEMORY("device memory"),
        PINNED("page-locked memory"),
        GRAPH("graph"),
        EXECUTABLE("executable graph");

        private final String text;

        Kind(String text) {
            this.text = text;
        }
    }

    /** Records what is done through it with a driver. */
    public RecordingDriver(CudaDriver driver) {
        this.driver = driver;
    }

    /** How many things were created. */
    public long created() {
        return created.get();
    }

    /** What is not destroyed yet, in the order of creation, and what created it; a line each. */
    public synchronized List<String> open() {
        var lines = new TreeMap<Long, String>();
        open.forEach(
                (resource, creations) ->
                        creations.forEach(
                                creation ->
                                        lines.put(
                                                creation.number(),
                                                describe(resource)
                                                        + " created by "
                                                        + creation.site())));
        return List.copyOf(lines.values());
    }

    /** What was destroyed twice, too early, or without having been created here; a line each. */
    public synchronized List<String> faults() {
        return List.copyOf(faults);
    }

    /** {@link #faults}, then {@link #open}; empty if all is well. */
    public synchronized List<String> report() {
        var lines = new ArrayList<>(faults);
        lines.addAll(open());
        return lines;
    }

    private static String describe(Resource resource) {
        return resource.kind() == Kind.CONTEXT
                ? resource.kind().text + " " + resource.handle()
                : resource.kind().text + " 0x" + Long.toHexString(resource.handle());
    }

    private long add(Kind kind, long handle) {
        var creation = new Creation(created.incrementAndGet(), site());
        synchronized (this) {
            open.computeIfAbsent(new Resource(kind, handle), _ -> new ArrayDeque<>())
                    .push(creation);
        }
        return handle;
    }

    /** Takes note first: as soon as it is destroyed, another may have the same handle. */
    private void destroy(Kind kind, long handle, Runnable destruction) {
        var resource = new Resource(kind, handle);
        var creation = remove(resource);
        try {
            destruction.run();
        } catch (CudaException e) {
            creation.ifPresent(known -> putBack(resource, known));
            throw e;
        }
    }

    private synchronized Optional<Creation> remove(Resource resource) {
        var creations = open.get(resource);
        if (creations == null) {
            faults.add(describe(resource) + " is not open, but destroyed by " + site());
            return Optional.empty();
        }
        var creation = creations.pop();
        if (creations.isEmpty()) {
            open.remove(resource);
        }
        if (resource.kind() == Kind.CONTEXT && !anyContext() && !open.isEmpty()) {
            faults.add(describe(resource) + " is released before " + String.join("; ", open()));
        }
        return Optional.of(creation);
    }

    private boolean anyContext() {
        return open.keySet().stream().anyMatch(resource -> resource.kind() == Kind.CONTEXT);
    }

    private synchronized void putBack(Resource resource, Creation creation) {
        open.computeIfAbsent(resource, _ -> new ArrayDeque<>()).push(creation);
    }

    /** The innermost calls outside this class. */
    private static String site() {
        return StackWalker.getInstance()
                .walk(
                        frames ->
                                frames.filter(frame -> !isOurs(frame.getClassName()))
                                        .limit(FRAMES)
                                        .map(StackWalker.StackFrame::toStackTraceElement)
                                        .map(RecordingDriver::text)
                                        .collect(Collectors.joining(", from ")));
    }

    private static boolean isOurs(String className) {
        return className.startsWith(RecordingDriver.class.getName());
    }

    private static String text(StackTraceElement frame) {
        var type = frame.getClassName();
        return type.substring(type.lastIndexOf('.') + 1)
                + "."
                + frame.getMethodName()
                + ":"
                + frame.getLineNumber();
    }

    @Override
    public String name() {
        return driver.name();
    }

    @Override
    public int version() {
        return driver.version();
    }

    @Override
    public int deviceCount() {
        return driver.deviceCount();
    }

    @Override
    public String deviceName(int device) {
        return driver.deviceName(device);
    }

    @Override
    public int deviceAttribute(int attribute, int device) {
        return driver.deviceAttribute(attribute, device);
    }

    @Override
    public long deviceMemory(int device) {
        return driver.deviceMemory(device);
    }

    @Override
    public long retainPrimaryContext(int device) {
        long context = driver.retainPrimaryContext(device);
        add(Kind.CONTEXT, device);
        return context;
    }

    @Override
    public void releasePrimaryContext(int device) {
        destroy(Kind.CONTEXT, device, () -> driver.releasePrimaryContext(device));
    }

    @Override
    public void setContext(long context) {
        driver.setContext(context);
    }

    @Override
    public long loadModule(MemorySegment image) {
        return add(Kind.MODULE, driver.loadModule(image));
    }

    @Override
    public void unloadModule(long module) {
        destroy(Kind.MODULE, module, () -> driver.unloadModule(module));
    }

    @Override
    public long function(long module, String name) {
        return driver.function(module, name);
    }

    @Override
    public long global(long module, String name) {
        return driver.global(module, name);
    }

    @Override
    public int functionAttribute(int attribute, long function) {
        return driver.functionAttribute(attribute, function);
    }

    @Override
    public void functionAttribute(int attribute, long function, int value) {
        driver.functionAttribute(attribute, function, value);
    }

    @Override
    public int occupancy(long function, int threads, long sharedBytes) {
        return driver.occupancy(function, threads, sharedBytes);
    }

    @Override
    public long createStream() {
        return add(Kind.STREAM, driver.createStream());
    }

    @Override
    public void destroyStream(long stream) {
        destroy(Kind.STREAM, stream, () -> driver.destroyStream(stream));
    }

    @Override
    public void synchronizeStream(long stream) {
        driver.synchronizeStream(stream);
    }

    @Override
    public boolean isCapturing(long stream) {
        return driver.isCapturing(stream);
    }

    @Override
    public long createEvent() {
        return add(Kind.EVENT, driver.createEvent());
    }

    @Override
    public void destroyEvent(long event) {
        destroy(Kind.EVENT, event, () -> driver.destroyEvent(event));
    }

    @Override
    public void recordEvent(long event, long stream) {
        driver.recordEvent(event, stream);
    }

    @Override
    public boolean isDone(long event) {
        return driver.isDone(event);
    }

    @Override
    public void synchronizeEvent(long event) {
        driver.synchronizeEvent(event);
    }

    @Override
    public void waitFor(long event, long stream) {
        driver.waitFor(event, stream);
    }

    @Override
    public long allocate(long bytes, long stream) {
        return add(Kind.MEMORY, driver.allocate(bytes, stream));
    }

    @Override
    public void free(long address, long stream) {
        destroy(Kind.MEMORY, address, () -> driver.free(address, stream));
    }

    @Override
    public long allocatePinned(long bytes) {
        return add(Kind.PINNED, driver.allocatePinned(bytes));
    }

    @Override
    public long devicePointer(long pinned) {
        return driver.devicePointer(pinned);
    }

    @Override
    public void freePinned(long pinned) {
        destroy(Kind.PINNED, pinned, () -> driver.freePinned(pinned));
    }

    @Override
    public void copyToDevice(long device, long host, long bytes, long stream) {
        driver.copyToDevice(device, host, bytes, stream);
    }

    @Override
    public void copyToHost(long host, long device, long bytes, long stream) {
        driver.copyToHost(host, device, bytes, stream);
    }

    @Override
    public void copyOnDevice(long to, long from, long bytes, long stream) {
        driver.copyOnDevice(to, from, bytes, stream);
    }

    @Override
    public void fill(long address, int word, long words, long stream) {
        driver.fill(address, word, words, stream);
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
        driver.launch(function, kernel, blocks, threads, sharedBytes, stream, argument);
    }

    @Override
    public void beginCapture(long stream) {
        driver.beginCapture(stream);
    }

    @Override
    public long endCapture(long stream) {
        return add(Kind.GRAPH, driver.endCapture(stream));
    }

    @Override
    public long instantiate(long graph) {
        return add(Kind.EXECUTABLE, driver.instantiate(graph));
    }

    @Override
    public void launchGraph(long executable, long stream) {
        driver.launchGraph(executable, stream);
    }

    @Override
    public void destroyGraph(long graph) {
        destroy(Kind.GRAPH, graph, () -> driver.destroyGraph(graph));
    }

    @Override
    public void destroyExecutableGraph(long executable) {
        destroy(Kind.EXECUTABLE, executable, () -> driver.destroyExecutableGraph(executable));
    }
}

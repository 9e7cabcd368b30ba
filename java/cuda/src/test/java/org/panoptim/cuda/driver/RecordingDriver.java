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
public final class RecordingDriver extends ForwardingDriver {

    private static final int FRAMES = 4;

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
        super(driver);
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

    /** The innermost calls outside this class and the one that passes calls on. */
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
        return className.startsWith(RecordingDriver.class.getName())
                || className.equals(ForwardingDriver.class.getName());
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
    public long retainPrimaryContext(int device) {
        long context = super.retainPrimaryContext(device);
        add(Kind.CONTEXT, device);
        return context;
    }

    @Override
    public void releasePrimaryContext(int device) {
        destroy(Kind.CONTEXT, device, () -> super.releasePrimaryContext(device));
    }

    @Override
    public long loadModule(MemorySegment image) {
        return add(Kind.MODULE, super.loadModule(image));
    }

    @Override
    public void unloadModule(long module) {
        destroy(Kind.MODULE, module, () -> super.unloadModule(module));
    }

    @Override
    public long createStream() {
        return add(Kind.STREAM, super.createStream());
    }

    @Override
    public void destroyStream(long stream) {
        destroy(Kind.STREAM, stream, () -> super.destroyStream(stream));
    }

    @Override
    public long createEvent() {
        return add(Kind.EVENT, super.createEvent());
    }

    @Override
    public long createTimedEvent() {
        return add(Kind.EVENT, super.createTimedEvent());
    }

    @Override
    public void destroyEvent(long event) {
        destroy(Kind.EVENT, event, () -> super.destroyEvent(event));
    }

    @Override
    public long allocate(long bytes, long stream) {
        return add(Kind.MEMORY, super.allocate(bytes, stream));
    }

    @Override
    public void free(long address, long stream) {
        destroy(Kind.MEMORY, address, () -> super.free(address, stream));
    }

    @Override
    public long allocatePinned(long bytes) {
        return add(Kind.PINNED, super.allocatePinned(bytes));
    }

    @Override
    public void freePinned(long pinned) {
        destroy(Kind.PINNED, pinned, () -> super.freePinned(pinned));
    }

    @Override
    public long endCapture(long stream) {
        return add(Kind.GRAPH, super.endCapture(stream));
    }

    @Override
    public long instantiate(long graph) {
        return add(Kind.EXECUTABLE, super.instantiate(graph));
    }

    @Override
    public void destroyGraph(long graph) {
        destroy(Kind.GRAPH, graph, () -> super.destroyGraph(graph));
    }

    @Override
    public void destroyExecutableGraph(long executable) {
        destroy(Kind.EXECUTABLE, executable, () -> super.destroyExecutableGraph(executable));
    }
}

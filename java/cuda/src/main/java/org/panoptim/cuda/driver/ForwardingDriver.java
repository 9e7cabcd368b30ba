package org.panoptim.cuda.driver;

import java.lang.foreign.MemorySegment;

/** A driver that passes every call on to another one, for those that look at some of them. */
public abstract class ForwardingDriver implements CudaDriver {

    private final CudaDriver driver;

    /** Passes calls on to a driver. */
    protected ForwardingDriver(CudaDriver driver) {
        this.driver = driver;
    }

    /** The driver that calls are passed on to. */
    protected final CudaDriver driver() {
        return driver;
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
        return driver.retainPrimaryContext(device);
    }

    @Override
    public void releasePrimaryContext(int device) {
        driver.releasePrimaryContext(device);
    }

    @Override
    public void setContext(long context) {
        driver.setContext(context);
    }

    @Override
    public long loadModule(MemorySegment image) {
        return driver.loadModule(image);
    }

    @Override
    public void unloadModule(long module) {
        driver.unloadModule(module);
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
        return driver.createStream();
    }

    @Override
    public void destroyStream(long stream) {
        driver.destroyStream(stream);
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
        return driver.createEvent();
    }

    @Override
    public long createTimedEvent() {
        return driver.createTimedEvent();
    }

    @Override
    public float elapsedMilliseconds(long from, long to) {
        return driver.elapsedMilliseconds(from, to);
    }

    @Override
    public void destroyEvent(long event) {
        driver.destroyEvent(event);
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
        return driver.allocate(bytes, stream);
    }

    @Override
    public void free(long address, long stream) {
        driver.free(address, stream);
    }

    @Override
    public long allocatePinned(long bytes) {
        return driver.allocatePinned(bytes);
    }

    @Override
    public long devicePointer(long pinned) {
        return driver.devicePointer(pinned);
    }

    @Override
    public void freePinned(long pinned) {
        driver.freePinned(pinned);
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
        return driver.endCapture(stream);
    }

    @Override
    public long instantiate(long graph) {
        return driver.instantiate(graph);
    }

    @Override
    public void launchGraph(long executable, long stream) {
        driver.launchGraph(executable, stream);
    }

    @Override
    public void destroyGraph(long graph) {
        driver.destroyGraph(graph);
    }

    @Override
    public void destroyExecutableGraph(long executable) {
        driver.destroyExecutableGraph(executable);
    }
}

package org.panoptim.cuda;

import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.memory.Buffer;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.Memory;
import org.panoptim.spi.Cleanup;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/** Memory of the device that the backend allocated. */
final class DeviceBuffer implements Buffer {

    private final DeviceContext context;
    private final Runnable onClose;
    private final DeviceMemory memory;
    private boolean closed;

    DeviceBuffer(DeviceContext context, long byteSize, Runnable onClose) {
        this.context = context;
        this.onClose = onClose;
        memory = new DeviceMemory(DeviceSlab.allocate(context, byteSize), byteSize);
    }

    @Override
    public Memory memory() {
        return memory;
    }

    @Override
    public void write(long offset, MemorySegment source) {
        check(offset, source);
        DeviceState.write(context, memory.address() + offset, source);
        context.call(
                () -> {
                    // Other streams, and the host, do not wait for this one.
                    context.driver().synchronizeStream(context.stream());
                    return source;
                });
    }

    @Override
    public void read(long offset, MemorySegment destination) {
        check(offset, destination);
        DeviceState.read(context, memory.address() + offset, destination);
    }

    private void check(long offset, MemorySegment segment) {
        if (closed) {
            throw new IllegalStateException("the buffer is closed");
        }
        Objects.checkFromIndexSize(offset, segment.byteSize(), memory.byteSize());
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        context.requireNoCaptureToClose("the buffer");
        closed = true;
        var driver = context.driver();
        Cleanup.all(
                () -> context.free(() -> driver.free(memory.address(), context.stream())), onClose);
    }
}

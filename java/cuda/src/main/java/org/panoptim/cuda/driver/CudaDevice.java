package org.panoptim.cuda.driver;

import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A device and its primary context, which frameworks on the same device share.
 *
 * <p>The context is current per thread of the operating system, and a virtual thread may go on on
 * another one: {@link #enter} before every use. Safe for use by several threads.
 */
public final class CudaDevice implements AutoCloseable {

    /** The name of the device that executes kernels on the CPU, for tests. */
    public static final String VIRTUAL = "Panoptim virtual GPU";

    private static final int MULTIPROCESSOR_COUNT = 16;
    private static final int SHARED_MEMORY_PER_BLOCK_OPTIN = 97;
    private static final int MEMORY_POOLS_SUPPORTED = 115;

    private final CudaDriver driver;
    private final int ordinal;
    private final String name;
    private final int capability;
    private final int multiprocessors;
    private final int sharedMemory;
    private final long memory;
    private final boolean pools;
    private final long context;
    private final AtomicBoolean closed = new AtomicBoolean();

    private CudaDevice(CudaDriver driver, int ordinal) {
        this.driver = driver;
        this.ordinal = ordinal;
        name = driver.deviceName(ordinal);
        capability = CudaProbe.capability(driver, ordinal);
        multiprocessors = driver.deviceAttribute(MULTIPROCESSOR_COUNT, ordinal);
        sharedMemory = driver.deviceAttribute(SHARED_MEMORY_PER_BLOCK_OPTIN, ordinal);
        memory = driver.deviceMemory(ordinal);
        pools = driver.deviceAttribute(MEMORY_POOLS_SUPPORTED, ordinal) != 0;
        // Last, since nothing would give it back if something else failed.
        context = driver.retainPrimaryContext(ordinal);
    }

    /**
     * Opens a device and retains its primary context.
     *
     * @param ordinal counted from 0
     * @throws CudaUnavailableException if the driver or the device is too old or there is no such
     *     device
     * @throws CudaException if the driver returns another error
     */
    public static CudaDevice open(CudaDriver driver, int ordinal) {
        CudaProbe.require(driver, ordinal);
        return new CudaDevice(driver, ordinal);
    }

    /** The driver that it was opened with. */
    public CudaDriver driver() {
        return driver;
    }

    /** Its number, counted from 0. */
    public int ordinal() {
        return ordinal;
    }

    /** Its name. */
    public String name() {
        return name;
    }

    /** Its compute capability, ten times the major number and the minor one, for example 90. */
    public int capability() {
        return capability;
    }

    /** The number of its multiprocessors. */
    public int multiprocessors() {
        return multiprocessors;
    }

    /** The most shared memory in bytes that a thread block may opt in to. */
    public int sharedMemory() {
        return sharedMemory;
    }

    /** Its memory in bytes. */
    public long memory() {
        return memory;
    }

    /** Whether memory comes from stream-ordered pools. */
    public boolean pools() {
        return pools;
    }

    /** Whether it is no device but the CPU, executing the same kernels. */
    public boolean virtual() {
        return name.equals(VIRTUAL);
    }

    /**
     * Makes its context current on the calling thread.
     *
     * @throws IllegalStateException if it is closed
     */
    public void enter() {
        if (closed.get()) {
            throw new IllegalStateException("the CUDA device " + ordinal + " is closed");
        }
        driver.setContext(context);
    }

    /** Whether it is closed. */
    public boolean isClosed() {
        return closed.get();
    }

    /** Gives the context back; what was made in it must be freed before. */
    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            driver.releasePrimaryContext(ordinal);
        }
    }

    @Override
    public String toString() {
        return name + " (device " + ordinal + ", " + driver.name() + ")";
    }
}

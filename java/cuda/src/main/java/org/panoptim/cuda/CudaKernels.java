package org.panoptim.cuda;

import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_ABI;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.panoptim.BackendUnavailableException;
import org.panoptim.abi.KernelRegistry;
import org.panoptim.abi.Layouts;
import org.panoptim.cuda.driver.CudaDevice;
import org.panoptim.cuda.driver.HostCopies;
import org.panoptim.spi.Cleanup;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** The loaded module of kernels: its functions with their launch shapes, and its rules. */
final class CudaKernels implements AutoCloseable {

    /** Threads of a block of the kernels that go over chunks: {@code chunk_threads} there. */
    private static final int CHUNK_THREADS = 128;

    /** Threads of the one block of the control kernel: {@code control_threads} there. */
    private static final int CONTROL_THREADS = 512;

    /** Threads of a block of the kernel that prepares: {@code prepare_threads} there. */
    static final int PREPARE_THREADS = 128;

    private static final int SHARED_SIZE_BYTES = 1;
    private static final int MAX_DYNAMIC_SHARED_SIZE_BYTES = 8;

    private final CudaDevice device;
    private final long module;
    private final KernelRegistry registry;
    private final Map<String, Kernel> kernels = new ConcurrentHashMap<>();

    /**
     * A function of the module.
     *
     * @param blocks the most blocks that the device holds at a time; 1 if it needs one only; 0 if
     *     the device cannot run it
     */
    record Kernel(String name, long function, int threads, int blocks) {

        /**
         * The blocks for so many pieces of work, which they deal out among themselves: as few as
         * need no more rounds than all that the device holds, so that the last round is a full one.
         */
        int blocksFor(long pieces) {
            if (pieces == 0) {
                return 0;
            }
            long rounds = Math.ceilDiv(pieces, blocks);
            return Math.toIntExact(Math.ceilDiv(pieces, rounds));
        }
    }

    CudaKernels(String backend, CudaDevice device, HostCopies copies) {
        this.device = device;
        try (var arena = Arena.ofConfined()) {
            var driver = device.driver();
            module = driver.loadModule(KernelImage.read(backend, driver.version(), arena));
        }
        try (var arena = Arena.ofConfined()) {
            var info = arena.allocate(Layouts.KERNELS_BYTES, Layouts.ALIGNMENT);
            copies.toHost(info, device.driver().global(module, "panoptim_kernels"), 0);
            int abi = info.get(JAVA_INT, Layouts.KERNELS_ABI);
            if (abi != PANOPTIM_ABI()) {
                throw new BackendUnavailableException(
                        "backend %s: the kernels have ABI %d, but this version needs %d"
                                .formatted(backend, abi, PANOPTIM_ABI()));
            }
            registry = registry(backend, info);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, this::close);
            throw e;
        }
    }

    private static KernelRegistry registry(String backend, MemorySegment info) {
        var described = new ArrayList<MemorySegment>();
        for (int i = 0; i < info.get(JAVA_INT, Layouts.KERNELS_RULE_COUNT); i++) {
            described.add(
                    info.asSlice(
                            Layouts.KERNELS_RULES + i * Layouts.RULE_BYTES, Layouts.RULE_BYTES));
        }
        return KernelRegistry.of(backend, described);
    }

    /** The rules. */
    KernelRegistry registry() {
        return registry;
    }

    /** The kernel that measures gradients. */
    Kernel measure() {
        return overChunks("panoptim_measure");
    }

    /** The kernel between the passes. */
    Kernel control() {
        return kernels.computeIfAbsent(
                "panoptim_control_step",
                name -> new Kernel(name, function(name), CONTROL_THREADS, 1));
    }

    /** The kernel that prepares the first phase of very many tensors. */
    Kernel prepare() {
        return overBlocks("panoptim_prepare", PREPARE_THREADS);
    }

    /** The kernel that zeroes gradients. */
    Kernel zero() {
        return overChunks("panoptim_zero");
    }

    /** The kernel that updates float32 tensors by a rule. */
    Kernel update(KernelRegistry.Kernel rule, boolean statistics) {
        return overChunks(
                "panoptim_update_"
                        + rule.name()
                        + "_f32_f32_f32"
                        + (statistics ? "_statistics" : ""));
    }

    /**
     * A kernel of Kronecker factors.
     *
     * @param name without {@code "panoptim_kfac_"}
     * @param threads of a block, as it was compiled for
     */
    Kernel kronecker(String name, int threads) {
        return overBlocks("panoptim_kfac_" + name, threads);
    }

    /**
     * A kernel of Kronecker factors with dynamic shared memory, which its launches are to name.
     *
     * @param name without {@code "panoptim_kfac_"}
     * @param threads of a block, as it was compiled for
     * @param most the most bytes that a launch may ask for
     * @return empty where the device has less for a thread block
     */
    Optional<Kernel> kronecker(String name, int threads, int most) {
        var kernel =
                kernels.computeIfAbsent(
                        "panoptim_kfac_" + name, full -> withShared(full, threads, most));
        return Optional.of(kernel).filter(found -> found.blocks() > 0);
    }

    private Kernel withShared(String name, int threads, int most) {
        var driver = device.driver();
        long function = function(name);
        long bytes = (long) most + driver.functionAttribute(SHARED_SIZE_BYTES, function);
        if (bytes > device.sharedMemory()) {
            return new Kernel(name, function, threads, 0);
        }
        driver.functionAttribute(MAX_DYNAMIC_SHARED_SIZE_BYTES, function, most);
        int residents = driver.occupancy(function, threads, most);
        return new Kernel(name, function, threads, residents * device.multiprocessors());
    }

    private Kernel overChunks(String kernel) {
        return overBlocks(kernel, CHUNK_THREADS);
    }

    private Kernel overBlocks(String kernel, int threads) {
        return kernels.computeIfAbsent(
                kernel,
                name -> {
                    long function = function(name);
                    int residents = device.driver().occupancy(function, threads, 0);
                    int blocks = Math.max(1, residents * device.multiprocessors());
                    return new Kernel(name, function, threads, blocks);
                });
    }

    private long function(String name) {
        return device.driver().function(module, name);
    }

    @Override
    public void close() {
        Cleanup.all(device::enter, () -> device.driver().unloadModule(module));
    }
}

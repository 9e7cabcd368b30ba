package org.panoptim.cuda.device;

import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_ABI;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.panoptim.abi.KernelRegistry;
import org.panoptim.abi.Layouts;
import org.panoptim.backend.BackendUnavailableException;
import org.panoptim.cuda.driver.CudaDevice;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.driver.HostCopies;
import org.panoptim.spi.Cleanup;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * The kernels, with their launch shapes, in images that are loaded when they are first asked for:
 * what every step needs, what one header of rules has, batches of matrices, and Kronecker factors.
 * Safe for use by several threads, with the device's context current; it still is behind every
 * method.
 */
public final class CudaKernels implements AutoCloseable, KernelRegistry.Library {

    /** The image for Kronecker factors. */
    private static final String KRONECKER = "kfac";

    /** The image for batches of matrices. */
    private static final String MATRIX = "matrix";

    /** Threads of a block of its kernels: {@code matrix_threads} there. */
    public static final int MATRIX_THREADS = 256;

    /** Threads of a block of the kernels that go over chunks: {@code chunk_threads} there. */
    private static final int CHUNK_THREADS = 128;

    /** Threads of the one block of the control kernel: {@code control_threads} there. */
    private static final int CONTROL_THREADS = 512;

    /** Threads of a block of the kernel that prepares: {@code prepare_threads} there. */
    public static final int PREPARE_THREADS = 128;

    /** {@code CUDA_ERROR_NOT_FOUND}. */
    private static final int NOT_FOUND = 500;

    private static final int SHARED_SIZE_BYTES = 1;
    private static final int MAX_DYNAMIC_SHARED_SIZE_BYTES = 8;

    private final String backend;
    private final CudaDevice device;
    private final HostCopies copies;
    private final KernelImages images;
    private final KernelRegistry registry;

    /** Modules by the file that they were loaded from. */
    private final Map<String, Long> modules = new HashMap<>();

    /** The images of rules, by the names of their rules. */
    private final Map<String, RuleImage> ruleImages = new ConcurrentHashMap<>();

    private final Map<String, Kernel> kernels = new ConcurrentHashMap<>();

    /**
     * An image with the rules of one header.
     *
     * @param rules the {@code panoptim_rule} of each, by name
     */
    private record RuleImage(String name, long module, Map<String, MemorySegment> rules) {}

    /**
     * A function of a module.
     *
     * @param blocks the most blocks that the device holds at a time; 1 if it needs one only; 0 if
     *     the device cannot run it
     */
    public record Kernel(String name, long function, int threads, int blocks) {

        /**
         * The blocks for so many pieces of work, which they deal out among themselves: as few as
         * need no more rounds than all that the device holds, so that the last round is a full one.
         */
        public int blocksFor(long pieces) {
            if (pieces == 0) {
                return 0;
            }
            long rounds = Math.ceilDiv(pieces, blocks);
            return Math.toIntExact(Math.ceilDiv(pieces, rounds));
        }
    }

    /**
     * The kernels for a device.
     *
     * @throws BackendUnavailableException if there are none, with the reason
     */
    public CudaKernels(String backend, CudaDevice device, HostCopies copies) {
        this.backend = backend;
        this.device = device;
        this.copies = copies;
        images = new KernelImages(backend, device.driver().version());
        registry = new KernelRegistry(backend, this);
        module(KernelImages.STEP);
    }

    private synchronized long module(String image) {
        // Behind the lock: a virtual thread that waited for it may have gone on elsewhere.
        device.enter();
        var file = images.file(image);
        var loaded = modules.get(file);
        if (loaded != null) {
            return loaded;
        }
        try (var arena = Arena.ofConfined()) {
            long module = device.driver().loadModule(images.read(image, arena));
            modules.put(file, module);
            return module;
        }
    }

    @Override
    public Optional<MemorySegment> describe(String rule) {
        for (var image : KernelImages.candidates(rule)) {
            if (images.exists(image)) {
                var described = load(image).map(loaded -> loaded.rules().get(rule));
                if (described.isPresent()) {
                    return described;
                }
            }
        }
        return Optional.empty();
    }

    @Override
    public String contents() {
        return "";
    }

    /** An image of rules; empty if the file has no such image. */
    private synchronized Optional<RuleImage> load(String image) {
        device.enter();
        long module = module(image);
        long address;
        try {
            address = device.driver().global(module, "panoptim_image_" + image);
        } catch (CudaException e) {
            if (e.code() == NOT_FOUND) {
                return Optional.empty();
            }
            throw e;
        }
        var table = Arena.ofAuto().allocate(Layouts.IMAGE_BYTES, Layouts.ALIGNMENT);
        synchronized (copies) {
            copies.toHost(table, address, 0);
        }
        int abi = table.get(JAVA_INT, Layouts.IMAGE_ABI);
        if (abi != PANOPTIM_ABI()) {
            throw new BackendUnavailableException(
                    "backend %s: the kernels have ABI %d, but this version needs %d"
                            .formatted(backend, abi, PANOPTIM_ABI()));
        }
        var rules = new HashMap<String, MemorySegment>();
        for (int i = 0; i < table.get(JAVA_INT, Layouts.IMAGE_RULE_COUNT); i++) {
            var rule =
                    table.asSlice(Layouts.IMAGE_RULES + i * Layouts.RULE_BYTES, Layouts.RULE_BYTES);
            rules.put(KernelRegistry.name(rule), rule);
        }
        var loaded = new RuleImage(image, module, rules);
        rules.keySet().forEach(name -> ruleImages.put(name, loaded));
        return Optional.of(loaded);
    }

    /** The rules. */
    public KernelRegistry registry() {
        return registry;
    }

    /** The kernel that measures gradients. */
    public Kernel measure() {
        return overChunks(module(KernelImages.STEP), "panoptim_measure");
    }

    /** The kernel that adds up rows of floats. */
    public Kernel sumRows() {
        return overChunks(module(KernelImages.STEP), "panoptim_sum_rows");
    }

    /** The kernel that zeroes gradients. */
    public Kernel zero() {
        return overChunks(module(KernelImages.STEP), "panoptim_zero");
    }

    /**
     * The name of the image that has a rule: the rules of one image have their kernels between the
     * passes in common.
     */
    public String image(KernelRegistry.Kernel rule) {
        return ruleImage(rule).name();
    }

    private RuleImage ruleImage(KernelRegistry.Kernel rule) {
        return Objects.requireNonNull(ruleImages.get(rule.name()), rule.name());
    }

    /** The kernel between the passes, of a rule's image. */
    public Kernel control(KernelRegistry.Kernel rule) {
        var image = ruleImage(rule);
        return kernel(
                "panoptim_control_" + image.name(),
                name -> new Kernel(name, function(image.module(), name), CONTROL_THREADS, 1));
    }

    /**
     * The same kernel for what it does by many blocks: advancing the states of rows and columns of
     * an image's rules.
     */
    public Kernel lines(KernelRegistry.Kernel rule) {
        var image = ruleImage(rule);
        return kernel(
                "panoptim_control_" + image.name() + " over panels",
                _ -> blocks(image.module(), "panoptim_control_" + image.name(), CONTROL_THREADS));
    }

    /** The kernel that prepares the first phase of very many tensors, of a rule's image. */
    public Kernel prepare(KernelRegistry.Kernel rule) {
        var image = ruleImage(rule);
        return overBlocks(image.module(), "panoptim_prepare_" + image.name(), PREPARE_THREADS);
    }

    /** The kernel that updates tensors by a rule. */
    public Kernel update(KernelRegistry.Kernel rule, boolean statistics) {
        return overChunks(
                ruleImage(rule).module(),
                "panoptim_update_" + rule.name() + (statistics ? "_statistics" : ""));
    }

    /**
     * A kernel on batches of matrices.
     *
     * @param name without {@code "panoptim_matrix_"}
     */
    public Kernel matrix(String name) {
        return overBlocks(module(MATRIX), "panoptim_matrix_" + name, MATRIX_THREADS);
    }

    /**
     * A kernel of Kronecker factors.
     *
     * @param name without {@code "panoptim_kfac_"}
     * @param threads of a block, as it was compiled for
     */
    public Kernel kronecker(String name, int threads) {
        return overBlocks(module(KRONECKER), "panoptim_kfac_" + name, threads);
    }

    /**
     * A kernel of Kronecker factors with dynamic shared memory, which its launches are to name.
     *
     * @param name without {@code "panoptim_kfac_"}
     * @param threads of a block, as it was compiled for
     * @param most the most bytes that a launch may ask for
     * @return empty where the device has less for a thread block
     */
    public Optional<Kernel> kronecker(String name, int threads, int most) {
        var kernel = kernel("panoptim_kfac_" + name, full -> withShared(full, threads, most));
        return Optional.of(kernel).filter(found -> found.blocks() > 0);
    }

    private Kernel withShared(String name, int threads, int most) {
        var driver = device.driver();
        long function = function(module(KRONECKER), name);
        long bytes = (long) most + driver.functionAttribute(SHARED_SIZE_BYTES, function);
        if (bytes > device.sharedMemory()) {
            return new Kernel(name, function, threads, 0);
        }
        driver.functionAttribute(MAX_DYNAMIC_SHARED_SIZE_BYTES, function, most);
        int residents = driver.occupancy(function, threads, most);
        return new Kernel(name, function, threads, residents * device.multiprocessors());
    }

    private Kernel overChunks(long module, String kernel) {
        return overBlocks(module, kernel, CHUNK_THREADS);
    }

    private Kernel overBlocks(long module, String kernel, int threads) {
        return kernel(kernel, name -> blocks(module, name, threads));
    }

    private Kernel blocks(long module, String name, int threads) {
        long function = function(module, name);
        int residents = device.driver().occupancy(function, threads, 0);
        int blocks = Math.max(1, residents * device.multiprocessors());
        return new Kernel(name, function, threads, blocks);
    }

    private Kernel kernel(String name, Function<String, Kernel> find) {
        var known = kernels.get(name);
        if (known != null) {
            return known;
        }
        var found =
                kernels.computeIfAbsent(
                        name,
                        absent -> {
                            device.enter();
                            return find.apply(absent);
                        });
        // A virtual thread that waited for another may have gone on elsewhere.
        device.enter();
        return found;
    }

    private long function(long module, String name) {
        return device.driver().function(module, name);
    }

    @Override
    public synchronized void close() {
        var cleanup = new Cleanup();
        modules.values().forEach(module -> cleanup.add(() -> device.driver().unloadModule(module)));
        cleanup.add(device::enter);
        cleanup.run();
    }
}

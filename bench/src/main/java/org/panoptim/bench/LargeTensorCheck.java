package org.panoptim.bench;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.cli.output.ProcessStream;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.cuda.CudaFfmProvider;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.cuda.jcuda.CudaJcudaProvider;
import org.panoptim.memory.Buffer;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.spi.Cleanup;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Checks steps over a tensor of more elements than an int counts. A block of numbers is repeated in
 * its value and gradient, so every block of what steps leave must have the bits that the reference
 * leaves of one such block; and a clipped step must find the norm of all of them, and leave the
 * same in every block.
 *
 * <p>Exit status 1 if a block differs, 3 if the device has too little memory. On the virtual GPU
 * the tensor is small.
 */
public final class LargeTensorCheck {

    private static final int FAILED = 1;
    private static final int NOT_POSSIBLE = 3;

    /** Beyond a whole number of blocks and beyond what 31 bits count. */
    private static final long ELEMENTS = (1L << 31) + 70_001;

    private static final int BLOCK = 1 << 20;
    private static final long ELEMENTS_ON_VIRTUAL = 70_001;
    private static final int BLOCK_ON_VIRTUAL = 1 << 12;

    /** Value, gradient and two states. */
    private static final long BYTES_PER_ELEMENT = 4L * Float.BYTES;

    /** Of the device's memory, what these may take. */
    private static final double MEMORY_SHARE = 0.9;

    private static final int STEPS = 3;
    private static final List<String> STATES = List.of("exp_avg", "exp_avg_sq");
    private static final AdamW RULE = AdamW.defaults();

    /** A sum in double of at most 2³² squares differs from another one's by less. */
    private static final double NORM_TOLERANCE = 1e-9;

    private final CudaBackend backend;
    private final long elements;
    private final long blockBytes;
    private final float[] value;
    private final float[] gradient;

    /**
     * A check on a device, which stays the caller's.
     *
     * @param block how many elements are repeated
     */
    LargeTensorCheck(CudaBackend backend, long elements, int block) {
        this.backend = backend;
        this.elements = elements;
        blockBytes = (long) block * Float.BYTES;
        value = numbers(Model.VALUES, block);
        gradient = numbers(Model.GRADIENTS, block);
    }

    private static float[] numbers(long seed, int count) {
        try (var arena = Arena.ofConfined()) {
            var block = arena.allocate((long) count * Float.BYTES, Float.BYTES);
            new Numbers(seed, 0).fill(block);
            return block.toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    /** Checks both implementations. */
    public static void main(String[] arguments) {
        int status =
                Math.max(
                        check(() -> CudaFfmProvider.open(CudaOptions.defaults())),
                        check(() -> CudaJcudaProvider.open(CudaOptions.defaults())));
        if (status != 0) {
            System.exit(status);
        }
    }

    private static int check(Supplier<CudaBackend> opener) {
        var out = ProcessStream.out();
        try (var backend = opener.get()) {
            boolean virtual = backend.device().virtual();
            long elements = virtual ? ELEMENTS_ON_VIRTUAL : ELEMENTS;
            if (BYTES_PER_ELEMENT * elements > MEMORY_SHARE * backend.device().memory()) {
                out.printf("%s: too little memory for %,d elements%n", backend.name(), elements);
                return NOT_POSSIBLE;
            }
            var check = new LargeTensorCheck(backend, elements, virtual ? BLOCK_ON_VIRTUAL : BLOCK);
            var problems = check.problems();
            out.printf(
                    "%s: steps over %,d elements %s%n",
                    backend.name(),
                    elements,
                    problems.isEmpty() ? "have the reference's bits" : "are wrong");
            problems.forEach(problem -> out.println("    " + problem));
            return problems.isEmpty() ? 0 : FAILED;
        }
    }

    /** What is wrong, a line each. */
    List<String> problems() {
        var cleanup = new Cleanup();
        try {
            var values = filled(value, cleanup);
            var gradients = filled(gradient, cleanup);
            var parameter =
                    Parameter.of("large", Shape.of(elements), values.memory())
                            .gradient(gradients.memory());
            var problems = new ArrayList<String>();
            problems.addAll(plain(parameter, values));
            problems.addAll(clipped(parameter, values, gradients));
            return problems;
        } finally {
            cleanup.run();
        }
    }

    private Buffer filled(float[] block, Cleanup cleanup) {
        var buffer = cleanup.keep(backend.allocate(elements * Float.BYTES));
        buffer.write(0, MemorySegment.ofArray(block));
        long bytes = buffer.memory().byteSize();
        long address = ((DeviceMemory) buffer.memory()).address();
        var device = backend.device();
        device.enter();
        for (long done = blockBytes; done < bytes; done *= 2) {
            long more = Math.min(done, bytes - done);
            device.driver().copyOnDevice(address + done, address, more, backend.stream());
        }
        return buffer;
    }

    private static Optimizer.Builder<AdamW> builder(Parameter parameter) {
        return Optimizer.builder(RULE).group("all", List.of(parameter));
    }

    /** Steps whose result is the reference's over one block. */
    private List<String> plain(Parameter parameter, Buffer values) {
        try (var reference = Backend.named("reference");
                var arena = Arena.ofConfined();
                var actual = builder(parameter).backend(backend).build();
                var expected =
                        builder(
                                        Parameter.of(
                                                        "block",
                                                        Shape.of(value.length),
                                                        onHost(value, arena))
                                                .gradient(onHost(gradient, arena)))
                                .backend(reference)
                                .build()) {
            for (int step = 0; step < STEPS; step++) {
                actual.step();
                expected.step();
            }
            var problems = new ArrayList<String>();
            var block = expected.groups().getFirst().parameters().getFirst();
            compare("value", onHost(block), values::read, problems);
            for (var state : STATES) {
                var wanted = expected.state("block", state).toArray();
                compare(
                        state,
                        MemorySegment.ofArray(wanted),
                        actual.state("large", state)::read,
                        problems);
            }
            return problems;
        }
    }

    private static MemorySegment onHost(float[] numbers, Arena arena) {
        return arena.allocateFrom(ValueLayout.JAVA_FLOAT, numbers);
    }

    private static MemorySegment onHost(Parameter parameter) {
        return ((HostMemory) parameter.value()).segment();
    }

    /** What reads bytes from an offset. */
    private interface Reader {
        void read(long offset, MemorySegment destination);
    }

    private void compare(String what, MemorySegment wanted, Reader actual, List<String> problems) {
        try (var arena = Arena.ofConfined()) {
            var room = arena.allocate(blockBytes, Float.BYTES);
            long bytes = elements * Float.BYTES;
            for (long offset = 0; offset < bytes; offset += blockBytes) {
                long count = Math.min(blockBytes, bytes - offset);
                actual.read(offset, room.asSlice(0, count));
                long differing = MemorySegment.mismatch(room, 0, count, wanted, 0, count);
                if (differing >= 0) {
                    problems.add(
                            "%s: other bits than expected from element %,d on"
                                    .formatted(what, (offset + differing) / Float.BYTES));
                    return;
                }
            }
        }
    }

    /** A step that clips and zeroes. */
    private List<String> clipped(Parameter parameter, Buffer values, Buffer gradients) {
        var problems = new ArrayList<String>();
        try (var optimizer =
                builder(parameter).clipGlobalNorm(1).zeroGradients(true).backend(backend).build()) {
            optimizer.step();
            double norm = optimizer.report().gradientNorm().orElse(Double.NaN);
            double expected = norm();
            if (!(Math.abs(norm - expected) <= NORM_TOLERANCE * expected)) {
                problems.add("the norm of the gradient is %s, not %s".formatted(norm, expected));
            }
            var first = MemorySegment.ofArray(new float[value.length]);
            values.read(0, first);
            compare("clipped value", first, values::read, problems);
            compare(
                    "zeroed gradient",
                    MemorySegment.ofArray(new float[value.length]),
                    gradients::read,
                    problems);
        }
        return problems;
    }

    private double norm() {
        double ofBlock = squares(gradient.length);
        return Math.sqrt(
                ofBlock * (elements / gradient.length)
                        + squares((int) (elements % gradient.length)));
    }

    private double squares(int count) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += (double) gradient[i] * gradient[i];
        }
        return sum;
    }
}

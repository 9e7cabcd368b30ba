package org.panoptim.bench.team;

import org.panoptim.bench.Workload;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * A member's tensors of a workload. Values are the same on every member, gradients are not, so that
 * only their mean over all members leads to the right values; {@code bench/peers/torch_ddp.py} has
 * the same numbers.
 */
final class TeamTensors implements AutoCloseable {

    private static final long ALIGNMENT = 64;

    /** So often the repeated numbers are copied at a time. */
    private static final int PERIODS = 256;

    private final int rank;
    private final Arena arena = Arena.ofShared();
    private final List<Parameter> parameters = new ArrayList<>();
    private final List<MemorySegment> values = new ArrayList<>();
    private final List<MemorySegment> gradients = new ArrayList<>();

    TeamTensors(Workload workload, int rank) {
        this.rank = rank;
        for (var shape : workload.shapes()) {
            var value = arena.allocate(shape.elements() * Float.BYTES, ALIGNMENT);
            var gradient = arena.allocate(shape.elements() * Float.BYTES, ALIGNMENT);
            fill(value, 101, 50, 0);
            values.add(value);
            gradients.add(gradient);
            parameters.add(
                    Parameter.of("tensor" + parameters.size(), shape, new HostMemory(value))
                            .gradient(new HostMemory(gradient)));
        }
        refill();
    }

    /** Sets the gradients again. */
    void refill() {
        gradients.forEach(gradient -> fill(gradient, 97, 48, rank));
    }

    /** Element i of a tensor, as it is at first. */
    static float firstValue(long i) {
        return number(i, 101, 50);
    }

    /** Element i of a tensor's gradient on a member. */
    static float gradient(int rank, long i) {
        return number(i + rank, 97, 48);
    }

    private static float number(long i, int period, float half) {
        return i % period / half - 1;
    }

    private static void fill(MemorySegment tensor, int period, float half, int first) {
        var numbers = new float[period * PERIODS];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = number(i + first, period, half);
        }
        long elements = tensor.byteSize() / Float.BYTES;
        for (long begin = 0; begin < elements; begin += numbers.length) {
            int count = (int) Math.min(numbers.length, elements - begin);
            MemorySegment.copy(
                    numbers, 0, tensor, ValueLayout.JAVA_FLOAT, begin * Float.BYTES, count);
        }
    }

    List<Parameter> parameters() {
        return parameters;
    }

    float value(int tensor, long index) {
        return values.get(tensor).getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }

    @Override
    public void close() {
        arena.close();
    }
}

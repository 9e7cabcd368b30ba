package org.panoptim.bench;

import org.panoptim.cuda.CudaBackend;
import org.panoptim.memory.Buffer;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.FloatView;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.Cleanup;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Tensors on a device, each at a multiple of 512 bytes of one piece of memory. The first values of
 * the gradients are kept, so that a copy within the device's memory brings them back.
 */
final class DeviceModel implements Model {

    /** In elements, of two bytes at least. */
    private static final long ALIGNMENT = 256;

    /** So many elements are filled at once. */
    private static final long BLOCK = 1L << 20;

    private final CudaBackend backend;
    private final Scenario scenario;
    private final DType type;
    private final long elements;
    private final Map<DType, Buffer> outputs = new EnumMap<>(DType.class);
    private final Cleanup cleanup = new Cleanup();
    private final Buffer values;
    private final Buffer gradients;
    private final Buffer firstGradients;
    private final List<Extent> extents = new ArrayList<>();
    private final List<List<Parameter>> groups = new ArrayList<>();

    /** Where the elements of a tensor lie in each buffer, by their number. */
    private record Extent(long first, long elements) {

        DeviceMemory in(Buffer buffer, DType type) {
            return new DeviceMemory(
                    buffer.memory().address() + first * type.byteSize(),
                    elements * type.byteSize());
        }
    }

    /** Of floats alone. */
    DeviceModel(CudaBackend backend, List<List<Shape>> shapes) {
        this(backend, shapes, Scenario.STEP);
    }

    DeviceModel(CudaBackend backend, List<List<Shape>> shapes, Scenario scenario) {
        this.backend = backend;
        this.scenario = scenario;
        type = scenario.type();
        elements = shapes.stream().flatMap(List::stream).mapToLong(DeviceModel::room).sum();
        try {
            values = allocate(type);
            gradients = allocate(type);
            firstGradients = allocate(type);
            long first = 0;
            for (var group : shapes) {
                var parameters = new ArrayList<Parameter>();
                for (var shape : group) {
                    var extent = new Extent(first, shape.elements());
                    parameters.add(parameter("tensor" + extents.size(), shape, extent, gradients));
                    extents.add(extent);
                    first += room(shape);
                }
                groups.add(List.copyOf(parameters));
            }
            fill(values, VALUES);
            fill(firstGradients, GRADIENTS);
        } catch (RuntimeException | Error e) {
            cleanup.runAfter(e);
            throw e;
        }
        refillGradients();
    }

    private Buffer allocate(DType of) {
        return cleanup.keep(backend.allocate(elements * of.byteSize()));
    }

    private Parameter parameter(String name, Shape shape, Extent extent, Buffer itsGradients) {
        var parameter = Parameter.of(name, shape, type, extent.in(values, type));
        return scenario.withOutputs(parameter, of -> extent.in(output(of), of))
                .gradient(extent.in(itsGradients, type));
    }

    private Buffer output(DType of) {
        return outputs.computeIfAbsent(of, this::allocate);
    }

    /** Elements from a tensor's first to the next one's: every array begins at a whole multiple. */
    private static long room(Shape shape) {
        return Math.ceilDiv(shape.elements(), ALIGNMENT) * ALIGNMENT;
    }

    /** Through a block on the host, so that no tensor need fit there as a whole. */
    private void fill(Buffer buffer, long seed) {
        try (var arena = Arena.ofConfined()) {
            var block = arena.allocate(BLOCK * type.byteSize(), Long.BYTES);
            for (int tensor = 0; tensor < extents.size(); tensor++) {
                var extent = extents.get(tensor);
                var numbers = new Numbers(seed, tensor);
                for (long done = 0; done < extent.elements; done += BLOCK) {
                    long count = Math.min(BLOCK, extent.elements - done);
                    var part = block.asSlice(0, count * type.byteSize());
                    numbers.fill(new FloatView(part, type));
                    buffer.write((extent.first + done) * type.byteSize(), part);
                }
            }
        }
    }

    CudaBackend backend() {
        return backend;
    }

    @Override
    public List<List<Parameter>> groups() {
        return groups;
    }

    @Override
    public float value(int tensor, long index) {
        return read(values, tensor, index);
    }

    @Override
    public float gradient(int tensor, long index) {
        return read(gradients, tensor, index);
    }

    private float read(Buffer buffer, int tensor, long index) {
        var element = one();
        buffer.read(offset(tensor, index), element.memory());
        return element.get(0);
    }

    @Override
    public void setGradient(int tensor, long index, float gradient) {
        var element = one();
        element.set(0, gradient);
        gradients.write(offset(tensor, index), element.memory());
    }

    /** Room on the host for one element. */
    private FloatView one() {
        return new FloatView(MemorySegment.ofArray(new int[1]).asSlice(0, type.byteSize()), type);
    }

    private long offset(int tensor, long index) {
        var extent = extents.get(tensor);
        Objects.checkIndex(index, extent.elements);
        return (extent.first + index) * type.byteSize();
    }

    /**
     * The same parameters with the first values as their gradients: for steps that leave gradients
     * as they are, and to be used by no others.
     */
    List<List<Parameter>> groupsWithFirstGradients() {
        var copies = new ArrayList<List<Parameter>>();
        int tensor = 0;
        for (var group : groups) {
            var parameters = new ArrayList<Parameter>();
            for (var parameter : group) {
                var extent = extents.get(tensor++);
                parameters.add(
                        parameter(parameter.name(), parameter.shape(), extent, firstGradients));
            }
            copies.add(parameters);
        }
        return copies;
    }

    /** Queues a copy within the device's memory, and does not wait. */
    @Override
    public void refillGradients() {
        var device = backend.device();
        device.enter();
        device.driver()
                .copyOnDevice(
                        gradients.memory().address(),
                        firstGradients.memory().address(),
                        gradients.memory().byteSize(),
                        backend.stream());
    }

    @Override
    public void refillBeforeStep() {
        refillGradients();
        awaitSteps();
    }

    @Override
    public void awaitSteps() {
        backend.device().enter();
        backend.device().driver().synchronizeStream(backend.stream());
    }

    @Override
    public void close() {
        cleanup.run();
    }
}

package org.panoptim.tests.curvature;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.kfac.Batch;
import org.panoptim.kfac.Kfac;
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * A model under K-FAC on one backend: three layers, two of them of the same shape, one without
 * bias, and a parameter of no layer. Its gradients are recorded, not computed.
 */
final class Training implements AutoCloseable {

    private static final int[][] SHAPES = {{9, 7}, {9, 7}, {5, 70}};
    private static final int ROWS = 40;
    private static final double SCALE = 64;

    private final Backend backend;
    private final List<Buffer> buffers = new ArrayList<>();
    private final List<Parameter> parameters = new ArrayList<>();
    private final List<Buffer> values = new ArrayList<>();
    private final List<Buffer> gradients = new ArrayList<>();
    private final Kfac kfac;
    private final Optimizer optimizer;

    Training(String backendName) {
        backend = Backend.named(backendName);
        var builder =
                Kfac.builder(backend).damping(.01).factorPeriod(2).inversePeriod(3).klClip(1e-2);
        for (int i = 0; i < SHAPES.length; i++) {
            var weight = parameter("weight" + i, SHAPES[i][0], SHAPES[i][1]);
            if (i == 1) {
                builder.layer("layer" + i, weight);
            } else {
                builder.layer("layer" + i, weight, parameter("bias" + i, SHAPES[i][0]));
            }
        }
        parameter("free", 13);
        kfac = builder.build();
        optimizer =
                Optimizer.builder(SGD.withLearningRate(.1).withMomentum(.9))
                        .group("all", parameters)
                        .transform(kfac)
                        .nonFinite(NonFinitePolicy.SKIP)
                        .lossScale(LossScale.fixed(SCALE))
                        .backend(backend)
                        .build();
    }

    private Parameter parameter(String name, long... shape) {
        long elements = Shape.of(shape).elements();
        var value = buffer(random(elements, name.hashCode(), 1));
        var gradient = buffer(new float[(int) elements]);
        values.add(value);
        gradients.add(gradient);
        var parameter = Parameter.of(name, Shape.of(shape), value.memory());
        parameter.gradient(gradient.memory());
        parameters.add(parameter);
        return parameter;
    }

    private Buffer buffer(float[] content) {
        var buffer = backend.allocate((long) content.length * Float.BYTES);
        buffer.write(0, MemorySegment.ofArray(content));
        buffers.add(buffer);
        return buffer;
    }

    private static float[] random(long count, long seed, double scale) {
        var random = new Random(seed);
        var values = new float[(int) count];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (scale * random.nextGaussian());
        }
        return values;
    }

    /** Takes these steps; at step 4 a gradient is not finite, and the step is refused. */
    void train(int from, int to) {
        for (int step = from; step < to; step++) {
            for (int i = 0; i < SHAPES.length; i++) {
                for (int part = 0; part < 2; part++) {
                    long seed = 1000L * step + 10L * i + part;
                    var inputs = buffer(random((long) ROWS * SHAPES[i][1], seed, 1));
                    var rows = buffer(random((long) ROWS * SHAPES[i][0], seed + 5, SCALE / ROWS));
                    kfac.accumulate("layer" + i, inputs.memory(), rows.memory(), Batch.mean());
                }
            }
            for (int p = 0; p < parameters.size(); p++) {
                long count = parameters.get(p).elements();
                var gradient = random(count, 77L * step + p, SCALE);
                if (step == 4 && p == 2) {
                    gradient[3] = Float.POSITIVE_INFINITY;
                }
                gradients.get(p).write(0, MemorySegment.ofArray(gradient));
            }
            optimizer.step();
        }
    }

    /** All parameters' values, one behind the other. */
    List<float[]> values() {
        return values.stream().map(Training::read).toList();
    }

    private static float[] read(Buffer buffer) {
        var content = new float[(int) (buffer.memory().byteSize() / Float.BYTES)];
        buffer.read(0, MemorySegment.ofArray(content));
        return content;
    }

    void setValues(List<float[]> content) {
        for (int i = 0; i < content.size(); i++) {
            values.get(i).write(0, MemorySegment.ofArray(content.get(i)));
        }
    }

    void save(Path file) throws IOException {
        optimizer.save(file);
    }

    void load(Path file) throws IOException {
        optimizer.load(file);
    }

    long skipped() {
        return optimizer.report().skipped();
    }

    double largestError() {
        return kfac.report().orElseThrow().largestError();
    }

    double klCoefficient() {
        return kfac.klCoefficient().orElseThrow();
    }

    @Override
    public void close() {
        optimizer.close();
        kfac.close();
        buffers.forEach(Buffer::close);
        backend.close();
    }
}

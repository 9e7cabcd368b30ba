package org.panoptim.tests.cuda;

import org.panoptim.abi.bindings.panoptim_control;
import org.panoptim.kfac.engine.Contribution;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.memory.Buffer;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.DeviceStep;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;

/** Layers, contributions and steps on a device. */
final class Layers {

    private Layers() {}

    /** A layer with gradients. */
    static KroneckerLayer layer(
            Device device, String name, int outputs, int inputs, boolean bias, Random random) {
        var weight =
                Parameter.of(
                        name + ".weight",
                        Shape.of(outputs, inputs),
                        device.floats(new float[outputs * inputs]).memory());
        weight.gradient(device.floats(Doubles.random(random, outputs * inputs)).memory());
        if (!bias) {
            return new KroneckerLayer(name, weight, Optional.empty());
        }
        var vector =
                Parameter.of(
                        name + ".bias",
                        Shape.of(outputs),
                        device.floats(new float[outputs]).memory());
        vector.gradient(device.floats(Doubles.random(random, outputs)).memory());
        return new KroneckerLayer(name, weight, Optional.of(vector));
    }

    /** What a test says of a step. */
    record Step(boolean accepted, double lossScale, double rateFactor) {

        static final Step ACCEPTED = new Step(true, 1, 1);
        static final Step REFUSED = new Step(false, 1, 1);

        /** The step's control in a buffer of the device's. */
        DeviceStep on(Device device) {
            try (var arena = Arena.ofConfined()) {
                var control = panoptim_control.allocate(arena);
                panoptim_control.accepted(control, accepted ? 1 : 0);
                panoptim_control.loss_scale(control, lossScale);
                panoptim_control.gradient_scale(control, 1 / lossScale);
                panoptim_control.rate_factor(control, rateFactor);
                var buffer = device.bytes(control.byteSize());
                buffer.write(0, control);
                return new DeviceStep(buffer.memory().address());
            }
        }
    }

    /** A micro-batch as the host knows it. */
    record Batch(
            float[] inputs, float[] gradients, byte[] mask, double averagedOver, double scale) {

        static Batch random(KroneckerLayer layer, int rows, Random random) {
            return new Batch(
                    Doubles.random(random, rows * layer.inputs()),
                    Doubles.random(random, rows * layer.outputs()),
                    null,
                    1,
                    1);
        }

        Batch masked(byte... newMask) {
            return new Batch(inputs, gradients, newMask, averagedOver, scale);
        }

        /** Over how many rows the loss was averaged; 0: over those that count. */
        Batch averaged(double over) {
            return new Batch(inputs, gradients, mask, over, scale);
        }

        /** The loss scale; 0: the optimizer's. */
        Batch scaled(double newScale) {
            return new Batch(inputs, gradients, mask, averagedOver, newScale);
        }

        int rows(KroneckerLayer layer) {
            return inputs.length / layer.inputs();
        }

        boolean counts(int row) {
            return mask == null || mask[row] != 0;
        }

        int counted(KroneckerLayer layer) {
            int count = 0;
            for (int i = 0; i < rows(layer); i++) {
                count += counts(i) ? 1 : 0;
            }
            return count;
        }

        Contribution on(Device device, KroneckerLayer layer) {
            return new Contribution(
                    device.floats(inputs).memory(),
                    device.floats(gradients).memory(),
                    Optional.ofNullable(mask).map(bytes -> mask(device, bytes)),
                    rows(layer),
                    averagedOver > 0 ? OptionalDouble.of(averagedOver) : OptionalDouble.empty(),
                    scale > 0 ? OptionalDouble.of(scale) : OptionalDouble.empty());
        }

        private static Memory mask(Device device, byte[] bytes) {
            Buffer buffer = device.bytes(bytes.length);
            buffer.write(0, MemorySegment.ofArray(bytes));
            return buffer.memory();
        }

        /** An element of x. */
        double x(KroneckerLayer layer, int side, int row, int column, double optimizerScale) {
            if (side == 0) {
                return column < layer.inputs() ? inputs[row * layer.inputs() + column] : 1;
            }
            double over = averagedOver > 0 ? averagedOver : counted(layer);
            double unscale = over / (scale > 0 ? scale : optimizerScale);
            return gradients[row * layer.outputs() + column] * unscale;
        }
    }
}

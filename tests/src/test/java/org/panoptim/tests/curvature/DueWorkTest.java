package org.panoptim.tests.curvature;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.kfac.AdaFisherCurvature;
import org.panoptim.kfac.Batch;
import org.panoptim.kfac.Kfac;
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdaFisher;
import org.panoptim.rule.SGD;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/**
 * On every backend, what is due stays due until it was done, and a refused step leaves no trace. A
 * device that decides on its steps by itself is no exception.
 */
class DueWorkTest {

    private static final int ROWS = 6;
    private static final int INPUTS = 3;
    private static final int OUTPUTS = 2;

    static Stream<String> backends() {
        return CurvatureBackends.names().stream();
    }

    /** A layer with a bias; its weight and bias are in different groups. */
    private abstract static class Model implements AutoCloseable {
        final Backend backend;
        final List<Buffer> buffers = new ArrayList<>();
        final Buffer weightGradient;
        final Buffer biasGradient;
        final Parameter weight;
        final Parameter bias;
        final Buffer value;

        Model(String name) {
            backend = Backend.named(name);
            value = buffer(new float[OUTPUTS * INPUTS]);
            weightGradient = buffer(new float[OUTPUTS * INPUTS]);
            biasGradient = buffer(new float[OUTPUTS]);
            weight = Parameter.of("weight", Shape.of(OUTPUTS, INPUTS), value.memory());
            bias = Parameter.of("bias", Shape.of(OUTPUTS), buffer(new float[OUTPUTS]).memory());
            weight.gradient(weightGradient.memory());
            bias.gradient(biasGradient.memory());
        }

        final Buffer buffer(float... content) {
            var buffer = backend.allocate((long) content.length * Float.BYTES);
            buffer.write(0, MemorySegment.ofArray(content));
            buffers.add(buffer);
            return buffer;
        }

        final Buffer bytes(byte... content) {
            var buffer = backend.allocate(content.length);
            buffer.write(0, MemorySegment.ofArray(content));
            buffers.add(buffer);
            return buffer;
        }

        final Optimizer.Builder<?> describe(
                Optimizer.Builder<?> builder, CurvatureTransform transform) {
            return builder.group("weights", List.of(weight))
                    .group("biases", List.of(bias))
                    .transform(transform)
                    .nonFinite(NonFinitePolicy.SKIP)
                    .lossScale(LossScale.fixed(1024))
                    .backend(backend);
        }

        abstract void accumulate(Buffer inputs, Buffer outputGradients, Batch batch);

        abstract Optimizer optimizer();

        void contribute(int step, double times, Batch batch) {
            accumulate(
                    buffer(random(ROWS * INPUTS, step, times)),
                    buffer(random(ROWS * OUTPUTS, 100 + step, 1024)),
                    batch);
        }

        void step(int step, double times) {
            weightGradient.write(
                    0, MemorySegment.ofArray(random(OUTPUTS * INPUTS, 200 + step, 1024 * times)));
            biasGradient.write(0, MemorySegment.ofArray(random(OUTPUTS, 300 + step, 1024)));
            optimizer().step();
        }

        void train(int step) {
            contribute(step, 1, Batch.sum());
            step(step, 1);
        }

        float[] values() {
            var content = new float[OUTPUTS * INPUTS];
            value.read(0, MemorySegment.ofArray(content));
            return content;
        }

        @Override
        public void close() {
            buffers.forEach(Buffer::close);
            backend.close();
        }
    }

    private static float[] random(int count, long seed, double times) {
        var random = new Random(seed);
        var values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (times * random.nextGaussian());
        }
        return values;
    }

    private static final class WithKfac extends Model {
        final Kfac kfac;
        private final Optimizer optimizer;

        WithKfac(String backendName, int factorPeriod, int inversePeriod) {
            super(backendName);
            kfac =
                    Kfac.builder(backend)
                            .layer("l", weight, bias)
                            .damping(.01)
                            .factorPeriod(factorPeriod)
                            .inversePeriod(inversePeriod)
                            .build();
            optimizer = describe(Optimizer.builder(SGD.withLearningRate(1)), kfac).build();
        }

        @Override
        void accumulate(Buffer inputs, Buffer outputGradients, Batch batch) {
            kfac.accumulate("l", inputs.memory(), outputGradients.memory(), batch);
        }

        @Override
        Optimizer optimizer() {
            return optimizer;
        }

        @Override
        public void close() {
            optimizer.close();
            kfac.close();
            super.close();
        }
    }

    private static final class WithFisher extends Model {
        final AdaFisherCurvature curvature;
        private final Optimizer optimizer;

        WithFisher(String backendName) {
            this(backendName, 4);
        }

        WithFisher(String backendName, int period) {
            super(backendName);
            curvature =
                    AdaFisherCurvature.builder(backend)
                            .layer("l", weight, bias)
                            .period(period)
                            .build();
            optimizer =
                    describe(Optimizer.builder(AdaFisher.withLearningRate(1)), curvature).build();
        }

        @Override
        void accumulate(Buffer inputs, Buffer outputGradients, Batch batch) {
            curvature.accumulate("l", inputs.memory(), outputGradients.memory(), batch);
        }

        @Override
        Optimizer optimizer() {
            return optimizer;
        }

        float[] fisher(String parameter) {
            return optimizer.state(parameter, "fisher").toArray();
        }

        @Override
        public void close() {
            optimizer.close();
            curvature.close();
            super.close();
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void afterARefusedStepKfacIsAsWithoutIt(String backend) {
        for (int[] periods : new int[][] {{1, 4}, {3, 3}, {2, 4}}) {
            for (int at : new int[] {0, 3, 4, 5}) {
                try (var straight = new WithKfac(backend, periods[0], periods[1]);
                        var hindered = new WithKfac(backend, periods[0], periods[1])) {
                    for (int step = 0; step < 9; step++) {
                        straight.train(step);
                        if (step == at) {
                            hindered.contribute(900, 1, Batch.sum());
                            hindered.step(900, Double.POSITIVE_INFINITY);
                            hindered.step(901, Double.NaN);
                        }
                        hindered.train(step);
                        assertThat(hindered.values())
                                .as("step %d of %s", step, Arrays.toString(periods))
                                .isEqualTo(straight.values());
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void kfacsFirstFactorsAndInversesComeWithTheFirstRowsThatCount(String backend) {
        try (var straight = new WithKfac(backend, 5, 5);
                var late = new WithKfac(backend, 5, 5)) {
            late.step(900, 1);
            late.contribute(901, Double.NaN, Batch.sum());
            late.step(901, 1);
            late.contribute(902, 1, Batch.sum().withMask(late.bytes(new byte[ROWS]).memory()));
            late.step(902, 1);
            assertThat(late.values()).as("no plain gradient moves it").containsOnly(0);
            assertThat(late.kfac.layersWithoutInverse()).containsExactly("l");
            straight.train(0);
            late.train(0);
            assertThat(late.values()).isEqualTo(straight.values());
            assertThat(late.kfac.layersWithoutInverse()).isEmpty();
            assertThat(late.kfac.factorsDue()).isFalse();
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void afterARefusedStepAdaFisherIsAsWithoutIt(String backend) {
        for (int at : new int[] {0, 1, 4, 5}) {
            try (var straight = new WithFisher(backend);
                    var hindered = new WithFisher(backend)) {
                for (int step = 0; step < 9; step++) {
                    straight.train(step);
                    if (step == at) {
                        hindered.contribute(900, 1, Batch.sum());
                        hindered.step(900, Double.POSITIVE_INFINITY);
                    }
                    hindered.train(step);
                    assertThat(hindered.fisher("weight")).isEqualTo(straight.fisher("weight"));
                    assertThat(hindered.values()).isEqualTo(straight.values());
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void adaFishersCurvatureIsOneUntilRowsCountedWhateverTheLossScale(String backend) {
        try (var straight = new WithFisher(backend);
                var late = new WithFisher(backend)) {
            late.contribute(902, 1, Batch.sum().withMask(late.bytes(new byte[ROWS]).memory()));
            late.step(902, 1);
            assertThat(late.fisher("weight")).containsOnly(1);
            late.contribute(901, Double.NaN, Batch.sum());
            late.step(901, 1);
            assertThat(late.fisher("weight")).containsOnly(1);
            assertThat(late.curvature.factorsDue()).isTrue();
            straight.train(0);
            late.train(0);
            assertThat(late.fisher("weight")).isEqualTo(straight.fisher("weight"));
            assertThat(late.curvature.factorsDue()).isFalse();
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void aParameterThatWasFrozenAtAdaFishersUpdateGetsTheNextOneOnceItIsNot(String backend) {
        try (var model = new WithFisher(backend)) {
            model.optimizer().freeze("biases");
            model.train(0);
            assertThat(model.fisher("weight")).isNotEqualTo(new float[] {1, 1, 1, 1, 1, 1});
            assertThat(model.fisher("bias")).containsOnly(1);
            assertThat(model.curvature.factorsDue()).isFalse();
            model.step(1, 1);
            model.optimizer().unfreeze("biases");
            assertThat(model.curvature.factorsDue()).isTrue();
            model.contribute(2, 1, Batch.sum());
            model.step(902, Double.NaN);
            assertThat(model.curvature.factorsDue()).as("it was refused").isTrue();
            model.train(2);
            assertThat(model.fisher("bias")).isNotEqualTo(new float[] {1, 1});
            assertThat(model.curvature.factorsDue()).isFalse();
        }
    }

    /** Updates at steps 0 and 1, then contributions in vain. */
    private static void hinder(Model model) {
        model.train(0);
        model.train(1);
        model.step(2, 1);
        model.contribute(3, 1, Batch.sum());
        model.step(903, Double.NaN);
        model.contribute(4, Double.NaN, Batch.sum());
        model.step(4, 1);
        model.step(5, 1);
    }

    @ParameterizedTest
    @MethodSource("backends")
    void aCheckpointSaysWhichStepsUpdateWasTheLast(String backend) {
        try (var kfac = new WithKfac(backend, 1, 100);
                var fisher = new WithFisher(backend, 1)) {
            hinder(kfac);
            assertThat(kfac.kfac.metadata()).containsEntry("steps", "5");
            assertThat(kfac.kfac.metadata().get("layer.l")).startsWith("2 1 1 ");
            hinder(fisher);
            assertThat(fisher.curvature.metadata())
                    .containsEntry("steps", "5")
                    .containsEntry("layer.l", "2 1 1 true true");
        }
    }
}

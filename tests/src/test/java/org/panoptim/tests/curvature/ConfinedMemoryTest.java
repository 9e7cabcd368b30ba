package org.panoptim.tests.curvature;

import static org.assertj.core.api.Assertions.assertThat;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.kfac.AdaFisherCurvature;
import org.panoptim.kfac.Batch;
import org.panoptim.kfac.Kfac;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdaFisher;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/** Memory of an arena that one thread owns serves as well as memory that all threads share. */
class ConfinedMemoryTest {

    private static final int LAYERS = 3;
    private static final int OUTPUTS = 40;
    private static final int INPUTS = 70;
    private static final int ROWS = 64;
    private static final int STEPS = 3;

    private static MemorySegment random(Arena arena, int elements, long seed) {
        var random = new Random(seed);
        var segment = arena.allocate(JAVA_FLOAT, elements);
        for (int i = 0; i < elements; i++) {
            segment.setAtIndex(JAVA_FLOAT, i, (float) random.nextGaussian());
        }
        return segment;
    }

    private static List<Parameter> weights(Arena arena) {
        return IntStream.range(0, LAYERS)
                .mapToObj(
                        i -> {
                            int elements = OUTPUTS * INPUTS;
                            var values = random(arena, elements, i);
                            var gradient = random(arena, elements, 10 + i);
                            return Parameter.of("w" + i, Shape.of(OUTPUTS, INPUTS), values)
                                    .gradient(gradient);
                        })
                .toList();
    }

    private static List<float[]> values(List<Parameter> weights) {
        return weights.stream()
                .map(each -> ((HostMemory) each.value()).segment().toArray(JAVA_FLOAT))
                .toList();
    }

    private interface Collector {
        void accumulate(
                String layer, MemorySegment inputs, MemorySegment outputGradients, Batch batch);
    }

    private static List<float[]> trainWithKfac(String backendName, Arena arena) {
        var weights = weights(arena);
        try (var backend = Backend.named(backendName)) {
            var builder = Kfac.builder(backend).damping(.1);
            for (var weight : weights) {
                builder.layer(weight.name(), weight);
            }
            try (var kfac = builder.build()) {
                train(backend, arena, weights, SGD.withLearningRate(.1), kfac, kfac::accumulate);
            }
        }
        return values(weights);
    }

    private static List<float[]> trainWithAdaFisher(String backendName, Arena arena) {
        var weights = weights(arena);
        try (var backend = Backend.named(backendName)) {
            var builder = AdaFisherCurvature.builder(backend);
            for (var weight : weights) {
                builder.layer(weight.name(), weight);
            }
            try (var fisher = builder.build()) {
                var rule = AdaFisher.withLearningRate(.1);
                train(backend, arena, weights, rule, fisher, fisher::accumulate);
            }
        }
        return values(weights);
    }

    private static void train(
            Backend backend,
            Arena arena,
            List<Parameter> weights,
            UpdateRule rule,
            CurvatureTransform transform,
            Collector collector) {
        try (var optimizer =
                Optimizer.builder(rule)
                        .group("all", weights)
                        .transform(transform)
                        .backend(backend)
                        .build()) {
            for (int step = 0; step < STEPS; step++) {
                for (int i = 0; i < LAYERS; i++) {
                    var inputs = random(arena, ROWS * INPUTS, 100L * step + i);
                    var gradients = random(arena, ROWS * OUTPUTS, 100L * step + 50 + i);
                    collector.accumulate(weights.get(i).name(), inputs, gradients, Batch.mean());
                }
                optimizer.step();
            }
        }
    }

    private static void assertSame(List<float[]> actual, List<float[]> expected) {
        for (int i = 0; i < expected.size(); i++) {
            assertThat(actual.get(i)).containsExactly(expected.get(i));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"reference", "simd"})
    void kfacTakesStepsOfTheSameBits(String backend) {
        try (var confined = Arena.ofConfined();
                var shared = Arena.ofShared()) {
            assertSame(trainWithKfac(backend, confined), trainWithKfac(backend, shared));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"reference", "simd"})
    void adaFisherTakesStepsOfTheSameBits(String backend) {
        try (var confined = Arena.ofConfined();
                var shared = Arena.ofShared()) {
            assertSame(trainWithAdaFisher(backend, confined), trainWithAdaFisher(backend, shared));
        }
    }
}

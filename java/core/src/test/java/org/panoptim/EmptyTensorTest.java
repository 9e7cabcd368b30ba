package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.gradientValues;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Normalized;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.Shape;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Empty tensors and scalars, anywhere among others, change nothing for those. */
class EmptyTensorTest {

    private final Backend backend = Backend.named("reference");

    @AfterEach
    void close() {
        backend.close();
    }

    static Stream<UpdateRule> rules() {
        return Stream.of(
                SGD.withLearningRate(0.5).withMomentum(0.5),
                AdamW.withLearningRate(0.5),
                new Normalized(0.5, 0.5));
    }

    private Optimizer optimizer(UpdateRule rule, List<Parameter> parameters) {
        return Optimizer.builder(rule)
                .group("first", parameters.subList(0, parameters.size() / 2))
                .group("second", parameters.subList(parameters.size() / 2, parameters.size()))
                .clipGlobalNorm(1)
                .statistics(true)
                .zeroGradients(true)
                .backend(backend)
                .build();
    }

    @ParameterizedTest
    @MethodSource("rules")
    void anEmptyTensorAnywhereLeavesTheOthersTheirBits(UpdateRule rule) {
        for (int place = 0; place <= 4; place++) {
            var plain = tensors();
            var mixed = new ArrayList<>(tensors());
            mixed.add(place, tensor("empty", Shape.of(3, 0, 2)));
            try (var expected = optimizer(rule, plain);
                    var actual = optimizer(rule, mixed)) {
                for (int step = 1; step <= 3; step++) {
                    gradients(plain, step);
                    gradients(mixed, step);
                    expected.step();
                    actual.step();
                    for (var parameter : plain) {
                        var twin = named(mixed, parameter.name());
                        assertThat(values(twin)).containsExactly(values(parameter));
                    }
                }
                assertThat(actual.report().gradientNorm())
                        .isEqualTo(expected.report().gradientNorm());
                assertThat(actual.report().counts())
                        .containsAllEntriesOf(expected.report().counts())
                        .containsEntry("empty", 0L);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("rules")
    void emptyTensorsAloneAreNothingToDo(UpdateRule rule) {
        var empty = List.of(vector("one"), tensor("two", Shape.of(0, 7)));
        try (var optimizer = optimizer(rule, empty)) {
            gradients(empty, 1);
            optimizer.step();
            optimizer.zeroGrad();
            var report = optimizer.report();
            assertThat(report.step()).isEqualTo(1);
            assertThat(report.counts()).isEqualTo(Map.of("one", 0L, "two", 0L));
            assertThat(report.gradientNorm()).hasValue(0);
            assertThat(report.updateNorm()).hasValue(0);
            for (var slot : rule.slots()) {
                assertThat(optimizer.state("two", slot.name()).toArray()).isEmpty();
            }
        }
    }

    @ParameterizedTest
    @MethodSource("rules")
    void aScalarIsATensorOfOneElement(UpdateRule rule) {
        var scalar = List.of(tensor("p", Shape.of(), 2));
        var vector = List.of(vector("p", 2));
        try (var one = optimizer(rule, scalar);
                var other = optimizer(rule, vector)) {
            for (int step = 1; step <= 3; step++) {
                gradients(scalar, step);
                gradients(vector, step);
                one.step();
                other.step();
                assertThat(gradientValues(scalar.getFirst())).containsExactly(0);
            }
            assertThat(values(scalar.getFirst())).containsExactly(values(vector.getFirst()));
            assertThat(values(scalar.getFirst())[0]).isNotEqualTo(2);
        }
    }

    private static List<Parameter> tensors() {
        return List.of(
                vector("a", 1, 2, 3),
                tensor("b", Shape.of(), 4),
                vector("c", 5, 6),
                tensor("d", Shape.of(2, 1), 7, 8));
    }

    private static Parameter named(List<Parameter> parameters, String name) {
        return parameters.stream().filter(p -> p.name().equals(name)).findFirst().orElseThrow();
    }

    private static void gradients(List<Parameter> parameters, int step) {
        for (var parameter : parameters) {
            var values = new float[Math.toIntExact(parameter.elements())];
            IntStream.range(0, values.length)
                    .forEach(i -> values[i] = step * (i + 1) * (parameter.name().hashCode() - 98));
            gradient(parameter, values);
        }
    }
}

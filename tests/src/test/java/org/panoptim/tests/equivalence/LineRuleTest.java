package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Optimizer;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Adafactor;
import org.panoptim.rule.LineRule;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.seeded.Draw;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.scenario.RuleScenarios;
import org.panoptim.testkit.scenario.Values;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * Rules with sums over rows and columns, on every backend: Adafactor, and {@link TestUnits}, whose
 * kernel the testing library alone has.
 */
@Tag("testing-library")
class LineRuleTest {

    private static final TestUnits UNITS = new TestUnits(1, 0.5);

    private final List<SuiteBackend> others = SuiteBackends.others();

    private Stream<SuiteBackend> all() {
        return Stream.concat(Stream.of(SuiteBackends.reference()), others.stream());
    }

    @Test
    void everyBackendGivesTheBitsOfTheReference() {
        try (var runner = new ScenarioRunner(others)) {
            runner.checkGenerated(400, LineRuleTest::mostlyWithLines);
        }
    }

    private static UpdateRule mostlyWithLines(Draw draw) {
        return switch (draw.weighted(3, 3, 1)) {
            case 0 -> new TestUnits(GeneratedScenario.rate(draw), draw.of(0.0, 0.5, 0.9));
            case 1 -> GeneratedScenario.ofName(draw, "adafactor");
            default -> GeneratedScenario.rule(draw);
        };
    }

    @Test
    void everyBackendGivesTheBitsOfTheReferenceInEveryConditionOfAdafactor() {
        try (var runner = new ScenarioRunner(others)) {
            RuleScenarios.of("adafactor").forEach(runner::check);
        }
    }

    // Several spans of panels, and several panels down and across.
    private static final List<Shape> SHAPES =
            List.of(
                    Shape.of(700, 1100),
                    Shape.of(66, 3, 43),
                    Shape.of(3, 5),
                    Shape.of(4, 0),
                    Shape.of(2100),
                    Shape.of(),
                    Shape.of(1, 1),
                    Shape.of(129, 2));

    private static float[] numbers(int index, int seed, Shape shape) {
        var values = new Values(Values.Kind.ORDINARY, seed).at(index);
        return values.floats(Math.toIntExact(shape.elements()));
    }

    /** Parameters of many shapes and types, each with gradients of its own. */
    private static List<Parameter> parameters(BackendFixture fixture, DType type) {
        var parameters = new ArrayList<Parameter>();
        for (int i = 0; i < SHAPES.size(); i++) {
            var shape = SHAPES.get(i);
            var value = fixture.elements(type, numbers(i, 1, shape));
            var parameter = Parameter.of("p" + i, shape, type, value);
            parameters.add(
                    type == DType.BF16 && i % 2 == 0
                            ? parameter.copiedTo(
                                    new Output(
                                            DType.F32,
                                            fixture.floats(new float[(int) shape.elements()])))
                            : parameter);
        }
        return parameters;
    }

    private static void giveGradients(
            BackendFixture fixture, List<Parameter> parameters, DType type, int seed) {
        for (int i = 0; i < parameters.size(); i++) {
            var gradient = numbers(i, seed, parameters.get(i).shape());
            parameters.get(i).gradient(fixture.elements(type, gradient));
        }
    }

    private static List<String> states(
            Optimizer optimizer, List<Parameter> parameters, LineRule rule) {
        var all = new ArrayList<String>();
        for (var parameter : parameters) {
            for (var slot : rule.slots(parameter.shape())) {
                if (slot.isKept() && slot.extent() != Slot.Extent.ELEMENT) {
                    var state = optimizer.state(parameter.name(), slot.name());
                    all.add(slot.name() + state.shape() + Arrays.toString(state.toArray()));
                }
            }
        }
        return all;
    }

    /** Steps, and the pass if the rule has one, with a refused step and an absent gradient. */
    private static List<String> trained(SuiteBackend subject, LineRule rule, DType type) {
        try (var fixture = new BackendFixture(subject)) {
            var parameters = parameters(fixture, type);
            var optimizer =
                    fixture.build(
                            fixture.builder(rule)
                                    .nonFinite(NonFinitePolicy.SKIP)
                                    .group("all", parameters));
            var all = new ArrayList<String>();
            for (int step = 0; step < 4; step++) {
                giveGradients(fixture, parameters, type, 10 + step);
                if (step == 1) {
                    parameters.get(1).clearGradient();
                } else if (step == 2) {
                    parameters.get(2).gradient(fixture.elements(type, infinite(15)));
                }
                optimizer.step();
                all.addAll(states(optimizer, parameters, rule));
                if (!rule.passes().isEmpty()) {
                    optimizer.run(TestUnits.CENTER);
                    all.addAll(states(optimizer, parameters, rule));
                }
            }
            for (var parameter : parameters) {
                all.add(Arrays.toString(BackendFixture.values(parameter)));
                parameter
                        .copy()
                        .ifPresent(copy -> all.add(Arrays.toString(BackendFixture.values(copy))));
            }
            return all;
        }
    }

    private static float[] infinite(int count) {
        var values = new float[count];
        values[count / 2] = Float.POSITIVE_INFINITY;
        return values;
    }

    @Test
    void matricesOfManyPanelsHaveTheBitsOfTheReferenceInStepsAndPasses() {
        for (var type : List.of(DType.F32, DType.BF16)) {
            for (var rule : List.of(UNITS, Adafactor.withLearningRate(0.5))) {
                var expected = trained(SuiteBackends.reference(), rule, type);
                for (var other : others) {
                    assertThat(trained(other, rule, type))
                            .as("%s of %s on %s", rule, type, other)
                            .isEqualTo(expected);
                }
            }
        }
    }

    private static float upper(double value) {
        return Double.doubleToLongBits(value) >>> 42;
    }

    @Test
    void aUnitIsWhatTheFirstDimensionNumbers() {
        all().forEach(
                        subject -> {
                            try (var fixture = new BackendFixture(subject)) {
                                var p =
                                        Parameter.of("p", Shape.of(2, 2, 2), fixture.repeated(0, 8))
                                                .gradient(fixture.floats(1, 2, 3, 4, 5, 6, 7, 8));
                                var optimizer = fixture.optimizer(new TestUnits(1, 0), p);
                                optimizer.step();
                                var as = subject.toString();
                                var mean = optimizer.state("p", "mean");
                                assertThat(mean.shape()).as(as).isEqualTo(Shape.of(2, 1, 1));
                                assertThat(mean.toArray()).as(as).containsExactly(2.5f, 6.5f);
                                var high = optimizer.state("p", "column_high");
                                assertThat(high.shape()).as(as).isEqualTo(Shape.of(1, 2, 2));
                                // The upper bits of 1 + 25, 4 + 36 and so on.
                                assertThat(high.toArray())
                                        .as(as)
                                        .containsExactly(
                                                upper(26), upper(40), upper(58), upper(80));
                            }
                        });
    }

    @Test
    void checkpointsBringRowsAndColumnsToAnyOtherBackend(@TempDir Path folder) throws IOException {
        var file = folder.resolve("lines.safetensors");
        for (var rule : List.of(UNITS, Adafactor.withLearningRate(0.5))) {
            for (var loader : all().toList()) {
                try (var first = new BackendFixture(others.getLast());
                        var second = new BackendFixture(loader)) {
                    var saved = parameters(first, DType.F32);
                    giveGradients(first, saved, DType.F32, 3);
                    var saver = first.optimizer(rule, saved.toArray(Parameter[]::new));
                    saver.step();
                    saver.save(file);
                    var loaded = parameters(second, DType.F32);
                    var optimizer = second.optimizer(rule, loaded.toArray(Parameter[]::new));
                    optimizer.load(file);
                    assertThat(states(optimizer, loaded, rule))
                            .as("%s on %s", rule, loader)
                            .isEqualTo(states(saver, saved, rule));
                }
            }
        }
    }
}

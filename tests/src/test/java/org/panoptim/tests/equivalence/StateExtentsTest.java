package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Optimizer;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.UpdateRule;
import org.panoptim.seeded.Draw;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * States of elements, rows, columns, tensors and rules, with their beginnings, on every backend.
 * The tests need the testing library, which alone has the rule's kernel.
 */
@Tag("testing-library")
class StateExtentsTest {

    private static final TestStates RULE = new TestStates(1, 0.5);

    private final List<SuiteBackend> others = SuiteBackends.others();

    private Stream<SuiteBackend> all() {
        return Stream.concat(Stream.of(SuiteBackends.reference()), others.stream());
    }

    @Test
    void everyBackendGivesTheBitsOfTheReference() {
        try (var runner = new ScenarioRunner(others)) {
            runner.checkGenerated(200, StateExtentsTest::mostlyWithStates);
        }
    }

    private static UpdateRule mostlyWithStates(Draw draw) {
        return draw.weighted(3, 1) == 0
                ? new TestStates(GeneratedScenario.rate(draw), draw.of(0.0, 0.5, 0.9))
                : GeneratedScenario.rule(draw);
    }

    /** Two matrices of two rows and three columns. */
    private static Parameter matrices(BackendFixture fixture, float gradient) {
        var values = new float[12];
        Arrays.fill(values, 8);
        return Parameter.of("p", Shape.of(2, 2, 3), fixture.floats(values))
                .gradient(fixture.repeated(gradient, 12));
    }

    @Test
    void statesBeginAsTheRuleSays() {
        all().forEach(
                        subject -> {
                            try (var fixture = new BackendFixture(subject)) {
                                var optimizer = fixture.optimizer(RULE, matrices(fixture, 1));
                                var as = subject.toString();
                                var anchor = optimizer.state("p", "anchor");
                                assertThat(anchor.shape()).as(as).isEqualTo(Shape.of(2, 2, 3));
                                assertThat(anchor.toArray()).as(as).containsOnly(8f).hasSize(12);
                                var rows = optimizer.state("p", "row_scale");
                                assertThat(rows.shape()).as(as).isEqualTo(Shape.of(2, 2, 1));
                                assertThat(rows.toArray()).as(as).containsExactly(1, 1, 1, 1);
                                var columns = optimizer.state("p", "column_scale");
                                assertThat(columns.shape()).as(as).isEqualTo(Shape.of(2, 1, 3));
                                assertThat(columns.toArray()).as(as).containsOnly(0.5f).hasSize(6);
                                assertThat(optimizer.state("p", "decayed").value())
                                        .as(as)
                                        .isEqualTo(1);
                                assertThat(optimizer.ruleState("all", "steps").value())
                                        .as(as)
                                        .isZero();
                                assertThat(optimizer.ruleState("all", "total").value())
                                        .as(as)
                                        .isEqualTo(0.25);
                            }
                        });
    }

    @Test
    void everyElementSeesTheStatesOfItsRowAndColumn() {
        all().forEach(
                        subject -> {
                            try (var fixture = new BackendFixture(subject)) {
                                var parameter = matrices(fixture, 1);
                                var optimizer = fixture.optimizer(RULE, parameter);
                                // Column 1 of the second matrix, in its second row alone.
                                optimizer.state("p", "row_scale").set(0, 0, 0, 2);
                                optimizer.state("p", "column_scale").set(0, 0, 0, 0, 2, 0);
                                optimizer.step();
                                // 4 is the only direction, and total 0.125 + 4: (1 - 0.5) / 5.125.
                                float moved = 8 - (float) (0.5 / 5.125) * 4;
                                assertThat(BackendFixture.values(parameter))
                                        .as("%s", subject)
                                        .containsExactly(8, 8, 8, 8, 8, 8, 8, 8, 8, 8, moved, 8);
                            }
                        });
    }

    @Test
    void statesOfTensorAndRuleAdvanceOnceAStep() {
        all().forEach(
                        subject -> {
                            try (var fixture = new BackendFixture(subject)) {
                                var a = fixture.parameter("a", 1, 1).gradient(fixture.floats(6, 8));
                                var b = fixture.parameter("b", 1).gradient(fixture.floats(0));
                                var optimizer = fixture.optimizer(RULE, a, b);
                                optimizer.step();
                                b.clearGradient();
                                optimizer.step();
                                var as = subject.toString();
                                assertThat(optimizer.state("a", "decayed").value())
                                        .as(as)
                                        .isEqualTo(0.25);
                                assertThat(optimizer.state("b", "decayed").value())
                                        .as(as)
                                        .isEqualTo(0.5);
                                assertThat(optimizer.ruleState("all", "steps").value())
                                        .as(as)
                                        .isEqualTo(2);
                                // A norm of 5: 0.125 + 5, and half of that + 5.
                                assertThat(optimizer.ruleState("all", "total").value())
                                        .as(as)
                                        .isEqualTo(7.5625);
                            }
                        });
    }

    @Test
    void aRefusedStepAndAFrozenGroupAdvanceNothing() {
        all().forEach(
                        subject -> {
                            try (var fixture = new BackendFixture(subject)) {
                                var a = fixture.parameter("a", 1).gradient(fixture.floats(1));
                                var b = fixture.parameter("b", 1).gradient(fixture.floats(1));
                                var optimizer =
                                        fixture.build(
                                                fixture.builder(RULE)
                                                        .nonFinite(NonFinitePolicy.SKIP)
                                                        .group("moving", List.of(a))
                                                        .group("frozen", List.of(b)));
                                optimizer.freeze("frozen");
                                optimizer.step();
                                a.gradient(fixture.floats(Float.NaN));
                                optimizer.step();
                                var as = subject.toString();
                                assertThat(optimizer.ruleState("moving", "steps").value())
                                        .as(as)
                                        .isEqualTo(1);
                                assertThat(optimizer.ruleState("frozen", "steps").value())
                                        .as(as)
                                        .isZero();
                                assertThat(optimizer.state("a", "decayed").value())
                                        .as(as)
                                        .isEqualTo(0.5);
                                assertThat(optimizer.state("b", "decayed").value())
                                        .as(as)
                                        .isEqualTo(1);
                            }
                        });
    }

    @Test
    void aCheckpointOfAnyBackendBringsStatesOfEveryExtentToAnyOther(@TempDir Path folder)
            throws IOException {
        var saver = others.getLast();
        for (var loader : all().toList()) {
            var file = folder.resolve("states.safetensors");
            try (var first = new BackendFixture(saver);
                    var second = new BackendFixture(loader)) {
                var saved = first.optimizer(RULE, matrices(first, 3));
                saved.state("p", "row_scale").set(1, 2, 3, 4);
                saved.step();
                saved.step();
                saved.save(file);
                var loaded = second.optimizer(RULE, matrices(second, 3));
                loaded.load(file);
                assertThat(states(loaded)).as("%s", loader).isEqualTo(states(saved));
            }
        }
    }

    private static List<Object> states(Optimizer optimizer) {
        return List.of(
                Arrays.toString(optimizer.state("p", "anchor").toArray()),
                Arrays.toString(optimizer.state("p", "row_scale").toArray()),
                Arrays.toString(optimizer.state("p", "column_scale").toArray()),
                optimizer.state("p", "decayed").value(),
                optimizer.ruleState("all", "steps").value(),
                optimizer.ruleState("all", "total").value());
    }

    @Test
    void aGroupThatIsAddedBringsStatesOfItsOwnAndLeavesTheOthers() {
        all().forEach(
                        subject -> {
                            try (var fixture = new BackendFixture(subject)) {
                                var a = fixture.parameter("a", 1).gradient(fixture.floats(1));
                                var b = fixture.parameter("b", 5).gradient(fixture.floats(1));
                                var optimizer = fixture.optimizer(RULE, a);
                                optimizer.step();
                                optimizer.add(new ParameterGroup("late", RULE, List.of(b)));
                                optimizer.step();
                                var as = subject.toString();
                                assertThat(optimizer.ruleState("all", "steps").value())
                                        .as(as)
                                        .isEqualTo(2);
                                assertThat(optimizer.ruleState("late", "steps").value())
                                        .as(as)
                                        .isEqualTo(1);
                                assertThat(optimizer.state("a", "decayed").value())
                                        .as(as)
                                        .isEqualTo(0.25);
                            }
                        });
    }

    @Test
    void aStateIsAskedForWhereItBelongs() {
        for (var subject : all().toList()) {
            try (var fixture = new BackendFixture(subject)) {
                var optimizer = fixture.optimizer(RULE, fixture.parameter("p", 1));
                assertThatThrownBy(() -> optimizer.state("p", "steps"))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("keeps no state 'steps' for parameter 'p'");
                assertThatThrownBy(() -> optimizer.ruleState("all", "anchor"))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("keeps no state 'anchor' for itself");
                assertThatThrownBy(() -> optimizer.state("p", "anchor").value())
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessage("state 'anchor' of 'p' is F32[1], not one float64");
            }
        }
    }
}

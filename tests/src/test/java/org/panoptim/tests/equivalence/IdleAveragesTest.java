package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Adafactor;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Cautious;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.scenario.Values;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Averages follow the values that a step leaves as they are, on any backend. */
class IdleAveragesTest {

    private static final float START = 3;

    private static final List<Shape> SHAPES =
            List.of(
                    Shape.of(0),
                    Shape.of(1),
                    Shape.of(4097),
                    Shape.of(17_000),
                    Shape.of(70, 1030),
                    Shape.of(2, 3, 129));

    /** A parameter, whose type and average's type depend on its place, and its average. */
    private record Averaged(Parameter parameter, Output average) {

        static Averaged make(BackendFixture fixture, int place) {
            var shape = SHAPES.get(place % SHAPES.size());
            var type = place % 2 == 0 ? DType.F32 : DType.BF16;
            int elements = Math.toIntExact(shape.elements());
            var values = new Values(Values.Kind.ORDINARY, place).floats(elements);
            var others = new float[elements];
            Arrays.fill(others, START);
            var average = fixture.output(place % 3 == 0 ? DType.BF16 : DType.F32, others);
            var memory = new HostMemory(fixture.elements(type, values));
            var parameter = Parameter.of("p" + place, shape, type, memory).averagedIn(average);
            return new Averaged(parameter, average);
        }

        float[] halfWay(BackendFixture fixture) {
            var values = BackendFixture.values(parameter);
            var moved = new float[values.length];
            for (int i = 0; i < moved.length; i++) {
                moved[i] = values[i] - (values[i] - START) * 0.5f;
            }
            return BackendFixture.values(fixture.output(average.type(), moved));
        }
    }

    private static void check(SuiteBackend subject, UpdateRule rule, boolean cautious) {
        try (var fixture = new BackendFixture(subject)) {
            var absent = new ArrayList<Averaged>();
            var frozen = new ArrayList<Averaged>();
            for (int i = 0; i < SHAPES.size(); i++) {
                absent.add(Averaged.make(fixture, i));
                frozen.add(Averaged.make(fixture, SHAPES.size() + 1 + i));
            }
            for (var each : frozen) {
                var gradient = new float[Math.toIntExact(each.parameter.elements())];
                each.parameter.gradient(fixture.elements(each.parameter.dtype(), gradient));
            }
            var builder =
                    fixture.builder(rule)
                            .group("absent", absent.stream().map(Averaged::parameter).toList())
                            .group("frozen", frozen.stream().map(Averaged::parameter).toList())
                            .averageDecay(0.5);
            if (cautious) {
                builder.companion(Cautious.ofUpdates());
            }
            var optimizer = fixture.build(builder);
            optimizer.freeze("frozen");
            optimizer.step();
            for (var each : absent) {
                assertThat(BackendFixture.values(each.average))
                        .as("%s: %s, absent", subject, each.parameter)
                        .isEqualTo(each.halfWay(fixture));
            }
            for (var each : frozen) {
                assertThat(BackendFixture.values(each.average))
                        .as("%s: %s, frozen", subject, each.parameter)
                        .isEqualTo(each.halfWay(fixture));
            }
        }
    }

    @Test
    void underARuleOfElements() {
        SuiteBackends.all().forEach(subject -> check(subject, AdamW.defaults(), false));
    }

    @Test
    void underARuleOfRowsAndColumns() {
        SuiteBackends.all().forEach(subject -> check(subject, Adafactor.defaults(), false));
    }

    @Test
    void whereACompanionCompletesTheStep() {
        SuiteBackends.all().forEach(subject -> check(subject, AdamW.defaults(), true));
    }
}

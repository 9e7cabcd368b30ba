package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.panoptim.UnsupportedPlanException;
import org.panoptim.rule.UpdateRule;
import org.panoptim.seeded.Draw;
import org.panoptim.seeded.SeededCases;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * A rule with two phases and reductions between them, on every backend. The tests need the testing
 * library, which alone has the rule's kernel.
 */
@Tag("testing-library")
class TwoPhaseRuleTest {

    private static final TestNormalized RULE = new TestNormalized(1, 0.5);

    private final List<Contender> challengers =
            Contenders.challengers(Map.of(RULE.kernel(), TestNormalized.HYPER));

    private Stream<Contender> all() {
        return Stream.concat(Stream.of(Contenders.reference()), challengers.stream());
    }

    @Test
    void everyBackendGivesTheBitsOfTheReference() {
        SeededCases.check(
                250,
                draw -> Cases.over(draw, TwoPhaseRuleTest::mostlyOfTwoPhases),
                play -> Play.compare(play, challengers));
    }

    private static UpdateRule mostlyOfTwoPhases(Draw draw) {
        return draw.weighted(3, 1) == 0
                ? new TestNormalized(Cases.rate(draw), draw.of(0.0, 0.5, 0.9))
                : Cases.rule(draw);
    }

    @Test
    void eachTensorIsDividedByItsOwnNormAndAllByTheSameSum() {
        all().forEach(
                        contender -> {
                            try (var rig = new Rig(contender)) {
                                var a = rig.parameter("a", 0, 0).gradient(rig.floats(6, -8));
                                var b = rig.parameter("b", 0).gradient(rig.floats(2));
                                rig.optimizer(RULE, a, b).step();
                                // Averages 3, -4 and 1: norms 5 and 1, and 1 + 8 for both.
                                assertThat(Rig.values(a))
                                        .as("%s", contender)
                                        .containsExactly(-3f / 45, 4f / 45);
                                assertThat(Rig.values(b)).containsExactly(-1f / 9);
                            }
                        });
    }

    @Test
    void tensorsThatStandStillAddNothingToTheSums() {
        all().forEach(
                        contender -> {
                            try (var rig = new Rig(contender)) {
                                var a = rig.parameter("a", 0).gradient(rig.floats(2));
                                var absent = rig.parameter("absent", 0);
                                var frozen = rig.parameter("frozen", 0).gradient(rig.floats(2));
                                var optimizer =
                                        rig.build(
                                                rig.builder(RULE)
                                                        .group("all", List.of(a, absent))
                                                        .group("frozen", List.of(frozen)));
                                optimizer.freeze("frozen");
                                optimizer.step();
                                // An average of 1, alone: its norm 1, and 1 + 1.
                                assertThat(Rig.value(a)).as("%s", contender).isEqualTo(-0.5f);
                            }
                        });
    }

    /** Trap 20: the division by a zero norm. */
    @Test
    void aTensorOfNormZeroStandsStill() {
        all().forEach(
                        contender -> {
                            try (var rig = new Rig(contender)) {
                                var a = rig.parameter("a", 3, 4).gradient(rig.floats(0, 0));
                                rig.optimizer(RULE, a).step();
                                assertThat(Rig.values(a))
                                        .as("%s", contender)
                                        .containsExactly(3f, 4f);
                            }
                        });
    }

    @Test
    void aBackendThatWasNotToldOfTheRuleRefusesItByName() {
        for (var contender : Contenders.challengers()) {
            try (var rig = new Rig(contender)) {
                var parameter = rig.parameter("p", 1);
                assertThatThrownBy(() -> rig.optimizer(RULE, parameter))
                        .isInstanceOf(UnsupportedPlanException.class)
                        .hasMessageContainingAll("test-normalized", "test_normalized");
            }
        }
    }
}

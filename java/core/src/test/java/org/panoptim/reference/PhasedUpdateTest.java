package org.panoptim.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Pass;
import org.panoptim.rule.PhaseSpan;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.HostStates;
import org.panoptim.spi.Shares;
import org.panoptim.spi.StepProgram;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Which rules and parameters a phase is for, and which sums it knows. */
class PhasedUpdateTest {

    private final List<String> said = new ArrayList<>();
    private final HostStates states = new HostStates();

    @AfterEach
    void close() {
        states.close();
    }

    /**
     * Says what it is asked and which sums it knows. It sums the parameters in the first phase of
     * its step and in the first of its pass.
     */
    private final class Saying implements UpdateRule {

        private final String name;
        private final int phases;
        private final Slot.Extent kept;

        Saying(String name, int phases, Slot.Extent kept) {
            this.name = name;
            this.phases = phases;
            this.kept = kept;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public double learningRate() {
            return 1;
        }

        @Override
        public Saying atLearningRate(double value) {
            return this;
        }

        @Override
        public List<Slot> slots() {
            return List.of(new Slot("kept", kept));
        }

        @Override
        public int phases() {
            return phases;
        }

        @Override
        public List<Pass> passes() {
            return List.of(Pass.overAll("all", 2));
        }

        @Override
        public List<Reduction> reductions() {
            return List.of(
                    new Reduction("step", Reduction.Scope.ALL, 0),
                    new Reduction("pass", Reduction.Scope.ALL, phases));
        }

        @Override
        public void settle(int phase, Preparation preparation) {
            say("settles", phase, preparation);
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            say("prepares " + preparation.shape() + " for", phase, preparation);
            for (int i = 0; i < 2; i++) {
                int reduction = i;
                if (reductions().get(i).phase() == phase) {
                    return element -> element.reduce(reduction, element.parameter(), 1);
                }
            }
            return _ -> {};
        }

        private void say(String what, int phase, Preparation preparation) {
            said.add(
                    "%s %s phase %d: %s, %s"
                            .formatted(
                                    name,
                                    what,
                                    phase,
                                    preparation.reduction(0),
                                    preparation.reduction(1)));
        }
    }

    private ParameterGroup group(String name, int phases, Parameter... parameters) {
        return new ParameterGroup(
                name, new Saying(name, phases, Slot.Extent.RULE), List.of(parameters));
    }

    private static Parameter withoutGradient(int elements) {
        var ones = new float[elements];
        Arrays.fill(ones, 1);
        return vector("p" + elements, ones);
    }

    private static Parameter ones(int elements) {
        return gradient(withoutGradient(elements), new float[elements]);
    }

    private void run(List<ParameterGroup> groups, Function<UpdateRule, PhaseSpan> spans) {
        states.addMissing(groups);
        var tensors = new ArrayList<GroupedTensor>();
        for (var group : groups) {
            for (var parameter : group.parameters()) {
                var tensor =
                        new Tensor(
                                parameter,
                                Shares.whole(),
                                states.segments(parameter),
                                Optional.empty());
                tensors.add(new GroupedTensor(tensor, group));
            }
        }
        var scalars = new StepScalars(1, 1, 1, Float.POSITIVE_INFINITY, 1, Double.NaN);
        var update =
                new PhasedUpdate(
                        groups,
                        tensors,
                        states,
                        scalars,
                        false,
                        0,
                        false,
                        _ -> 1,
                        _ -> 1,
                        spans,
                        Optional.empty());
        StepProgram.runPass(update.phases(), new ReferencePass(update));
    }

    @Test
    void aRuleHasItsOwnPhasesAndKnowsTheSumsOfThoseBefore() {
        run(
                List.of(
                        group("short", 1, ones(1)),
                        group("long", 2, ones(2), ones(3)),
                        group("frozen", 3, ones(4)).withFrozen(true)),
                PhaseSpan::ofStep);
        assertThat(said)
                .containsExactly(
                        "short settles phase 0: 0.0, 0.0",
                        "long settles phase 0: 0.0, 0.0",
                        "short prepares [1] for phase 0: 0.0, 0.0",
                        "long prepares [2] for phase 0: 0.0, 0.0",
                        "long prepares [3] for phase 0: 0.0, 0.0",
                        "long settles phase 1: 5.0, 0.0",
                        "long prepares [2] for phase 1: 5.0, 0.0",
                        "long prepares [3] for phase 1: 5.0, 0.0");
    }

    @Test
    void aPassOverAllIsOverWhatHasElementsAndKnowsItsOwnSums() {
        run(
                List.of(group("long", 2, ones(2), withoutGradient(3), withoutGradient(0))),
                rule -> PhaseSpan.ofPass(rule, "all"));
        assertThat(said)
                .containsExactly(
                        "long settles phase 2: 0.0, 0.0",
                        "long prepares [2] for phase 2: 0.0, 0.0",
                        "long prepares [3] for phase 2: 0.0, 0.0",
                        "long settles phase 3: 0.0, 5.0",
                        "long prepares [2] for phase 3: 0.0, 5.0",
                        "long prepares [3] for phase 3: 0.0, 5.0");
    }

    @Test
    void aRuleThatKeepsNothingForItselfHasNothingToSettle() {
        var rule = new Saying("plain", 1, Slot.Extent.ELEMENT);
        run(List.of(new ParameterGroup("plain", rule, List.of(ones(1)))), PhaseSpan::ofStep);
        assertThat(said).containsExactly("plain prepares [1] for phase 0: 0.0, 0.0");
    }

    @Test
    void aStepHasThePhasesOfTheGroupsThatTakeIt() {
        var shorter = group("short", 1);
        var longer = group("long", 2);
        assertThat(PhasedUpdate.stepPhases(List.of(longer, shorter))).isEqualTo(2);
        assertThat(PhasedUpdate.stepPhases(List.of(longer.withFrozen(true), shorter))).isEqualTo(1);
        assertThat(PhasedUpdate.stepPhases(List.of(longer.withFrozen(true)))).isZero();
    }
}

package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Line;
import org.panoptim.rule.LineRule;
import org.panoptim.rule.Lion;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.MatrixView;
import org.panoptim.rule.MatrixWork;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.Rules;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.Shape;

import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

class RuleChecksTest {

    private static final Shape MATRIX = Shape.of(2, 1);

    private static void assertRefused(String problem, ParameterGroup... groups) {
        try (var backend = Backend.named("reference")) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> RuleChecks.check(Arrays.asList(groups)))
                    .withMessage(problem);
            // Whoever builds or changes an optimizer is told the same.
            var builder = Optimizer.builder(Lion.defaults()).backend(backend);
            for (var group : groups) {
                builder.group(group.name(), group.parameters(), group.rule());
            }
            assertThatIllegalArgumentException().isThrownBy(builder::build).withMessage(problem);
        }
    }

    private static ParameterGroup group(UpdateRule rule, Parameter... parameters) {
        var name = rule.name() + parameters.length + parameters[0].name();
        return new ParameterGroup(name, rule, List.of(parameters));
    }

    private static Parameter matrix() {
        return tensor("matrix", MATRIX, 1, 2);
    }

    /** A rule that says of itself what a test wants. */
    private static class Described implements UpdateRule {

        int phases = 1;
        List<Reduction> reductions = List.of();
        List<Slot> slots = List.of();
        List<Slot> slotsOfMatrices = List.of();
        String kernelOfMatrices = "described";
        boolean curvature;

        @Override
        public String name() {
            return "described";
        }

        @Override
        public double learningRate() {
            return 1;
        }

        @Override
        public Described atLearningRate(double learningRate) {
            return this;
        }

        @Override
        public int phases() {
            return phases;
        }

        @Override
        public List<Reduction> reductions() {
            return reductions;
        }

        @Override
        public boolean takesCurvature() {
            return curvature;
        }

        @Override
        public List<Slot> slots() {
            return slots;
        }

        @Override
        public List<Slot> slots(Shape parameter) {
            return parameter.equals(MATRIX) ? slotsOfMatrices : slots;
        }

        @Override
        public String kernelName(Shape parameter) {
            return parameter.equals(MATRIX) ? kernelOfMatrices : kernelName();
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return element -> {};
        }
    }

    @Test
    void aRuleHasAPhase() {
        var rule = new Described();
        rule.phases = 0;

        assertRefused(
                "rule described: it must have at least one phase, but has 0",
                group(rule, vector("p", 1)));
    }

    @Test
    void noSumIsTakenInTheLastPhase() {
        var rule = new Described();
        rule.phases = 2;
        rule.reductions = List.of(new Reduction("norm", Reduction.Scope.TENSOR, 1));

        assertRefused(
                "rule described: 'norm' is summed in phase 1, but no phase reads it, since phase 1"
                        + " is the last",
                group(rule, vector("p", 1)));

        rule.phases = 3;
        assertThatCode(() -> RuleChecks.check(List.of(group(rule, vector("p", 1)))))
                .doesNotThrowAnyException();
    }

    @Test
    void statesHaveAnOrderAndDifferentNames() {
        var rule = new Described();
        rule.slots = List.of(new Slot("row", Slot.Extent.ROW), new Slot("element"));
        assertRefused(
                "rule described: states of elements come first, then those of rows, columns, the"
                        + " tensor and the rule; but row (ROW) comes before element",
                group(rule, vector("p", 1)));

        rule.slots = List.of(new Slot("one"), new Slot("one", Slot.Extent.TENSOR));
        assertRefused(
                "rule described: two of its states are named 'one'", group(rule, vector("p", 1)));
    }

    @Test
    void theStatesOfAShapeAreCheckedToo() {
        var rule = new Described();
        rule.slotsOfMatrices = List.of(new Slot("one"), new Slot("one"));

        assertThatCode(() -> RuleChecks.check(List.of(group(rule, vector("p", 1)))))
                .doesNotThrowAnyException();
        assertRefused("rule described: two of its states are named 'one'", group(rule, matrix()));
    }

    @Test
    void statesOfTheRuleAreThoseOfAllShapes() {
        var rule = new Described();
        rule.slotsOfMatrices = List.of(new Slot("d", Slot.Extent.RULE));

        assertRefused(
                "rule described: its states of the rule as a whole must not depend on a parameter's"
                        + " shape, but are [] and [d (RULE)]",
                group(rule, matrix()));
    }

    @Test
    void sumsOverAllNeedOneKernelForAll() {
        var rule = new Described();
        rule.phases = 2;
        rule.reductions = List.of(new Reduction("all", Reduction.Scope.ALL));
        rule.kernelOfMatrices = "described_matrix";

        assertRefused(
                "rule described: its kernel depends on a parameter's shape, so it cannot sum 'all'"
                        + " over all of them",
                group(rule, vector("p", 1), matrix()));

        rule.reductions = List.of(new Reduction("each", Reduction.Scope.TENSOR));
        assertThatCode(() -> RuleChecks.check(List.of(group(rule, vector("p", 1), matrix()))))
                .doesNotThrowAnyException();
    }

    @Test
    void rulesOfOneKernelDoNotDiffer() {
        var problem =
                "rule described: it names the kernel 'described', as %s does, but differs from that"
                        + " in phases, passes, sums, curvature or states";
        for (var change :
                List.<Consumer<Described>>of(
                        rule -> rule.phases = 2,
                        rule -> rule.curvature = true,
                        rule -> rule.slots = List.of(new Slot("more")))) {
            var one = new Described();
            var other = new Described();
            change.accept(other);

            assertRefused(
                    problem.formatted(one),
                    group(one, vector("p", 1)),
                    group(other, vector("q", 1)));
        }

        var one = new Described();
        one.phases = 2;
        var other = new Described();
        other.phases = 2;
        other.reductions = List.of(new Reduction("norm", Reduction.Scope.TENSOR));
        assertRefused(
                problem.formatted(one), group(one, vector("p", 1)), group(other, vector("q", 1)));
    }

    @Test
    void aGroupWithoutParametersCounts() {
        var one = new Described();
        var other = new Described();
        other.phases = 2;
        other.reductions = List.of(new Reduction("norm", Reduction.Scope.TENSOR));

        assertRefused(
                "rule described: it names the kernel 'described', as %s does, but differs from that in phases, passes, sums, curvature or states"
                        .formatted(other),
                new ParameterGroup("empty", other, List.of()),
                group(one, vector("p", 1)));
    }

    /** Has the name of a rule of the library, and is none. */
    public record Roaring(double learningRate) implements UpdateRule {

        @Override
        public String name() {
            return "lion";
        }

        @Override
        public UpdateRule atLearningRate(double value) {
            return new Roaring(value);
        }

        @Override
        public List<Slot> slots() {
            return List.of(new Slot("exp_avg"));
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return element -> {};
        }
    }

    @Test
    void noRuleHasTheNameOfOneOfTheLibrary() {
        assertRefused(
                "rule lion of %s has the name of the library's rule lion; give it another one"
                        .formatted(Roaring.class.getName()),
                group(new Roaring(1), vector("p", 1)));
    }

    @Test
    void theNameOfAKernelCountsOnlyIfTheRulesOwnNameLedToIt() {
        var rule = new Described();

        assertThat(Rules.isTakenFor(rule, "described")).isFalse();
        assertThat(Rules.isTakenFor(new Named("adamw-amsgrad"), "adamw_amsgrad")).isTrue();
        assertThat(Rules.isTakenFor(new Named("mine"), "adamw_amsgrad")).isFalse();
    }

    /** A rule of some name. */
    private static final class Named extends Described {

        private final String name;

        Named(String name) {
            this.name = name;
        }

        @Override
        public String name() {
            return name;
        }
    }

    /** Works on matrices between its phases, of which there is one. */
    private record Hasty(double learningRate) implements MatrixRule {

        @Override
        public String name() {
            return "hasty";
        }

        @Override
        public MatrixRule atLearningRate(double value) {
            return new Hasty(value);
        }

        @Override
        public List<Slot> slots() {
            return List.of();
        }

        @Override
        public int phases() {
            return 1;
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return _ -> {};
        }

        @Override
        public void between(int phase, MatrixWork work) {}
    }

    @Test
    void aRuleOnMatricesHasPhasesToWorkBetween() {
        assertRefused(
                "rule hasty: it works on matrices between its phases, so it must have two at least,"
                        + " but has 1",
                group(new Hasty(1), matrix()));
    }

    /** Sums over the rows of units. */
    private static final class Lined extends Described implements LineRule {

        @Override
        public Lined atLearningRate(double learningRate) {
            return this;
        }

        @Override
        public MatrixView matrixView() {
            return MatrixView.UNITS;
        }

        boolean totals;

        @Override
        public boolean takesTotals() {
            return totals;
        }

        @Override
        public double advanceRow(int phase, Preparation preparation, Line row) {
            return 0;
        }
    }

    @Test
    void totalsAreOfRowsThatAreSummedOver() {
        var rule = new Lined();
        rule.phases = 2;
        rule.totals = true;
        rule.reductions = List.of(new Reduction("squares", Reduction.Scope.COLUMN));
        assertRefused(
                "rule described: it takes totals of rows, so phase 0, which sums 'squares' over"
                        + " columns, must sum over rows too",
                group(rule, vector("p", 1)));

        rule.reductions =
                List.of(
                        new Reduction("squares", Reduction.Scope.COLUMN),
                        new Reduction("rows", Reduction.Scope.ROW));
        assertThatCode(() -> RuleChecks.check(List.of(group(rule, vector("p", 1)))))
                .doesNotThrowAnyException();
    }

    @Test
    void sumsOverRowsNeedARuleThatAdvancesThem() {
        var rule = new Described();
        rule.phases = 2;
        rule.reductions = List.of(new Reduction("squares", Reduction.Scope.COLUMN));
        assertRefused(
                "rule described: it sums 'squares' over rows or columns, so it must implement"
                        + " LineRule",
                group(rule, vector("p", 1)));

        var lined = new Lined();
        lined.phases = 2;
        lined.reductions = rule.reductions;
        assertThatCode(() -> RuleChecks.check(List.of(group(lined, vector("p", 1)))))
                .doesNotThrowAnyException();
    }

    @Test
    void aPhaseThatSumsOverRowsSumsOverNothingElse() {
        var rule = new Lined();
        rule.phases = 3;
        rule.reductions =
                List.of(
                        new Reduction("norm", Reduction.Scope.TENSOR),
                        new Reduction("squares", Reduction.Scope.ROW));
        assertRefused(
                "rule described: phase 0 sums 'squares' over rows or columns, so it cannot sum"
                        + " 'norm' over the parameter or all of them; another phase can",
                group(rule, vector("p", 1)));

        rule.reductions =
                List.of(
                        new Reduction("norm", Reduction.Scope.TENSOR, 1),
                        new Reduction("squares", Reduction.Scope.ROW));
        assertThatCode(() -> RuleChecks.check(List.of(group(rule, vector("p", 1)))))
                .doesNotThrowAnyException();
    }

    @Test
    void rulesOfOneKernelLookAtMatricesAlike() {
        var one = new Described();
        var other = new Lined();
        assertRefused(
                "rule described: it names the kernel 'described', as %s does, but differs from that in phases, passes, sums, curvature or states"
                        .formatted(one),
                group(one, vector("p", 1)),
                group(other, vector("q", 1)));
    }

    static List<UpdateRule> libraryRules() {
        return Rules.all();
    }

    @ParameterizedTest
    @MethodSource("libraryRules")
    void theLibrarysOwnRulesHoldWhatIsNotAskedOfThem(UpdateRule rule) {
        assertThat(Rules.isOfLibrary(rule)).isTrue();
        for (var shape : List.of(Shape.of(), Shape.of(3), MATRIX, Shape.of(2, 3, 4))) {
            RuleChecks.check(rule, rule.slots(shape), rule.reductions(shape));
        }
        RuleChecks.check(rule, rule.slots(), rule.reductions());
    }

    @ParameterizedTest
    @MethodSource("libraryCompanions")
    void theLibrarysOwnCompanionsHoldWhatIsNotAskedOfThem(UpdateRule rule) {
        RuleChecks.check(rule, rule.slots(), rule.reductions());
    }

    static List<UpdateRule> libraryCompanions() {
        return Rules.companions();
    }
}

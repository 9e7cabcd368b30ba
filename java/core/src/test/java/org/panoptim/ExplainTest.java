package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.curvature;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterSource;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Cautious;
import org.panoptim.rule.Centralize;
import org.panoptim.rule.Hypergradient;
import org.panoptim.rule.LARS;
import org.panoptim.rule.Lion;
import org.panoptim.rule.Lookahead;
import org.panoptim.rule.Prodigy;
import org.panoptim.rule.SAM;
import org.panoptim.rule.SGD;
import org.panoptim.rule.SophiaG;
import org.panoptim.schedule.MomentumSchedule;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.Averaging;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

class ExplainTest {

    private final Backend backend = Backend.named("reference");

    @AfterEach
    void close() {
        backend.close();
    }

    @Test
    void adamWUnderAScheduleWithClippingOutputsAndCompanions() {
        var weight =
                tensor("weight", Shape.of(2, 3), 1, 2, 3, 4, 5, 6)
                        .copiedTo(new Output(DType.BF16, MemorySegment.ofArray(new short[6])))
                        .averagedIn(new Output(DType.F32, MemorySegment.ofArray(new float[6])));
        gradient(weight, 1, 2, 3, 4, 5, 6);
        try (var optimizer =
                Optimizer.builder(AdamW.withLearningRate(1e-3).withWeightDecay(0.1))
                        .group("decay", List.of(weight))
                        .schedule(Schedule.linear(0.25, 1, 4))
                        .clipGlobalNorm(1)
                        .averageDecay(0.999)
                        .companion(new Centralize())
                        .companion(Lookahead.defaults())
                        .companion(SAM.withRho(0.1))
                        .backend(backend)
                        .build()) {
            optimizer.step();
            optimizer.step();
            assertThat(optimizer.explain("weight"))
                    .isEqualTo(
                            """
                            Parameter 'weight' has shape [2, 3] and type F32, and is in group 'decay'.
                            The group's rule is adamw (beta1 0.9, beta2 0.999, eps 1e-8, amsgrad off, maximize off), taken from PyTorch, torch.optim.AdamW.
                            It has a gradient, so the next step, number 3, updates it; its count becomes 3.
                            Before the step, companion centralize runs pass 'centralize', which may rewrite the gradient.
                            The gradients of all groups that are not frozen are clipped together to a norm of 1.
                            The learning rate is 0.000625: 0.001 of the rule, times 0.625 of the schedule in step 3.
                            The average with beta1 is corrected for its beginning: divided by 1 - 0.9^3 = 0.271.
                            The average with beta2 is corrected for its beginning: divided by 1 - 0.999^3 = 0.002997.
                            Weight decay is decoupled: it takes 6.25e-5 of the value away, the learning rate times 0.1.
                            Its copy in BF16 becomes the new value.
                            Its moving average moves by 0.001 of the way to the new value.
                            After the step, companion lookahead (k 5, alpha 0.8) runs pass 'synchronize', which may write the value.
                            Of companion sam (rho 0.1, adaptive off), 'perturb' and 'restore' run only when named.\
                            """);
        }
    }

    @Test
    void sophiaWithADynamicLossScaleWithAndWithoutGradientAndCurvature() {
        var a = gradient(vector("a", 1, 2), 1, 1);
        var b = vector("b", 3);
        try (var optimizer =
                Optimizer.builder(SophiaG.defaults())
                        .group("all", List.of(a, b))
                        .lossScale(LossScale.dynamic())
                        .clipParameterNorm(0.5)
                        .clipValue(0.25)
                        .zeroGradients(true)
                        .companion(Lookahead.defaults())
                        .companion(new Centralize())
                        .backend(backend)
                        .build()) {
            optimizer.step();
            gradient(a, Float.NaN, 1);
            optimizer.step();
            gradient(a, 1, 1);
            optimizer.step();
            curvature(a, 1, 1);
            assertThat(optimizer.explain("a"))
                    .isEqualTo(
                            """
                            Parameter 'a' has shape [2] and type F32, and is in group 'all'.
                            The group's rule is sophia-g (beta1 0.965, beta2 0.99, rho 0.04, batch_size 5120, maximize off), taken from Liuhong99/Sophia, sophia.py; Liu et al., 2023.
                            It has a gradient, so the next step, number 3, updates it; its count becomes 3.
                            If a gradient of any parameter that is not frozen is infinite or NaN, the step is skipped (1 so far).
                            Before the step, companion centralize runs pass 'centralize', which may rewrite the gradient.
                            The gradient comes multiplied by the loss scale, 32768, and is divided by it.
                            The loss scale is multiplied by 0.5 after a skipped step, and by 2 after 2000 accepted steps in a row, of which 1 are done.
                            The gradient is clipped to a norm of 0.5.
                            Each element of the gradient is clipped to [-0.25, 0.25].
                            Curvature was handed in, and the rule takes it up before it updates.
                            The learning rate is 0.0001: 0.0001 of the rule, times 1 of the schedule in step 3.
                            Weight decay is decoupled: it takes 1e-5 of the value away, the learning rate times 0.1.
                            The gradient is set to zero, whether or not the step is accepted.
                            After the step, companion lookahead (k 5, alpha 0.8) runs pass 'synchronize', which may write the value.\
                            """);
            assertThat(optimizer.explain("b"))
                    .isEqualTo(
                            """
                            Parameter 'b' has shape [1] and type F32, and is in group 'all'.
                            The group's rule is sophia-g (beta1 0.965, beta2 0.99, rho 0.04, batch_size 5120, maximize off), taken from Liuhong99/Sophia, sophia.py; Liu et al., 2023.
                            It has no gradient, so the next step, number 3, leaves its value, its states and its count of 0 alone.
                            If a gradient of any parameter that is not frozen is infinite or NaN, the step is skipped (1 so far).
                            After the step, companion lookahead (k 5, alpha 0.8) runs pass 'synchronize', which may write the value.\
                            """);
        }
    }

    @Test
    void sgdInBfloat16WhoseRateAndMomentumOthersSet() {
        var a = Parameter.of("a", Shape.of(2), DType.BF16, MemorySegment.ofArray(new short[2]));
        a.gradient(MemorySegment.ofArray(new short[2]));
        var rule = SGD.withLearningRate(0.1).withMomentum(0.9).withWeightDecay(0.01);
        try (var optimizer =
                Optimizer.builder(rule.withMaximize(true))
                        .group("all", List.of(a))
                        .schedule(new MomentumSchedule(_ -> 0.8))
                        .nonFinite(NonFinitePolicy.FAIL)
                        .clipGroupNorm(2)
                        .transform(_ -> {})
                        .companion(Hypergradient.defaults())
                        .backend(backend)
                        .build()) {
            optimizer.ruleState("all", "rate_factor").value(1.5);
            assertThat(optimizer.explain("a"))
                    .isEqualTo(
                            """
                            Parameter 'a' has shape [2] and type BF16, and is in group 'all'.
                            The group's rule is sgd (momentum 0.9, dampening 0, nesterov off, maximize on), taken from PyTorch, torch.optim.SGD.
                            The rule climbs: it turns the sign of the gradient first.
                            It has a gradient, so the next step, number 1, updates it; its count becomes 1.
                            If a gradient of any parameter that is not frozen is infinite or NaN, the step is refused with an exception (0 so far).
                            Before the step, companion hypergradient (beta 1e-7) runs pass 'adapt_rate', which writes nothing but states of its own.
                            A transform may rewrite the gradient before it is clipped and used.
                            The gradients of the group are clipped together to a norm of 2.
                            The learning rate is 0.15: 0.1 of the rule, times 1 of the schedule in step 1, times 1.5 of companion hypergradient, which may change that before the step.
                            The schedule sets the momentum, or beta1, to 0.8.
                            Weight decay of 0.01 is part of the rule's formula.
                            The new value is computed in F32 and rounded to BF16.\
                            """);
        }
    }

    @Test
    void lionThatIsCautiousThenPerturbedAndThenFrozen() {
        var a = gradient(vector("a", 1, 2), 1, 1);
        try (var optimizer =
                Optimizer.builder(Lion.withLearningRate(1e-4).withWeightDecay(0.5))
                        .group("all", List.of(a))
                        .companion(Cautious.ofUpdates())
                        .companion(SAM.defaults())
                        .zeroGradients(true)
                        .backend(backend)
                        .build()) {
            optimizer.run(SAM.PERTURB);
            assertThat(optimizer.explain("a"))
                    .isEqualTo(
                            """
                            Parameter 'a' has shape [2] and type F32, and is in group 'all'.
                            The group's rule is lion (beta1 0.9, beta2 0.99), taken from google/automl, lion_pytorch.py; Chen et al., 2023.
                            No step is taken until pass 'restore' has closed pass 'perturb'.
                            It has a gradient, so the next step, number 1, updates it; its count becomes 1.
                            The learning rate is 0.0001: 0.0001 of the rule, times 1 of the schedule in step 1.
                            Weight decay is decoupled: it takes up to 5e-5 of the value away, the learning rate times 0.5.
                            To complete the step, companion cautious (update on, cautious_decay off) runs pass 'complete', which takes the rule's update and writes the value.
                            The gradient is set to zero, whether or not the step is accepted.
                            Of companion sam (rho 0.05, adaptive off), 'perturb' and 'restore' run only when named.\
                            """);
            optimizer.run(SAM.RESTORE);
            optimizer.freeze("all");
            assertThat(optimizer.explain("a"))
                    .isEqualTo(
                            """
                            Parameter 'a' has shape [2] and type F32, and is in group 'all'.
                            The group's rule is lion (beta1 0.9, beta2 0.99), taken from google/automl, lion_pytorch.py; Chen et al., 2023.
                            The group is frozen, so the next step, number 1, leaves its value, its states and its count of 0 alone.
                            The gradient is set to zero, whether or not the step is accepted.
                            Of companion sam (rho 0.05, adaptive off), 'perturb' and 'restore' run only when named.\
                            """);
        }
    }

    @Test
    void decoupledDecayGoesByTheWholeLearningRate() {
        var a = gradient(vector("a", 1), 1);
        try (var optimizer =
                Optimizer.builder(AdamW.withLearningRate(0.5).withWeightDecay(0.1))
                        .group("all", List.of(a))
                        .schedule(Schedule.of(_ -> 0.5))
                        .companion(Hypergradient.defaults())
                        .backend(backend)
                        .build()) {
            optimizer.ruleState("all", "rate_factor").value(3);
            assertThat(optimizer.explain("a").lines())
                    .contains(
                            "Weight decay is decoupled: it takes 0.075 of the value away, the"
                                    + " learning rate times 0.1.");
        }
    }

    @Test
    void wholeNumbersAreWrittenInFullAndOthersWithSixDigits() {
        var a = gradient(vector("a", 1), 1);
        try (var optimizer =
                Optimizer.builder(Prodigy.defaults().atLearningRate(1 / 3.0))
                        .group("all", List.of(a))
                        .lossScale(LossScale.fixed(536870912))
                        .clipGlobalNorm(1.0 / (1 << 30))
                        .clipValue(1e9)
                        .backend(backend)
                        .build()) {
            assertThat(optimizer.explain("a"))
                    .contains("by the loss scale, 536870912,")
                    .contains("to a norm of 9.31323e-10.")
                    .contains("to [-1e9, 1e9].")
                    .contains("The learning rate is 0.333333: 0.333333 of the rule")
                    .contains("d_coef 1, growth_rate Infinity")
                    .contains("There is no weight decay.");
        }
    }

    @Test
    void aScheduledMomentumIsWhatTheAverageIsCorrectedBy() {
        var a = gradient(vector("a", 1), 1);
        try (var optimizer =
                Optimizer.builder(AdamW.defaults())
                        .group("all", List.of(a))
                        .schedule(new MomentumSchedule(step -> 0.5 / step))
                        .backend(backend)
                        .build()) {
            optimizer.step();
            assertThat(optimizer.explain("a").lines())
                    .contains(
                            "The average with beta1 is corrected for its beginning: divided by 1 -"
                                    + " 0.25^2 = 0.9375.",
                            "The average with beta2 is corrected for its beginning: divided by 1 -"
                                    + " 0.999^2 = 0.001999.");
        }
    }

    @Test
    void anAverageMovesWhenItIsDue() {
        var a =
                vector("a", 1)
                        .averagedIn(new Output(DType.F32, MemorySegment.ofArray(new float[1])));
        gradient(a, 1);
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(1))
                        .group("all", List.of(a))
                        .averaging(Averaging.equal().startingAt(3).every(2))
                        .backend(backend)
                        .build()) {
            var sentences = new ArrayList<String>();
            for (int step = 0; step < 5; step++) {
                sentences.add(optimizer.explain("a").lines().toList().getLast());
                optimizer.step();
            }
            assertThat(sentences)
                    .containsExactly(
                            "Its moving average stays as it is in this step.",
                            "Its moving average stays as it is in this step.",
                            "Its moving average becomes the new value.",
                            "Its moving average stays as it is in this step.",
                            "Its moving average moves by 0.5 of the way to the new value.");
            a.clearGradient();
            optimizer.step();
            assertThat(optimizer.explain("a").lines().toList().getLast())
                    .isEqualTo(
                            "Its moving average moves by 0.333333 of the way to the value, which"
                                    + " stays.");
        }
    }

    @Test
    void theFrameworkOfAParameterIsAskedForItsGradientFirst() {
        var gradients = new ArrayList<MemorySegment>();
        var a =
                Parameter.of(
                        "a",
                        Shape.of(1),
                        DimensionOrder.contiguous(1),
                        new HostMemory(MemorySegment.ofArray(new float[1])),
                        new Framework(gradients));
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(1))
                        .group("all", List.of(a))
                        .backend(backend)
                        .build()) {
            assertThat(optimizer.explain("a")).contains("It has no gradient");
            gradients.add(MemorySegment.ofArray(new float[1]));
            assertThat(optimizer.explain("a")).contains("It has a gradient");
        }
    }

    /** Gives its one parameter the first of some gradients, as soon as there is one. */
    private record Framework(List<MemorySegment> gradients) implements ParameterSource {

        @Override
        public Watch watch(List<Parameter> parameters) {
            return new Watch() {
                @Override
                public void refresh() {
                    gradients.stream().findFirst().ifPresent(parameters.getFirst()::gradient);
                }

                @Override
                public void valueWritten(int index) {}

                @Override
                public void gradientWritten(int index) {}
            };
        }
    }

    @Test
    void anUnknownParameterIsRefused() {
        var a = vector("a", 1);
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(1))
                        .group("all", List.of(a))
                        .backend(backend)
                        .build()) {
            assertThatThrownBy(() -> optimizer.explain("c"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("there is no parameter 'c'");
        }
    }

    @Test
    void whatComesBehindTheRulesUpdateIsTold() {
        var a = Parameter.of("a", Shape.of(2), DType.BF16, MemorySegment.ofArray(new short[2]));
        a.gradient(MemorySegment.ofArray(new short[2]));
        try (var optimizer =
                Optimizer.builder(AdamW.withLearningRate(0.1))
                        .group("all", List.of(a))
                        .companion(Cautious.ofUpdates())
                        .companion(Lookahead.defaults())
                        .companion(SAM.defaults())
                        .companion(new Centralize())
                        .statistics(true)
                        .backend(backend)
                        .build()) {
            optimizer.step();
            assertThat(optimizer.explain("a").lines())
                    .contains(
                            "The rule's last update of it, in step 1, has norm 0, for a gradient of"
                                    + " norm 0.",
                            "This is the update before it is rounded to BF16, pass 'complete' of"
                                    + " cautious and pass 'synchronize' of lookahead.")
                    .noneMatch(line -> line.contains("NaN") || line.contains("Plain gradient"));
        }
    }

    @Test
    void aParameterWithoutElementsIsLeftAlone() {
        var a = Parameter.of("a", Shape.of(0), MemorySegment.ofArray(new float[0]));
        a.gradient(MemorySegment.ofArray(new float[0]));
        try (var optimizer =
                Optimizer.builder(AdamW.withLearningRate(0.1))
                        .group("all", List.of(a))
                        .statistics(true)
                        .backend(backend)
                        .build()) {
            optimizer.step();
            assertThat(optimizer.report().counts()).containsEntry("a", 0L);
            assertThat(optimizer.explain("a").lines())
                    .contains(
                            "It has no elements, so the next step, number 2, leaves its value, its"
                                    + " states and its count of 0 alone.")
                    .noneMatch(line -> line.startsWith("The learning rate"));
        }
    }

    @Test
    void aNormOfZeroIsNoMeasure() {
        var a = gradient(vector("a", 3, 4), 3, 4);
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(1))
                        .group("all", List.of(a))
                        .statistics(true)
                        .backend(backend)
                        .build()) {
            optimizer.step();
            assertThat(optimizer.explain("a"))
                    .contains(
                            "The rule's last update of it, in step 1, has norm 5, for a gradient of"
                                    + " norm 5.\n")
                    .doesNotContain("NaN", "Infinity");
        }
    }

    @Test
    void aRefusedAttemptSaysWhatItFound() {
        var a = gradient(vector("a", 3, 4), 3, 4);
        var b = gradient(vector("b", 1), Float.NaN);
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(1))
                        .group("all", List.of(a, b))
                        .nonFinite(NonFinitePolicy.FAIL)
                        .statistics(true)
                        .backend(backend)
                        .build()) {
            assertThatThrownBy(optimizer::step).isInstanceOf(NonFiniteGradientException.class);
            var refused =
                    "The last attempt at a step was refused; its gradient of this parameter had"
                            + " norm ";
            assertThat(optimizer.explain("a").lines()).contains(refused + "5.");
            assertThat(optimizer.explain("b").lines()).contains(refused + "NaN.");
        }
    }

    @Test
    void withStatisticsItSaysWhatTheLastStepDid() {
        var weight = gradient(vector("weight", 12), 4);
        var rule = new LARS(1, 0, 0, 0.25, 0, 0.5, false, false, false);
        try (var optimizer =
                Optimizer.builder(rule)
                        .group("all", List.of(weight))
                        .clipValue(4)
                        .companion(Hypergradient.withBeta(1e-3))
                        .statistics(true)
                        .backend(backend)
                        .build()) {
            assertThat(optimizer.explain("weight")).doesNotContain("last update");
            optimizer.step();
            assertThat(optimizer.explain("weight"))
                    .contains(
                            """
                            The rule's last update of it, in step 1, has norm 3 (0.333333 of its new values' norm, which is 9), for a gradient of norm 4.
                            Plain gradient descent would have gone as far at a learning rate of 0.75.
                            The rules tell of it: trust_ratio 0.3.
                            The rules tell of the group: rate_factor 1.
                            It has a gradient, so the next step, number 2, updates it; its count becomes 2.
                            """);
            gradient(weight, 5);
            optimizer.step();
            assertThat(optimizer.explain("weight"))
                    .contains("A bound held 100% of its elements in it.\n");
            weight.clearGradient();
            optimizer.step();
            assertThat(optimizer.explain("weight")).doesNotContain("last update");
        }
    }
}

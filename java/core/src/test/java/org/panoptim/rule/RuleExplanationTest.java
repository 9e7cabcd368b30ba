package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.schedule.Schedule;
import org.panoptim.tensor.Shape;

import java.util.List;

/** What rules say of their next step, where the usual sentences would not be true. */
class RuleExplanationTest {

    private static final String RATE = "The learning rate is ";
    private static final String CORRECTION = "The average with ";

    private final Backend backend = Backend.named("reference");
    private final Parameter a = gradient(vector("a", 3, 4), 1, 2);

    @AfterEach
    void close() {
        backend.close();
    }

    /** Under a schedule that halves the learning rate. */
    private Optimizer optimizer(UpdateRule rule) {
        return Optimizer.builder(rule)
                .group("all", List.of(a))
                .schedule(Schedule.of(_ -> 0.5))
                .backend(backend)
                .build();
    }

    private static List<String> lines(Optimizer optimizer) {
        return optimizer.explain("a").lines().toList();
    }

    @Test
    void swatsOnceItIsSGD() {
        try (var optimizer = optimizer(SWATS.withLearningRate(0.25))) {
            optimizer.step();
            assertThat(lines(optimizer))
                    .contains(
                            "The learning rate is 0.125: 0.25 of the rule, times 0.5 of the"
                                    + " schedule in step 2.")
                    .anyMatch(line -> line.startsWith(CORRECTION + "beta2"));
            optimizer.state("a", "sgd_lr").value(3);
            assertThat(lines(optimizer))
                    .contains(
                            "The parameter has gone over to SGD: the learning rate is 1.5, 3 that"
                                    + " it has found, times 0.5 of the schedule.",
                            "It has a momentum of 0.9, and Adam's averages stay as they are.")
                    .noneMatch(line -> line.startsWith(RATE) || line.startsWith(CORRECTION))
                    .doesNotContain("");
        }
    }

    @Test
    void radamAndAdaBeliefWhileTheirSecondMomentIsOfTooFewGradients() {
        var few =
                "The average with beta2 is of too few gradients yet: the step is along the average"
                        + " with beta1, divided by nothing.";
        for (var rule : List.of(RAdam.defaults(), AdaBelief.defaults())) {
            try (var optimizer = optimizer(rule)) {
                for (int step = 1; step <= 7; step++) {
                    boolean uses = step >= 6;
                    assertThat(lines(optimizer).contains(few))
                            .as("%s, step %d", rule.name(), step)
                            .isEqualTo(!uses);
                    assertThat(lines(optimizer))
                            .anyMatch(line -> line.startsWith(CORRECTION + "beta1 is corrected"));
                    assertThat(
                                    lines(optimizer).stream()
                                            .anyMatch(
                                                    line ->
                                                            line.startsWith(
                                                                    CORRECTION
                                                                            + "beta2 is"
                                                                            + " corrected")))
                            .isEqualTo(uses);
                    optimizer.step();
                }
            }
        }
        try (var optimizer = optimizer(new AdaBelief(1e-3, 0.9, 0.999, 1e-16, 0, false))) {
            assertThat(lines(optimizer)).doesNotContain(few);
        }
    }

    @Test
    void adoptInTheFirstStepOfAParameter() {
        try (var optimizer = optimizer(ADOPT.withLearningRate(0.25))) {
            assertThat(lines(optimizer))
                    .contains(
                            "The first step of a parameter begins the average with beta2, and"
                                    + " leaves the value alone.")
                    .noneMatch(line -> line.startsWith(RATE));
            optimizer.step();
            assertThat(lines(optimizer)).anyMatch(line -> line.startsWith(RATE));
        }
    }

    @Test
    void adagradsDecayOfTheLearningRate() {
        try (var optimizer = optimizer(new Adagrad(0.5, 0.25, 0, 0, 1e-10, false))) {
            optimizer.step();
            optimizer.step();
            assertThat(lines(optimizer))
                    .contains(
                            "The learning rate is divided by 1 + 2 · 0.25 = 1.5, which leaves"
                                    + " 0.166667.");
        }
    }

    @Test
    void adafactorsRelativeLearningRate() {
        try (var optimizer = optimizer(Adafactor.withLearningRate(1))) {
            for (int i = 0; i < 8; i++) {
                optimizer.step();
            }
            assertThat(lines(optimizer))
                    .contains(
                            "The relative learning rate is 0.333333, the lesser of 0.5 (1 of the"
                                    + " rule, times 0.5 of the schedule) and 1/√9 = 0.333333. It is"
                                    + " multiplied by the root mean square of the values, or 0.001"
                                    + " if that is larger, and the update's is held to 1.");
        }
    }

    @Test
    void lambsBoundAndTrustRatio() {
        try (var optimizer = optimizer(LAMB.withLearningRate(1))) {
            assertThat(lines(optimizer))
                    .contains(
                            "First the rule scales the gradients of all parameters that it updates"
                                    + " together down to a norm of 1, if it is larger, and last it"
                                    + " multiplies the learning rate by the parameter's trust"
                                    + " ratio.");
        }
    }

    @Test
    void larsTrustRatio() {
        try (var optimizer = optimizer(new LARS(1, 0, 0, 0.25, 0, 0.5, false, false, false))) {
            assertThat(lines(optimizer))
                    .contains("The learning rate is multiplied by the parameter's trust ratio.");
        }
        try (var optimizer = optimizer(LARS.defaults())) {
            assertThat(lines(optimizer)).contains("The trust ratio is 1, without weight decay.");
        }
    }

    @Test
    void theDistanceThatProdigyAndDAdaptationEstimate() {
        try (var optimizer = optimizer(Prodigy.defaults())) {
            optimizer.ruleState("all", "d").value(0.25);
            assertThat(lines(optimizer))
                    .contains(
                            "The learning rate is 0.5: 1 of the rule, times 0.5 of the schedule in"
                                    + " step 1.",
                            "The learning rate is multiplied by d, 0.25 as estimated so far, which"
                                    + " makes it 0.125.");
        }
        var corrected = new DAdaptAdam(1, 0.5, 0.75, 1e-8, 0, false, true, 0.25, 2);
        try (var optimizer = optimizer(corrected)) {
            // √(1 - 0.75) / (1 - 0.5) = 1
            assertThat(lines(optimizer))
                    .contains(
                            "The learning rate is multiplied by d, 0.25 as estimated so far, and"
                                    + " corrected for the averages' beginning, which makes it"
                                    + " 0.125.");
        }
        try (var optimizer = optimizer(DAdaptSGD.defaults())) {
            assertThat(lines(optimizer))
                    .contains(
                            "The learning rate is multiplied by d, 1e-6 to begin with, and divided"
                                    + " by the norm of this first gradient.");
            gradient(a, 3, 4);
            optimizer.step();
            optimizer.ruleState("all", "d").value(0.25);
            assertThat(lines(optimizer))
                    .contains(
                            "The learning rate is multiplied by d, 0.25 as estimated so far, and"
                                    + " divided by the norm of the first gradient, 5, which makes"
                                    + " it 0.025.");
        }
    }

    @Test
    void theWarmUpOfScheduleFreeRules() {
        for (var rule :
                List.of(
                        new ScheduleFreeSGD(1, 0.9, 0, 4, 0, 2),
                        new ScheduleFreeAdamW(1, 0.9, 0.999, 1e-8, 0, 4, 0, 2))) {
            try (var optimizer = optimizer(rule)) {
                optimizer.step();
                assertThat(lines(optimizer))
                        .contains(
                                "The warm-up multiplies the learning rate by 2/4, which makes it"
                                        + " 0.25.");
                optimizer.step();
                optimizer.step();
                assertThat(lines(optimizer)).noneMatch(line -> line.startsWith("The warm-up"));
            }
        }
    }

    /** Whatever a rule keeps of a shape, it can be asked. */
    @Test
    void everyRuleCanBeAsked() {
        var matrix = gradient(tensor("a", Shape.of(2, 1), 3, 4), 1, 2);
        for (var rule : Rules.all()) {
            try (var optimizer =
                    Optimizer.builder(rule)
                            .group("all", List.of(matrix))
                            .backend(backend)
                            .build()) {
                optimizer.step();
                assertThat(lines(optimizer)).as(rule.name()).doesNotContain("");
            }
        }
    }
}

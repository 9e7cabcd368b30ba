package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.withinPercentage;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.cli.run.Run;
import org.panoptim.cli.train.Classifier.Batch;
import org.panoptim.cli.train.Training.Progress;
import org.panoptim.cli.train.Training.Settings;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SGD;
import org.panoptim.rule.ScheduleFreeSGD;
import org.panoptim.rule.UpdateRule;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

class TrainingTest {

    /** Stops after a number of steps. */
    private static final class Stopping implements Progress {

        private final int after;
        private final AtomicInteger steps = new AtomicInteger();

        Stopping(int after) {
            this.after = after;
        }

        @Override
        public void begin(String title, long all) {}

        @Override
        public void step() {
            steps.incrementAndGet();
        }

        @Override
        public void epoch(Outcome.Point point) {}

        @Override
        public void end() {}

        @Override
        public boolean stopRequested() {
            return steps.get() >= after;
        }
    }

    private static OptimizerChoice choice(String entry) {
        return OptimizerChoice.of(OptimizerEntry.parse(entry), 100);
    }

    @Test
    void aStopLeavesWhatHasRunAndBeginsNothingNew() {
        var choices = List.of(choice("sgd"), choice("adam"));
        try (var backend = Backend.named("reference")) {
            var outcomes =
                    new Training(
                                    new Settings(choices, 2, 100, List.of(1L)),
                                    backend,
                                    new Stopping(20))
                            .run();

            // An epoch has 15 batches.
            assertThat(outcomes).hasSize(1);
            var outcome = outcomes.getFirst();
            assertThat(outcome.end()).isEqualTo(Run.End.STOPPED);
            assertThat(outcome.steps()).isEqualTo(20);
            assertThat(outcome.curve())
                    .extracting(point -> point.at().epoch())
                    .containsExactly(0.0, 1.0, 20 / 15.0);
            assertThat(ClassifierRuns.contenders(outcomes).getFirst().title())
                    .isEqualTo("sgd (stopped at epoch 1.3)");
        }
    }

    @Test
    void everyPointSaysWhenItWas() {
        var choices = List.of(choice("sgd@0.25"), choice("torch-adamw"));
        try (var backend = Backend.named("reference")) {
            var settings = new Settings(choices, 2, 100, List.of(1L));
            var outcomes = new Training(settings, backend, new Stopping(100)).run();

            var outcome = outcomes.getFirst();
            assertThat(outcome.curve())
                    .extracting(point -> point.at().step())
                    .containsExactly(0L, 15L, 30L);
            assertThat(outcome.curve().getFirst().at().seconds()).isZero();
            assertThat(outcome.movements())
                    .hasSize(30)
                    .extracting(Outcome.Movement::learningRate)
                    .containsOnly(0.25);
            assertThat(outcome.movements())
                    .extracting(movement -> movement.at().seconds())
                    .isSorted()
                    .doesNotHaveDuplicates();
            // Evaluations take no time of the training's.
            assertThat(outcome.last().at().seconds())
                    .isBetween(
                            outcome.movements().getLast().at().seconds(),
                            outcome.total().toNanos() / 1e9);
            assertThat(outcomes.getLast().movements()).isEmpty();
        }
    }

    private static Outcome.Point afterAnEpoch(String entry) {
        try (var backend = Backend.named("reference")) {
            var settings = new Settings(List.of(choice(entry)), 1, 100, List.of(1L));
            return new Training(settings, backend, new Stopping(Integer.MAX_VALUE))
                    .run()
                    .getFirst()
                    .last();
        }
    }

    @Test
    void everyRuleMovesTheNet() {
        var choices = OptimizerChoice.names().stream().map(TrainingTest::choice).toList();
        try (var backend = Backend.named("reference")) {
            var settings = new Settings(choices, 1, 500, List.of(1L));
            var outcomes = new Training(settings, backend, new Stopping(Integer.MAX_VALUE)).run();

            // All but AdaFisher, and PyTorch's own.
            assertThat(outcomes).hasSize(Rules.all().size() - 1 + 1);
            assertThat(outcomes)
                    .allSatisfy(
                            outcome ->
                                    assertThat(outcome.last().loss())
                                            .isNotEqualTo(outcome.curve().getFirst().loss())
                                            .isLessThan(10));
        }
    }

    @Test
    void aScheduleFreeRuleIsEvaluatedAtItsAverage() {
        var entry = "schedule-free-sgd@0.5";
        torch.manual_seed(1);
        var digits = Digits.load().training();
        try (var _ = new PointerScope();
                var backend = Backend.named("reference")) {
            var net = new Classifier();
            var images = Batch.of(digits);
            try (var stepper =
                    new Stepper.Fused(
                            net, choice(entry).setup(), 15, 1, backend, Optional.empty())) {
                for (var indices : new BatchSampler(1, digits.count(), 100).nextEpoch()) {
                    loss(net, images.select(indices)).backward();
                    stepper.step(() -> {});
                }
                double trained = loss(net, images).item_double();
                stepper.optimizer().run(ScheduleFreeSGD.EVAL);
                double average = loss(net, images).item_double();

                assertThat(afterAnEpoch(entry).loss()).isEqualTo(average).isNotEqualTo(trained);
            }
        }
    }

    private static Tensor loss(Classifier net, Batch batch) {
        return torch.cross_entropy(net.forward(batch.images()), batch.classes());
    }

    @Test
    void samTakesTheGradientsSomewhereElseAndComesBack() {
        var plain = afterAnEpoch("sgd@0.1");
        var still = afterAnEpoch("sgd@0.1+sam:rho=0");
        var sharpness = afterAnEpoch("sgd@0.1+sam:rho=0.5");
        var standing = afterAnEpoch("sgd@0+sam:rho=0.5");

        assertThat(still.loss()).isEqualTo(plain.loss());
        assertThat(sharpness.loss()).isNotEqualTo(plain.loss());
        assertThat(standing.loss()).isEqualTo(afterAnEpoch("sgd@0").loss());
    }

    @Test
    void anEnginesOptimizerIsRefusedOtherSettingsAndOtherRules() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> engine(AdamW.defaults().withEpsilon(0.5)))
                .withMessageContaining("defaults but for the learning rate and the weight decay");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> engine(SGD.withLearningRate(0.5)))
                .withMessageContaining("Adam and AdamW");
    }

    private static Stepper engine(UpdateRule rule) {
        return new Stepper.Engine(new Classifier(), new OptimizerSetup(rule), 10);
    }

    private static List<Outcome> trained(String... entries) {
        var choices = Stream.of(entries).map(TrainingTest::choice).toList();
        return trained(choices, List.of(1L));
    }

    private static List<Outcome> trained(List<OptimizerChoice> choices, List<Long> seeds) {
        try (var backend = Backend.named("reference")) {
            var settings = new Settings(choices, 2, 100, seeds);
            return new Training(settings, backend, new Stopping(Integer.MAX_VALUE)).run();
        }
    }

    @Test
    void theEnginesOptimizerDoesWhatPanoptimsDoesUnderScheduleDecayAndClipping() {
        var cosine = ScheduleChoice.parse("cosine:floor=0.1");
        var entry = "adamw@0.01:weight_decay=0.5:clip_norm=0.5";
        var outcomes =
                trained(
                        List.of(choice(entry).with(cosine), choice("torch-" + entry).with(cosine)),
                        List.of(1L));
        double own = outcomes.get(0).last().loss();

        assertThat(outcomes.get(1).last().loss()).isCloseTo(own, withinPercentage(0.1));
        for (var other :
                List.of(
                        choice(entry),
                        choice("adamw@0.01:clip_norm=0.5").with(cosine),
                        choice("adamw@0.01:weight_decay=0.5").with(cosine))) {
            assertThat(trained(List.of(other), List.of(1L)).getFirst().last().loss())
                    .isNotCloseTo(own, withinPercentage(0.5));
        }
    }

    @Test
    void aScheduleReachesItsEndWithTheLastStep() {
        var linear = choice("sgd@0.5").with(ScheduleChoice.parse("linear:floor=0.25"));
        var movements = trained(List.of(linear), List.of(1L)).getFirst().movements();

        assertThat(movements.getFirst().learningRate()).isEqualTo(0.5);
        // PyTorch's linear schedule has its last factor one step after the last of the training.
        assertThat(movements.getLast().learningRate()).isBetween(0.125, 0.15);
    }

    @Test
    void everySeedIsTrainedWithAndGivesWhatItGivesAlone() {
        var outcomes = trained(List.of(choice("sgd"), choice("lion")), List.of(3L, 4L));

        assertThat(outcomes)
                .extracting(outcome -> outcome.choice().name() + outcome.seed())
                .containsExactly("sgd3", "sgd4", "lion3", "lion4");
        assertThat(outcomes.get(1).last().loss())
                .isEqualTo(trained(List.of(choice("sgd")), List.of(4L)).getFirst().last().loss())
                .isNotEqualTo(outcomes.get(0).last().loss());
        assertThat(ClassifierRuns.contenders(outcomes))
                .extracting(contender -> contender.runs().size())
                .containsExactly(2, 2);
    }

    @Test
    void aRehearsalChangesNothing() {
        try (var backend = Backend.named("reference")) {
            var settings = new Settings(List.of(choice("adamw")), 1, 100, List.of(1L));
            var training = new Training(settings, backend, new Stopping(Integer.MAX_VALUE));
            training.rehearse();

            assertThat(training.run().getFirst().last().loss())
                    .isEqualTo(afterAnEpoch("adamw").loss());
        }
    }

    @Test
    void whoHasNoNumbersAnyMoreIsStoppedAndHasDiverged() {
        var outcomes = trained("sgd@1e30", "sgd@0", "sgd@0.05");

        assertThat(outcomes)
                .extracting(Outcome::end)
                .containsExactly(Run.End.DIVERGED, Run.End.COMPLETE, Run.End.COMPLETE);
        assertThat(outcomes.getFirst().steps()).isEqualTo(15);
        assertThat(ClassifierRuns.contenders(outcomes).getFirst().title())
                .isEqualTo("sgd@1e30 (diverged at epoch 1.0)");
    }
}

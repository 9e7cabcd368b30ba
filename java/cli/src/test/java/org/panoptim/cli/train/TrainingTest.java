package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.cli.train.Training.Progress;
import org.panoptim.cli.train.Training.Settings;
import org.panoptim.rule.AdamW;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

class TrainingTest {

    /** Stops after a number of steps. */
    private static final class Stopping implements Progress {

        private final int after;
        private final AtomicInteger steps = new AtomicInteger();

        Stopping(int after) {
            this.after = after;
        }

        @Override
        public void begin(OptimizerChoice choice, long all) {}

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

    @Test
    void aStopLeavesWhatHasRunAndBeginsNothingNew() {
        var choices =
                List.of(OptimizerChoice.named("sgd", 100), OptimizerChoice.named("adam", 100));
        try (var backend = Backend.named("reference")) {
            var outcomes =
                    new Training(new Settings(choices, 2, 100, 1), backend, new Stopping(20)).run();

            // An epoch has 15 batches.
            assertThat(outcomes).hasSize(1);
            var outcome = outcomes.getFirst();
            assertThat(outcome.complete()).isFalse();
            assertThat(outcome.steps()).isEqualTo(20);
            assertThat(outcome.curve())
                    .extracting(Outcome.Point::epoch)
                    .containsExactly(0.0, 1.0, 20 / 15.0);
            assertThat(Format.name(outcome)).isEqualTo("sgd (stopped at epoch 1.3)");
        }
    }

    @Test
    void theEnginesAdamWRunsOnlyWithItsDefaults() {
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                new Stepper.Engine(
                                        new Classifier(), AdamW.defaults().withWeightDecay(0.5)))
                .withMessageContaining("defaults");
    }
}

package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.panoptim.Backend;
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
        public void begin(Contender contender, long all) {}

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
        var contenders = List.of(Contender.named("sgd", 100), Contender.named("adam", 100));
        try (var backend = Backend.named("reference")) {
            var outcomes =
                    new Training(new Settings(contenders, 2, 100, 1), backend, new Stopping(20))
                            .run();

            // An epoch has 15 batches.
            assertThat(outcomes).hasSize(1);
            var outcome = outcomes.getFirst();
            assertThat(outcome.complete()).isFalse();
            assertThat(outcome.steps()).isEqualTo(20);
            assertThat(outcome.curve())
                    .extracting(Outcome.Point::epoch)
                    .containsExactly(0.0, 1.0, 20 / 15.0);
            assertThat(Wording.name(outcome)).isEqualTo("sgd (stopped at epoch 1.3)");
        }
    }

    @Test
    void theEnginesAdamWRunsOnlyWithItsDefaults() {
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                new EngineStepper(
                                        new Classifier(), AdamW.defaults().withWeightDecay(0.5)))
                .withMessageContaining("defaults");
    }
}

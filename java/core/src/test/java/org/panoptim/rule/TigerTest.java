package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** After its author's loop, bojone/tiger, tiger.py. */
class TigerTest {

    private static final class Loop extends SourceLoop {

        private final Tiger rule;
        private final double[][] m = zeros();

        Loop(Tiger rule) {
            this.rule = rule;
        }

        @Override
        void step() {
            for (int i = 0; i < p.length; i++) {
                double rate = rule.learningRate() * FACTOR * Math.sqrt(squares(p[i]) / p[i].length);
                for (int j = 0; j < p[i].length; j++) {
                    m[i][j] = rule.beta() * m[i][j] + (1 - rule.beta()) * g[i][j];
                    p[i][j] -= rate * (Math.signum(m[i][j]) + rule.weightDecay() * p[i][j]);
                }
            }
        }
    }

    @Test
    void itFollowsItsAuthorsLoop() {
        var rule = new Tiger(0.3, 0.8, 0.07);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void theStepIsRelativeToTheRootMeanSquare() {
        // The mean square of 1, 7 is 25: 0.125 * 5 * (1 + 0.5 * p)
        try (var trial = new Trial(new Tiger(0.125, 0.5, 0.5), 1, 7)) {
            trial.step(4, -Float.MIN_VALUE * 4);
            assertThat(trial.state("m")).containsExactly(2, -Float.MIN_VALUE * 2);
            assertThat(trial.value()).containsExactly(1 - 0.9375f, 7 - 1.5625f);
        }
    }

    @Test
    void aParameterOfZerosStandsStill() {
        try (var trial = new Trial(Tiger.withLearningRate(1), 0, 0)) {
            trial.step(3, -4);
            assertThat(trial.value()).containsExactly(0, 0);
        }
    }

    @Test
    void squaresMayBeOutOfFloatsRange() {
        try (var trial = new Trial(new Tiger(0.5, 0, 0), 0x1p100f)) {
            trial.step(1);
            assertThat(trial.value()).containsExactly(0x1p99f);
        }
        try (var trial = new Trial(new Tiger(0.5, 0, 0), Float.MIN_VALUE * 4)) {
            trial.step(1);
            assertThat(trial.value()).containsExactly(Float.MIN_VALUE * 2);
        }
    }

    @Test
    void theDefaultsAreItsAuthors() {
        var rule = Tiger.defaults();
        assertThat(rule).isEqualTo(new Tiger(1e-3, 0.965, 0.01));
        assertThat(Tiger.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("tiger");
        assertThat(rule.takesMomentum()).isTrue();
        assertThat(rule.slots()).containsExactly(new Slot("m"));
    }
}

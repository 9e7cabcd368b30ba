package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.step.NonFinitePolicy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** After Zhang et al., 2019, and michaelrzhang/lookahead, lookahead_pytorch.py. */
class LookaheadTest {

    @TempDir Path folder;

    private static Optimizer.Builder<SGD> builder(Lookahead lookahead) {
        return Optimizer.builder(SGD.withLearningRate(1))
                .companion(lookahead)
                .backend(Backend.named("reference"));
    }

    @Test
    void everyKthStepTheSlowWeightsMeetTheParameters() {
        var p = vector("p", 8, -8);
        gradient(p, 1, 1);
        try (var optimizer = builder(new Lookahead(2, 0.75)).group("all", List.of(p)).build()) {
            optimizer.step();
            assertThat(values(p)).containsExactly(7, -9);
            optimizer.step();
            // 6 and -10, three quarters of the way from 8 and -8.
            assertThat(values(p)).containsExactly(6.5f, -9.5f);
            assertThat(optimizer.state("p", "cached_params").toArray())
                    .containsExactly(6.5f, -9.5f);
            optimizer.step();
            assertThat(values(p)).containsExactly(5.5f, -10.5f);
            optimizer.step();
            assertThat(values(p)).containsExactly(5, -11);
        }
    }

    @Test
    void aParameterWithoutAGradientTakesPart() {
        var p = vector("p", 8);
        var q = vector("q", 4);
        gradient(p, 1);
        try (var optimizer = builder(new Lookahead(1, 0.5)).group("all", List.of(p, q)).build()) {
            optimizer.state("q", "cached_params").set(new float[] {2});
            optimizer.step();
            assertThat(values(p)).containsExactly(7.5f);
            assertThat(values(q)).containsExactly(3);
        }
    }

    @Test
    void aRefusedStepChangesNothing() {
        var p = vector("p", 8);
        try (var optimizer =
                builder(new Lookahead(1, 0.5))
                        .group("all", List.of(p))
                        .nonFinite(NonFinitePolicy.SKIP)
                        .build()) {
            gradient(p, Float.NaN);
            optimizer.step();
            assertThat(values(p)).containsExactly(8);
            gradient(p, 2);
            optimizer.step();
            assertThat(values(p)).containsExactly(7);
            // Though it leaves the number of the step that has been dealt with.
            gradient(p, Float.NaN);
            optimizer.state("p", "cached_params").set(new float[] {0});
            optimizer.step();
            assertThat(values(p)).containsExactly(7);
        }
    }

    @Test
    void itGoesOnFromACheckpointWithEqualBits() throws IOException {
        var file = folder.resolve("checkpoint");
        var p = vector("p", 8.1f, 0.3f);
        gradient(p, 0.7f, 0.11f);
        var lookahead = new Lookahead(3, 0.8);
        float[] between;
        float[] end;
        try (var optimizer = builder(lookahead).group("all", List.of(p)).build()) {
            optimizer.step();
            optimizer.step();
            optimizer.save(file);
            between = values(p);
            for (int step = 0; step < 5; step++) {
                optimizer.step();
            }
            end = values(p);
        }
        var resumed = vector("p", between);
        gradient(resumed, 0.7f, 0.11f);
        try (var optimizer = builder(lookahead).group("all", List.of(resumed)).build()) {
            optimizer.load(file);
            for (int step = 0; step < 5; step++) {
                optimizer.step();
            }
        }
        assertThat(values(resumed)).containsExactly(end);
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        assertThatThrownBy(() -> new Lookahead(0, 0.5))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("k", "at least 1", "0");
        assertThatThrownBy(() -> new Lookahead(5, 1.5))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("alpha", "[0, 1]", "1.5");
        assertThat(Lookahead.defaults().withK(1).withAlpha(1)).isEqualTo(new Lookahead(1, 1));
    }
}

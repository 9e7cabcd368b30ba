package org.panoptim.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.time.Duration;

class ProgressTextTest {

    private static final ProgressText HALF =
            new ProgressText("adamw", 50, 100, Duration.ofSeconds(12), "loss 0.1234, 97.5 %");

    @Test
    void aBarSaysHowFarWhatAndHowLong() {
        assertThat(HALF.bar(80))
                .isEqualTo("[██████████          ]  50 %   0:12  adamw  loss 0.1234, 97.5 %");
        assertThat(HALF.line()).isEqualTo("adamw: 50 of 100 (50 %), 0:12, loss 0.1234, 97.5 %");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 20, 39, 40, 60, 71, 72, 80, 120})
    void aBarIsNarrowerThanItsTerminalWhereAnyTextFits(int columns) {
        var bar =
                new ProgressText(
                        "bench",
                        300,
                        300,
                        Duration.ofHours(11),
                        "resnet-50, AdamW with everything, compared with a plain C loop over the"
                                + " same arrays");

        assertThat(bar.bar(columns).length()).isLessThan(Math.max(columns, 17));
    }

    @Test
    void whatDoesNotFitEndsAfterAWord() {
        assertThat(ProgressText.fitted("one two, three", 14)).isEqualTo("one two, three");
        assertThat(ProgressText.fitted("one two, three", 13)).isEqualTo("one two …");
        assertThat(ProgressText.fitted("one two, three", 9)).isEqualTo("one …");
        assertThat(ProgressText.fitted("one two, three", 4)).isEmpty();
        assertThat(ProgressText.fitted("unbreakable", 5)).isEmpty();
    }

    @Test
    void workWithoutStepsIsDoneAndMoreThanAllIsAll() {
        assertThat(new ProgressText("a", 0, 0, Duration.ZERO, "").line())
                .isEqualTo("a: 0 of 0 (100 %), 0:00");
        assertThat(new ProgressText("a", 3, 2, Duration.ofSeconds(3723), "").line())
                .isEqualTo("a: 3 of 2 (100 %), 1:02:03");
    }
}

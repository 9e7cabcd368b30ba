package org.panoptim.cli.page;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LogRangeTest {

    @Test
    void twoPowersOfTenAreEnough() {
        assertThat(LogRange.of(0.1, 1)).isEqualTo(new LogRange(0.1, 1));
        assertThat(LogRange.of(0.05, 20)).isEqualTo(new LogRange(0.05, 20));
    }

    @Test
    void oneIsJoinedByTheNearerOne() {
        assertThat(LogRange.of(0.5, 9)).isEqualTo(new LogRange(0.5, 10));
        assertThat(LogRange.of(0.2, 3)).isEqualTo(new LogRange(0.1, 3));
        assertThat(LogRange.of(1, 1)).isEqualTo(new LogRange(0.1, 1));
        assertThat(LogRange.of(0.01, 0.02)).isEqualTo(new LogRange(0.01, 0.1));
    }

    @Test
    void valuesBetweenTwoHaveThemAround() {
        assertThat(LogRange.of(0.2, 0.5)).isEqualTo(new LogRange(0.1, 1));
        assertThat(LogRange.of(300, 300)).isEqualTo(new LogRange(100, 1000));
    }
}

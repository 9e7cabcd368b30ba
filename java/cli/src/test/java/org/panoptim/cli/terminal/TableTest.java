package org.panoptim.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TableTest {

    @Test
    void columnsAreAsWideAsTheirWidestCell() {
        assertThat(new Table("rule", "n").row("a", "1000").row("longer", "1").lines())
                .containsExactly(
                        "rule       n", //
                        "──────  ────",
                        "a       1000",
                        "longer     1");
    }
}

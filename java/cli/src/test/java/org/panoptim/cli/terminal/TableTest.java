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

    @Test
    void columnsMayBeFlushLeft() {
        assertThat(new Table("rule", "n").flushLeft().row("a", "1000").row("longer", "1").lines())
                .containsExactly("rule    n", "──────  ────", "a       1000", "longer  1");
    }

    @Test
    void aFirstCellThatIsTooWideHasALineOfItsOwn() {
        assertThat(
                        new Table("rule", "n")
                                .row("as wide as can be", "1000")
                                .row("wider than can be", "1")
                                .row("wider than can be!", "2")
                                .lines(23))
                .containsExactly(
                        "rule                  n",
                        "─────────────────  ────",
                        "as wide as can be  1000",
                        "wider than can be     1",
                        "wider than can be!",
                        "                      2")
                .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(23));
    }
}

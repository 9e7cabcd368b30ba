package org.panoptim.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.util.List;

class BenchCommandTest {

    @Test
    void theReportSaysHowToRepeatItInAShell() {
        assertThat(BenchCommand.commandLine(List.of("bench", "--out", "a b's \"c\" ü.html", "")))
                .isEqualTo("./panoptim bench --out 'a b'\\''s \"c\" ü.html' ''");
    }
}

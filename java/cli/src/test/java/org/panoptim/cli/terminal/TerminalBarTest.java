package org.panoptim.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

class TerminalBarTest {

    private static final Duration NEVER = Duration.ofDays(1);

    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private final PrintStream stream = new PrintStream(written, true, StandardCharsets.UTF_8);

    @Test
    void aBarIsDrawnInOneLineWhichItLeavesWhenItEnds() {
        var bar = new TerminalBar(() -> new TerminalBar.Drawing(stream, 80));

        bar.begin("first", 2);
        bar.step();
        bar.message("half of it");
        bar.step();
        bar.end();

        assertThat(text())
                .startsWith("\r")
                .endsWith("100 %   0:00  first  half of it\u001b[K\u001b[?7h\n")
                .containsOnlyOnce("\n");
    }

    @Test
    void aBarIsBroughtUpToDateWhileNoStepIsTaken() throws Exception {
        var bar = new TerminalBar(() -> new TerminalBar.Drawing(stream, 80));

        bar.begin("slow", 10);
        bar.step();
        await(" 10 %");
        bar.end();
    }

    @Test
    void elsewhereEveryPieceLeavesALineWithoutControlCharacters() {
        var bar = new TerminalBar(() -> new TerminalBar.Lines(stream, NEVER));

        bar.begin("first", 2);
        bar.step();
        bar.message("half of it");
        bar.end();
        bar.begin("second", 1);
        bar.next("a part");
        bar.step();
        bar.next("another part");
        bar.end();

        assertThat(text())
                .isEqualTo(
                        """
                        first: 1 of 2 (50 %), 0:00, half of it
                        second: 0 of 1 (0 %), 0:00, a part
                        second: 1 of 1 (100 %), 0:00, another part
                        second: 1 of 1 (100 %), 0:00, another part
                        """);
    }

    @Test
    void aLongPieceSaysSomethingNowAndThen() throws Exception {
        var bar = new TerminalBar(() -> new TerminalBar.Lines(stream, Duration.ofMillis(20)));

        bar.begin("long", 3);
        await("long: 0 of 3 (0 %)");
        bar.step();
        await("long: 1 of 3 (33 %)");
        bar.end();
    }

    @Test
    void whatNobodyWaitsForIsSilent() {
        var bar = TerminalBar.silent();

        bar.begin("work", 1);
        bar.next("part");
        bar.step();
        bar.end();

        assertThat(text()).isEmpty();
    }

    @Test
    void theWidthIsWhatSttySays() {
        assertThat(Terminal.columns("24 100\n")).hasValue(100);
        assertThat(Terminal.columns("0 0\n")).hasValue(Terminal.WIDTH);
        assertThat(Terminal.columns("")).isEmpty();
        assertThat(Terminal.columns("stty: not a tty")).isEmpty();
    }

    private String text() {
        return written.toString(StandardCharsets.UTF_8);
    }

    /** Waits until it was written. */
    private void await(String part) throws InterruptedException {
        long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (!text().contains(part)) {
            assertThat(System.nanoTime()).as(text()).isLessThan(deadline);
            Thread.sleep(5);
        }
    }
}

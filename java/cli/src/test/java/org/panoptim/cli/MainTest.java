package org.panoptim.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;

class MainTest {

    @Test
    void theVersionIsTheBuilds() {
        var invocation = Invocation.of("--version");

        assertThat(invocation.status()).isZero();
        assertThat(invocation.out()).matches("panoptim \\d+\\.\\d+\\.\\d+\\R");
    }

    @Test
    void helpNamesTheCommands() {
        var invocation = Invocation.of("--help");

        assertThat(invocation.status()).isZero();
        assertThat(invocation.out())
                .contains(
                        "doctor",
                        "rules",
                        "train",
                        "replay",
                        "verify",
                        "./panoptim test",
                        "Exit status");
    }

    @ParameterizedTest
    @ValueSource(strings = {"doctor", "rules", "train", "replay", "verify"})
    void everyCommandHasHelp(String command) {
        var invocation = Invocation.of(command, "--help");

        assertThat(invocation.status()).isZero();
        assertThat(invocation.out()).startsWith("Usage: panoptim " + command);
    }

    @Test
    void withoutACommandHelpGoesToStandardErrorAsForBadUsage() {
        var invocation = Invocation.of();

        assertThat(invocation).isEqualTo(new Invocation(2, "", Invocation.of("--help").out()));
        assertThat(invocation.err())
                .contains("Examples:\n  ./panoptim train ", "this help goes to standard error");
    }

    @Test
    void nativeCodeThatCannotBeLoadedIsSaidInALine() {
        var lost = new ExceptionInInitializerError(new UnsatisfiedLinkError("no jnitorch"));
        var err = new StringWriter();
        var command = Main.commandLine().setErr(new PrintWriter(err, true));

        int status = Failures.explain(new RuntimeException(lost), command, false);

        assertThat(status).isEqualTo(1);
        assertThat(err.toString())
                .isEqualTo(
                        "panoptim: native code that this needs cannot be loaded on %s, %s: no"
                                        .formatted(
                                                System.getProperty("os.name"),
                                                System.getProperty("os.arch"))
                                + " jnitorch\n");
    }

    @Test
    void anUnknownOptionIsBadUsageInOneLine() {
        var invocation = Invocation.of("doctor", "--fast");

        assertThat(invocation.status()).isEqualTo(2);
        assertThat(invocation.err())
                .isEqualTo(
                        "panoptim doctor: Unknown option: '--fast' (see panoptim doctor --help)\n");
    }

    @Test
    void doctorListsTheBackendsAndWhatWasTried() {
        var invocation = Invocation.of("doctor");

        assertThat(invocation.status()).isZero();
        assertThat(invocation.err()).isEmpty();
        assertThat(invocation.out())
                .contains("✔ reference: plain Java, one thread")
                .contains("      plain Java: always there")
                .contains("simd: ")
                .contains("Java       " + System.getProperty("java.runtime.version"))
                .contains("Unless told otherwise, Panoptim computes on ");
    }

    @Test
    void stackTracesArePrintedOnlyWhenAskedFor() {
        var quiet = Invocation.of("replay", "missing.safetensors", "--out", "x");
        var loud = Invocation.of("--debug", "replay", "missing.safetensors", "--out", "x");

        assertThat(quiet.err())
                .isEqualTo("panoptim replay: missing.safetensors: there is no such file\n");
        assertThat(loud.err()).contains("\tat ").endsWith(quiet.err());
        assertThat(loud.status()).isEqualTo(2);
    }

    @Test
    void aCommandThatIsMistypedIsAnsweredWithThoseNearIt() {
        assertThat(Invocation.of("trian").err())
                .isEqualTo(
                        "panoptim: there is no command 'trian'; near it is train (see panoptim"
                                + " --help)\n");
        assertThat(Invocation.of("compile").err())
                .isEqualTo("panoptim: there is no command 'compile' (see panoptim --help)\n");
        assertThat(Invocation.of("--verbos").err())
                .startsWith("panoptim: Unknown option: '--verbos'");
    }

    @Test
    void aFileWhoseNameBeginsWithAnAtSignIsNoListOfArguments() {
        assertThat(Invocation.of("replay", "@missing", "--out", "x").err())
                .isEqualTo("panoptim replay: @missing: there is no such file\n");
    }

    @Test
    void aNameThatCannotBeAFilesIsRefusedInALine() {
        var invocation = Invocation.of("replay", "a\0b", "--out", "x");

        assertThat(invocation.status()).isEqualTo(2);
        assertThat(invocation.err())
                .contains("is no file's name: Nul character not allowed")
                .hasLineCount(1);
    }

    @Test
    void everyCommandSaysTheVersion() {
        var version = Invocation.of("--version").out();
        for (var command : List.of("doctor", "rules", "train", "replay", "verify", "bench")) {
            assertThat(Invocation.of(command, "--version").out()).as(command).isEqualTo(version);
        }
        assertThat(version).startsWith("panoptim ");
    }
}

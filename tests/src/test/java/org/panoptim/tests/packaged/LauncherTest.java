package org.panoptim.tests.packaged;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.file.Path;
import java.util.Map;

/** {@code ./panoptim} after it was built, in installations and environments of all kinds. */
@Tag("packaged")
class LauncherTest {

    /** Space, umlaut, both quotes, and what shells expand. */
    private static final String AWKWARD = "a b \\303\\274 '\\042 $HOME *";

    private static final String TRACE = "$ROOT/tests/traces/sgd.safetensors";

    /** Replaces the set-up, with which a build begins, by one that says so and ends it. */
    private static final String BUILD_SAYS =
            """
            printf '#!/bin/sh\\necho it builds >&2\\nexit 3\\n' >"$home/scripts/setup"
            chmod +x "$home/scripts/setup"
            """;

    @TempDir Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "doctor",
                "rules",
                "rules adamw",
                "rules --json",
                "--help",
                "--version",
                "help train",
                "replay --help",
                "verify --backend reference",
                "replay \"" + TRACE + "\" --out \"$PWD/out\"",
                "train --epochs 1 --optimizer sgd --out \"$PWD/report.html\"",
            })
    void aFullDiskBehindStandardOutputIsAnErrorInALine(String arguments) throws Exception {
        var outcome =
                new Installation(folder, "plain")
                        .run("\"$home/panoptim\" " + arguments + " >/dev/full", Map.of());

        assertThat(outcome.status()).isEqualTo(2);
        assertThat(outcome.err().lines().filter(line -> !isProgress(line)))
                .singleElement()
                .asString()
                .matches("panoptim[a-z ]*: standard output: No space left on device");
    }

    /** For example {@code sgd: 40 of 40 (100 %), 0:01}. */
    private static boolean isProgress(String line) {
        return line.matches("[a-z]+: \\d+ of \\d+ \\(\\d+ %\\), \\d+:\\d\\d(, .*)?");
    }

    @ParameterizedTest
    @ValueSource(ints = {60, 80, 120})
    void onATerminalEveryOptimizerLeavesOneBarThatFits(int columns) throws Exception {
        var outcome =
                new Installation(folder, "plain")
                        .run(
                                """
                                command -v script >/dev/null || exit 77
                                export TERM=xterm home
                                script -qec "stty cols $WIDTH
                                    '$home/panoptim' train --epochs 1 --optimizer sgd,schedule-free-adamw" \
                                    typescript </dev/null
                                """,
                                Map.of("WIDTH", Integer.toString(columns)));
        assumeTrue(outcome.status() != 77, "there is no pseudo-terminal here, for lack of script");

        assertThat(outcome.status()).isZero();
        assertThat(outcome.out().replaceAll("\u001b\\[\\??\\d*[A-Za-z]", "").split("[\r\n]+"))
                .filteredOn(line -> line.startsWith("["))
                .hasSizeGreaterThanOrEqualTo(2)
                .allSatisfy(line -> assertThat(line).hasSizeLessThan(columns));
        assertThat(outcome.out().split("\n"))
                .filteredOn(line -> line.contains("] 100 % "))
                .hasSize(2)
                .allSatisfy(line -> assertThat(line).contains("loss "));
    }

    @Test
    void aTrainingWhoseTableCannotBePrintedLeavesItsReport() throws Exception {
        var outcome =
                new Installation(folder, "plain")
                        .run(
                                """
                                "$home/panoptim" train --epochs 1 --optimizer sgd --out run >/dev/full || true
                                tail -n 1 run/report.html
                                """,
                                Map.of());

        assertThat(outcome.out()).isEqualTo("</html>\n");
    }

    @Test
    void aFullDiskBehindStandardErrorIsAnError() throws Exception {
        var installation = new Installation(folder, "plain");

        assertThat(installation.run("\"$home/panoptim\" doctor --x 2>/dev/full", Map.of()).status())
                .isEqualTo(2);
        assertThat(installation.run("\"$home/panoptim\" doctor 2>/dev/full", Map.of()).status())
                .isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"doctor", "rules", "--help", "verify --verbose --backend reference"})
    void aReaderThatHasEndedEndsItQuietly(String arguments) throws Exception {
        var outcome =
                new Installation(folder, "plain")
                        .run(
                                // Begins when the reader has ended.
                                "{ sleep 0.2; \"$home/panoptim\" " + arguments + "; } | true",
                                Map.of());

        assertThat(outcome.status()).isEqualTo(128 + 13);
        assertThat(outcome.err()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"LC_ALL, C", "LC_ALL, POSIX", "LANG, xx_XX.UTF-8", "LANG, C.UTF-8"})
    void namesOfAllKindsWorkInEveryLocale(String variable, String locale) throws Exception {
        var outcome =
                new Installation(folder, AWKWARD)
                        .run(
                                """
                                unset LC_ALL LC_CTYPE LANG
                                export %s=%s
                                trace=$home/trace.safetensors
                                cp "%s" "$trace"
                                cd /
                                "$home/panoptim" replay "$trace" --out "$home/@ 1:2.safetensors"
                                cd "$home"
                                ./panoptim replay trace.safetensors --out '@ 3:4.safetensors'
                                cmp '@ 1:2.safetensors' '@ 3:4.safetensors'
                                ./panoptim replay @missing --out x || echo "status $?"
                                ./panoptim doctor | grep 'reference:'
                                """
                                        .formatted(variable, locale, TRACE),
                                Map.of());

        assertThat(outcome.err()).isEqualTo("panoptim replay: @missing: there is no such file\n");
        assertThat(outcome.status()).isZero();
        assertThat(outcome.out())
                .contains("a b ü '\" $HOME */@ 1:2.safetensors\n")
                .endsWith(
                        "wrote @ 3:4.safetensors\n"
                                + "status 2\n"
                                + "  ✔ reference: plain Java, one thread\n");
    }

    @Test
    void theCacheOfClassesIsMadeInAFolderOfAnyName() throws Exception {
        var outcome =
                new Installation(folder, AWKWARD)
                        .run(
                                """
                                rm "$home/java/cli/target/$CACHE"
                                "$home/panoptim" --version
                                test -s "$home/java/cli/target/$CACHE"
                                PANOPTIM_JAVA_OPTIONS=-XX:AOTMode=on "$home/panoptim" --version
                                """,
                                Map.of("LC_ALL", "C"));

        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.status()).isZero();
    }

    @Test
    void aColonInItsPathIsRefusedInALine() throws Exception {
        var outcome = new Installation(folder, "a:b").run("\"$home/panoptim\" doctor", Map.of());

        assertThat(outcome.status()).isEqualTo(1);
        assertThat(outcome.err())
                .startsWith("panoptim: ")
                .contains("a:b: its path has a colon")
                .hasLineCount(1);
    }

    @Test
    void anInstallationThatIsReadOnlyRunsWithoutACache() throws Exception {
        var outcome =
                readOnly(
                        """
                        "$home/panoptim" --version
                        ls "$home/java/cli/target"
                        """);

        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.status()).isZero();
        assertThat(outcome.out()).startsWith("panoptim ").doesNotContain(".aot");
    }

    @Test
    void aBuildInAnInstallationThatIsReadOnlyIsRefusedInALine() throws Exception {
        var outcome = readOnly("\"$home/panoptim\" bench --quick");

        assertThat(outcome.status()).isEqualTo(1);
        assertThat(outcome.err())
                .startsWith("panoptim: what has to be built ")
                .endsWith("/plain, which cannot be written to\n")
                .hasLineCount(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "kernels/kfac/invert.cu",
                "kernels/matrix/invert.cu",
                "kernels/rules/adam.cuh",
                "kernels/step/plan.cuh",
                "kernels/build/describe",
                "kernels/images.cmake",
                "kernels/of-tomorrow/kernel.cu",
                "native/include/panoptim.h",
                "native/src/plan.cpp",
                "native/of-tomorrow.cmake",
                "java/core/src/main/java/Source.java",
                "java/of-tomorrow/pom.xml",
                "cmake/Doctest.cmake",
            })
    void aSourceThatIsNewerThanTheBuildIsBuilt(String file) throws Exception {
        var outcome = withNew(file);

        assertThat(outcome.err()).isEqualTo("it builds\n");
        assertThat(outcome.status()).isEqualTo(3);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "kernels/test/lint-ptx",
                "kernels/target/kernels.bin",
                "kernels/README.md",
                "native/test/plan.cpp",
                "native/target/cmake/build.ninja",
                "java/core/src/test/java/SourceTest.java",
                "java/core/target/classes/Source.class",
            })
    void whatABuildMakesOrDoesNotReadIsNoSource(String file) throws Exception {
        var outcome = withNew(file);

        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.status()).isZero();
        assertThat(outcome.out()).startsWith("panoptim ");
    }

    @ParameterizedTest
    @CsvSource({
        "--help, panoptim",
        "-h, panoptim",
        "help, panoptim",
        "test --help, panoptim",
        "bench --help, bench",
        "bench --quick -h, bench",
        "help bench, bench",
        "train --help, train",
        "doctor -h, doctor",
    })
    void helpNeedsNeitherABuildNorAJdk(String arguments, String text) throws Exception {
        var outcome =
                new Installation(folder, AWKWARD)
                        .run(
                                """
                                rm -r "$home/java"
                                export JAVA_HOME=/nowhere HOME=$PWD
                                printf '#!/bin/sh\\nexit 1\\n' >"$home/scripts/find-jdk"
                                "$home/panoptim" %s | cmp - "$ROOT/scripts/help/%s.txt"
                                """
                                        .formatted(arguments, text),
                                Map.of());

        assertThat(outcome).isEqualTo(new Installation.Outcome(0, "", ""));
    }

    @Test
    void withoutACommandHelpGoesToStandardError() throws Exception {
        var outcome = new Installation(folder, "plain").run("\"$home/panoptim\"", Map.of());

        assertThat(outcome.status()).isEqualTo(2);
        assertThat(outcome.out()).isEmpty();
        assertThat(outcome.err()).startsWith("Usage: panoptim ").contains("\nExamples:\n");
    }

    @Test
    void helpForWhatIsNoCommandIsRefused() throws Exception {
        var outcome =
                new Installation(folder, "plain").run("\"$home/panoptim\" help ../setup", Map.of());

        assertThat(outcome.status()).isEqualTo(2);
        assertThat(outcome.err()).startsWith("panoptim").contains("../setup");
    }

    @ParameterizedTest
    @ValueSource(strings = {"java/cli/target/lib", "java/cli/target/panoptim-cli-*.jar"})
    void whatIsNotThereAnyMoreOfTheCommandLineIsBuilt(String lost) throws Exception {
        var outcome =
                new Installation(folder, "plain")
                        .run(
                                BUILD_SAYS + "rm -r \"$home\"/$LOST\n\"$home/panoptim\" doctor",
                                lost(lost));

        assertThat(outcome.err()).isEqualTo("it builds\n");
        assertThat(outcome.status()).isEqualTo(3);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "bench/target/lib",
                "bench/target/panoptim-bench-1.jar",
                "bench/peers/djl/target/lib",
                "bench/peers/djl/target/classes",
                "native/target/cmake/bench/native/libpanoptim-limit.so",
            })
    void whatIsNotThereAnyMoreOfTheBenchmarksIsBuilt(String lost) throws Exception {
        var outcome = benchmarks("rm -r \"$home/$LOST\"", lost(lost));

        assertThat(outcome.err()).isEqualTo("it builds\n");
        assertThat(outcome.status()).isEqualTo(3);
    }

    @Test
    void benchmarksOfWhichAllIsThereAreNotBuiltAgain() throws Exception {
        // The jars are empty, so that Java ends at once.
        assertThat(benchmarks("", Map.of()).err())
                .doesNotContain("it builds")
                .contains("org.panoptim.cli.Main");
    }

    private static Map<String, String> lost(String file) {
        return Map.of("LOST", file);
    }

    /** Starts the benchmarks of an installation of empty files after a script has changed it. */
    private Installation.Outcome benchmarks(String change, Map<String, String> environment)
            throws Exception {
        return new Installation(folder, "plain")
                .run(
                        BUILD_SAYS
                                + """
                                mkdir -p "$home"/bench/target/lib "$home/native/target/cmake/bench/native"
                                touch "$home"/bench/target/{panoptim-bench-1,lib/a}.jar
                                touch "$home/native/target/cmake/bench/native/libpanoptim-limit.so"
                                for peer in bytedeco djl; do
                                    mkdir -p "$home/bench/peers/$peer"/target/{lib,classes/META-INF}
                                    touch "$home/bench/peers/$peer/target/lib/a.jar"
                                    touch -d '2 minutes ago' "$home/bench/peers/$peer/pom.xml"
                                done
                                touch -d '1 minute ago' "$home/bench/target/launcher.stamp"
                                """
                                + change
                                + "\n\"$home/panoptim\" bench",
                        environment);
    }

    /**
     * Starts the launcher with a new file in an old folder; a build says that it begins and ends.
     */
    private Installation.Outcome withNew(String file) throws Exception {
        return new Installation(folder, "plain")
                .run(
                        BUILD_SAYS
                                + """
                                mkdir -p "$(dirname "$home/$FILE")"
                                find "$home" -type d -exec touch -d '2 minutes ago' {} +
                                touch "$home/$FILE"
                                "$home/panoptim" --version
                                """,
                        Map.of("FILE", file));
    }

    /** Runs a script after all folders of the installation were made read-only, for root, too. */
    private Installation.Outcome readOnly(String script) throws Exception {
        var installation = new Installation(folder, "plain");
        var outcome =
                installation.run(
                        """
                        rm "$home/java/cli/target/$CACHE"
                        find "$home" -type d -exec chmod a-w {} +
                        export home
                        without=()
                        if [[ $(id -u) == 0 ]]; then
                            without=(setpriv --bounding-set=-all --inh-caps=-all --)
                        fi
                        status=0
                        if "${without[@]}" touch "$home/x" 2>/dev/null; then
                            status=77
                        else
                            "${without[@]}" bash -euo pipefail -c "$SCRIPT" || status=$?
                        fi
                        find "$home" -type d -exec chmod u+w {} +
                        exit $status
                        """,
                        Map.of("SCRIPT", script));
        assumeTrue(outcome.status() != 77, "nothing can be made read-only for this user here");
        return outcome;
    }
}

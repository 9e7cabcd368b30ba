package org.panoptim.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.cli.train.autoencoder.AutoencoderChoice;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

class AutoencoderCommandTest {

    private static final Pattern ROW =
            Pattern.compile(
                    "(?m)^(\\S+) +(\\d+) +(\\d+\\.\\d{4}) +(\\d+\\.\\d{4}) +\\d+\\.\\d\\d$");

    @TempDir private Path folder;

    /** How many runs there were. */
    private int runs;

    /** That of the latest run. */
    private Path report() {
        return folder.resolve("run-" + runs).resolve("report.html");
    }

    private Invocation train(String... arguments) {
        runs++;
        var all = new ArrayList<Object>(List.of("train", "--task", "autoencoder"));
        all.addAll(List.of("--backend", "reference", "--out", report().getParent()));
        all.addAll(List.of(arguments));
        return Invocation.of(all.toArray());
    }

    private static List<MatchResult> rows(Invocation invocation) {
        return ROW.matcher(invocation.out()).results().toList();
    }

    @Test
    void aFewIterationsGiveATableASentenceAndAReport() throws IOException {
        var invocation = train("--iterations", "6", "--optimizer", "kfac,adam,torch-adam,sgd@0.02");

        assertThat(invocation.err()).isEmpty();
        assertThat(invocation.status()).isZero();
        var rows = rows(invocation);
        assertThat(rows)
                .extracting(row -> row.group(1))
                .containsExactly("kfac", "adam", "torch-adam", "sgd@0.02");
        assertThat(rows).extracting(row -> row.group(2)).containsOnly("6");
        // Adam is Adam, whoever takes the steps.
        assertThat(Double.parseDouble(rows.get(1).group(3)))
                .isCloseTo(
                        Double.parseDouble(rows.get(2).group(3)),
                        org.assertj.core.data.Offset.offset(.01));
        assertThat(invocation.out().lines())
                .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(80));
        assertThat(invocation.out().replace('\n', ' '))
                .containsPattern(
                        "kfac passed the squared error that adam had after 6 iterations and"
                                + " \\S+ s \\(\\S+\\) at iteration \\d, after \\S+ s: \\S+ times as"
                                + " fast\\.")
                .contains("kfac passed the squared error that sgd@0.02 had")
                .containsPattern(
                        "K-FAC's inverses: largest certified error \\d\\.\\de-\\d\\d, no"
                                + " fallback\\.")
                .endsWith("Report: " + report() + " ");
        assertThat(Files.readString(report()))
                .startsWith("<!doctype html>")
                .contains("<th scope=\"row\">sgd<wbr>@0.02</th>", rows.get(0).group(4))
                .contains("aria-label=\"Squared error per image\"", "aria-label=\"Loss\"")
                .contains("\"iteration\":[0,1,2,3,4,5,6]")
                .contains("<span>kl_clip = 0.02</span>", "<span>lr = 0.02</span>")
                .contains("kfac passed the squared error")
                .contains(
                        "--task autoencoder --optimizer kfac,adam,torch-adam,sgd@0.02"
                                + " --iterations 6 --seed 1 --backend reference")
                .doesNotContain("{{")
                .doesNotContainPattern("(src|href)=\"(?!#)")
                .doesNotContain("@import", "url(http");
    }

    @Test
    void theSameSeedGivesTheSameRunAndAnotherSeedAnother() {
        var first = train("--iterations", "3", "--optimizer", "kfac", "--seed", "5");
        var again = train("--iterations", "3", "--optimizer", "kfac", "--seed", "5");
        var other = train("--iterations", "3", "--optimizer", "kfac", "--seed", "6");

        assertThat(rows(first).getFirst().group(3))
                .isEqualTo(rows(again).getFirst().group(3))
                .isNotEqualTo(rows(other).getFirst().group(3));
    }

    @Test
    void learningRatesAreTaken() throws IOException {
        var invocation = train("--iterations", "2", "--optimizer", "sgd,adam@0.001", "--lr", "0");

        // SGD stands still.
        assertThat(rows(invocation).getFirst().group(3)).startsWith("44.");
        assertThat(Files.readString(report()))
                .contains("<span>lr = 0.0</span>", "<span>lr = 0.001</span>")
                .contains(" --iterations 2 --lr 0.0 ");
    }

    @Test
    void seedsSchedulesClippingAndEarlierRunsGoTogether() throws IOException {
        train("--iterations", "3", "--optimizer", "adam");
        var earlier = report().getParent();
        var invocation =
                train(
                        "--iterations",
                        "4",
                        "--optimizer",
                        "kfac,adam,torch-adam",
                        "--seed",
                        "1,2",
                        "--schedule",
                        "cosine",
                        "--clip",
                        "0.5",
                        "--compare",
                        earlier.toString());

        assertThat(invocation.err()).isEmpty();
        assertThat(invocation.status()).isZero();
        assertThat(invocation.out())
                .containsPattern("(?m)^kfac +4 +\\d+\\.\\d{4} ± \\d+\\.\\d{4} ")
                .containsPattern("(?m)^adam \\[run-1] +3 ")
                .contains(" the smallest squared error (");
        assertThat(Files.readString(report()))
                .contains("\"squared_error_least\":[", "<span>schedule = cosine</span>")
                .contains("<span>clip_norm = 0.5</span>", "adam [run-1]")
                .contains(" --clip 0.5 --schedule cosine --seed 1,2 ");
        assertThat(Files.readAllLines(report().resolveSibling("metrics.csv")))
                .startsWith("optimizer,seed,iteration,seconds,squared_error,loss")
                .hasSize(1 + 3 * 2 * 5);
    }

    @Test
    void anOptimizerThatDivergesFailsTheCommand() {
        var invocation = train("--iterations", "9", "--optimizer", "adam:eps=0,adam,sgd@1e3");

        assertThat(invocation.status()).isEqualTo(1);
        assertThat(invocation.out())
                .contains("adam:eps=0 (diverged) ", "sgd@1e3 (worse than untrained) ")
                .contains("\nadam:eps=0 diverged; sgd@1e3 ended worse than untrained.\n");
    }

    @Test
    void settingsOfARuleAreTaken() throws IOException {
        var invocation =
                train("--iterations", "2", "--optimizer", "kfac:momentum=0.5,adam:beta1=0.5");

        assertThat(rows(invocation))
                .extracting(row -> row.group(1))
                .containsExactly("kfac:momentum=0.5", "adam:beta1=0.5");
        assertThat(Files.readString(report()))
                .contains("<span>momentum = 0.5</span>", "<span>beta1 = 0.5</span>");
    }

    @Test
    void badOptionsAreRefusedInOneLine() {
        assertRefused(
                "--task: there is no task 'regression'; there are classifier and autoencoder",
                "--task",
                "regression");
        assertRefused(
                "--iterations: the classifier is trained by --epochs; --iterations belongs to"
                        + " --task autoencoder",
                "--iterations",
                "5");
        assertRefused(
                "--epochs: the autoencoder sees all images in every step, and is trained by"
                        + " --iterations",
                "--task",
                "autoencoder",
                "--epochs",
                "5");
        assertRefused(
                "--batch: the autoencoder sees all images in every step, and is trained by"
                        + " --iterations",
                "--task",
                "autoencoder",
                "--batch",
                "5");
        assertRefused(
                "--iterations: must be at least 1, but is 0",
                "--task",
                "autoencoder",
                "--iterations",
                "0");
        assertRefused(
                "--optimizer: there is no optimizer 'sophia-g' for the autoencoder, which"
                        + " estimates no curvature for it; there are "
                        + String.join(", ", AutoencoderChoice.names()),
                "--task",
                "autoencoder",
                "--optimizer",
                "sophia-g");
        assertRefused(
                "--optimizer: 'adam@fast': the learning rate behind @ must be a number, but is"
                        + " 'fast'",
                "--task",
                "autoencoder",
                "--optimizer",
                "adam@fast");
        assertRefused(
                "--optimizer: 'kfac+sam': no companion goes with kfac here",
                "--task",
                "autoencoder",
                "--optimizer",
                "kfac+sam");
        assertRefused(
                "--optimizer: 'torch-adam:eps=1': PyTorch's optimizer takes lr, weight_decay,"
                        + " clip_norm here, and nothing else",
                "--task",
                "autoencoder",
                "--optimizer",
                "torch-adam:eps=1");
        assertRefused(
                "--lr: adam: lr must be in [0, 2^100], but is -1.0",
                "--task",
                "autoencoder",
                "--optimizer",
                "adam",
                "--lr",
                "-1");
    }

    private static void assertRefused(String message, String... arguments) {
        var all = new ArrayList<Object>(List.of("train", "--backend", "reference"));
        all.addAll(List.of(arguments));

        assertThat(Invocation.of(all.toArray()))
                .isEqualTo(new Invocation(2, "", "panoptim train: " + message + "\n"));
    }
}

package org.panoptim.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.cli.run.RunFolder;
import org.panoptim.cli.run.RunRecord;
import org.panoptim.cli.train.Reports;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

class TrainCommandTest {

    private static final Pattern ROW =
            Pattern.compile("(?m)^(\\S+) +(\\S+) +(\\d+\\.\\d\\d %) +\\S+ m?s +\\S+ m?s$");

    @TempDir private Path folder;

    /** How many runs there were. */
    private int runs;

    /** That of the latest run. */
    private Path run() {
        return folder.resolve("new").resolve("run-" + runs);
    }

    private Path report() {
        return run().resolve("report.html");
    }

    private Invocation train(String... arguments) {
        runs++;
        var all = new ArrayList<Object>(List.of("train", "--backend", "reference"));
        all.addAll(List.of("--out", run()));
        all.addAll(List.of(arguments));
        return Invocation.of(all.toArray());
    }

    @Test
    void oneEpochGivesATableAndAReport() throws IOException {
        var invocation = train("--epochs", "1", "--optimizer", "adamw,torch-adamw,sgd");

        assertThat(invocation.status()).isZero();
        assertThat(invocation.err()).isEmpty();
        var rows = ROW.matcher(invocation.out()).results().toList();
        assertThat(rows)
                .extracting(row -> row.group(1))
                .containsExactly("adamw", "torch-adamw", "sgd");
        // The same rule from the same weights on the same batches.
        assertThat(rows.get(0).group(2)).isEqualTo(rows.get(1).group(2));
        assertThat(rows.get(0).group(3)).isEqualTo(rows.get(1).group(3));
        assertThat(invocation.out()).endsWith("Report: " + report() + "\n");
        assertThat(Files.readString(report()))
                .startsWith("<!doctype html>")
                .contains("<th scope=\"row\">torch-adamw</th>")
                .contains(rows.get(0).group(3))
                .contains("aria-label=\"Training loss\"", "aria-label=\"Test accuracy (%)\"")
                .contains("aria-label=\"Norm of the gradient\"", "aria-label=\"Learning rate\"")
                .contains("Not reported by torch-adamw.")
                .contains("reference: plain Java, one thread")
                .contains("--optimizer adamw,torch-adamw,sgd --epochs 1 --batch 32 --seed 1")
                .doesNotContain("{{")
                .doesNotContainPattern("(src|href)=\"(?!#)")
                .doesNotContain("@import", "url(http");
    }

    @Test
    void theEnginesOwnOptimizerIsComparedWithUnlessOthersAreNamed() {
        var invocation = train("--epochs", "1");

        assertThat(invocation.status()).isZero();
        var rows = ROW.matcher(invocation.out()).results().toList();
        assertThat(rows)
                .extracting(row -> row.group(1))
                .containsExactly("adamw", "torch-adamw", "lion", "sophia-g", "sgd");
        assertThat(invocation.out().replace('\n', ' '))
                .containsPattern(
                        " ha(s|ve) the highest test accuracy \\(\\d+\\.\\d\\d %\\); a step of"
                                + " adamw took \\d+\\.\\d µs, one of torch-adamw \\d+\\.\\d"
                                + " \\(\\d+\\.\\d times as fast\\)\\.");
    }

    @Test
    void aRunIsKeptAsATableAndAsJson() throws IOException {
        train("--epochs", "1", "--batch", "500", "--optimizer", "sgd,torch-adamw", "--clip", "2");

        assertThat(Files.readAllLines(run().resolve("metrics.csv")))
                .hasSize(1 + 2 * 2 + 3)
                .startsWith(
                        "optimizer,seed,step,epoch,seconds,loss,accuracy_percent,learning_rate,"
                                + "gradient_norm,update_ratio")
                .anySatisfy(line -> assertThat(line).matches("sgd,1,0,0,0,2\\.[^,]+,[^,]+,,,"))
                .anySatisfy(
                        line -> assertThat(line).matches("sgd,1,3,1,[^,]+,,,0\\.05,[^,]+,[^,]+"));
        var json =
                JsonParser.parseString(Files.readString(run().resolve("run.json")))
                        .getAsJsonObject();
        assertThat(json.get("task").getAsString()).isEqualTo("classifier");
        assertThat(json.get("command").getAsString())
                .isEqualTo(
                        "./panoptim train --optimizer sgd,torch-adamw --epochs 1 --batch 500"
                                + " --clip 2.0 --seed 1 --backend reference");
        assertThat(json.getAsJsonObject("options").toString())
                .isEqualTo("{\"epochs\":\"1\",\"batch\":\"500\",\"seed\":\"1\"}");
        var sgd = json.getAsJsonArray("optimizers").get(0).getAsJsonObject();
        assertThat(sgd.getAsJsonObject("settings").get("clip_norm").getAsString()).isEqualTo("2.0");
        assertThat(sgd.getAsJsonArray("runs").get(0).getAsJsonObject().get("end").getAsString())
                .isEqualTo("complete");
    }

    @Test
    void aRunIsShownWithEarlierOnes() throws IOException {
        train("--epochs", "1", "--batch", "500", "--optimizer", "sgd,lion", "--seed", "7");
        var earlier = run();
        var loss = loss("sgd", earlier);
        var invocation =
                train("--epochs", "1", "--optimizer", "sgd", "--compare", earlier.toString());

        assertThat(invocation.err()).isEmpty();
        assertThat(invocation.out())
                .containsPattern("(?m)^sgd +\\d")
                .containsPattern("(?m)^sgd \\[run-1] +" + Pattern.quote(loss) + " ")
                .containsPattern("(?m)^lion \\[run-1] ");
        assertThat(Files.readString(report()))
                .contains("<th scope=\"row\">lion [run-1]</th>", "\"name\":\"lion [run-1]\"")
                .contains("<h2>Compared with</h2>", "--optimizer sgd,lion --epochs 1 --batch 500")
                .contains("<title>Panoptim: sgd on ");
        // What is kept is the run alone.
        assertThat(Files.readString(run().resolve("run.json"))).doesNotContain("run-1");
    }

    @Test
    void earlierRunsOfOneNameAreToldApartByTheirPaths() throws IOException {
        train("--epochs", "1", "--batch", "500", "--optimizer", "sgd");
        var first = Files.createDirectories(folder.resolve("x").resolve("run")).toRealPath();
        var second = Files.createDirectories(folder.resolve("y").resolve("run")).toRealPath();
        for (var each : List.of(first, second)) {
            Files.copy(run().resolve("run.json"), each.resolve("run.json"));
        }
        var invocation =
                train(
                        "--epochs",
                        "1",
                        "--batch",
                        "500",
                        "--optimizer",
                        "sgd",
                        "--compare",
                        first + "," + second);

        assertThat(invocation.err()).isEmpty();
        assertThat(invocation.out()).contains("sgd [" + first + "]", "sgd [" + second + "]");
        assertThat(Files.readString(report())).contains("<dt>[" + first + "]</dt><dd>");
    }

    private static String loss(String optimizer, Path run) throws IOException {
        var json = JsonParser.parseString(Files.readString(run.resolve("run.json")));
        for (var each : json.getAsJsonObject().getAsJsonArray("optimizers")) {
            if (each.getAsJsonObject().get("name").getAsString().equals(optimizer)) {
                var first = each.getAsJsonObject().getAsJsonArray("runs").get(0).getAsJsonObject();
                var loss = first.getAsJsonObject("figures").get("final_loss").getAsDouble();
                return String.format(Locale.ROOT, "%.4f", loss);
            }
        }
        throw new AssertionError("no optimizer " + optimizer);
    }

    @Test
    void ofSeveralSeedsTheMeansAreShownAndHowFarTheySpread() throws IOException {
        var invocation =
                train("--epochs", "1", "--batch", "500", "--optimizer", "sgd", "--seed", "1,2,3");

        assertThat(invocation.out())
                .containsPattern(
                        "(?m)^sgd +\\d\\.\\d{4} ± \\d\\.\\d{4} +\\d+\\.\\d\\d ± \\d+\\.\\d\\d %")
                .contains("Of several seeds: the mean ± the standard deviation.\n");
        assertThat(Files.readString(report()))
                .contains("\"loss_least\":[", "\"loss_greatest\":[", "(seeds 1, 2, 3)")
                .contains("areas reach from the least to the greatest value")
                .contains(" --seed 1,2,3 ");
        assertThat(Files.readAllLines(run().resolve("metrics.csv")))
                .filteredOn(line -> line.startsWith("sgd,3,"))
                .hasSize(2 + 3);
    }

    @Test
    void anOptimizerThatDivergesIsSaidAndFailsTheCommand() throws IOException {
        var invocation = train("--epochs", "3", "--optimizer", "sgd@1e30,sgd");

        assertThat(invocation.status()).isEqualTo(1);
        assertThat(invocation.err()).isEmpty();
        assertThat(invocation.out())
                .contains("sgd@1e30 (diverged at epoch 1.0) ")
                .contains("\nsgd@1e30 diverged.\n");
        assertThat(Files.readString(report())).contains("<p class=\"note\">sgd@1e30 diverged.</p>");
    }

    @Test
    void whatHoldsForAllIsTakenByThoseThatHaveItAndGiveNone() throws IOException {
        train(
                "--epochs",
                "1",
                "--batch",
                "500",
                "--optimizer",
                "sgd:weight_decay=0.25,lion,torch-adamw",
                "--weight-decay",
                "0.5",
                "--momentum",
                "0.75",
                "--schedule",
                "wsd:warmup=0.5");

        assertThat(Files.readString(report()))
                .contains("<span>momentum = 0.75</span>", "<span>weight_decay = 0.25</span>")
                .contains("<span>weight_decay = 0.5</span>")
                .contains("<span>schedule = wsd:warmup=0.5</span>")
                .contains("--weight-decay 0.5 --momentum 0.75 --schedule wsd:warmup=0.5 --seed 1");
    }

    @Test
    void aRunHasAFolderOfItsOwnByDate(@TempDir Path elsewhere) throws Exception {
        var began = LocalDateTime.of(2026, 1, 31, 10, 15, 9);
        var first = RunFolder.among(elsewhere.resolve("reports"), "classifier", began);
        var second = RunFolder.among(elsewhere.resolve("reports"), "classifier", began);

        assertThat(first.path()).hasFileName("2026-01-31-101509-classifier").isDirectory();
        assertThat(second.path()).hasFileName("2026-01-31-101509-classifier-2").isDirectory();
    }

    @Test
    void rulesOfAllKindsLearn() {
        var invocation = train("--epochs", "2", "--optimizer", "sophia-g,sophia-h,lion,adam,sgd");

        assertThat(invocation.err()).isEmpty();
        var rows = ROW.matcher(invocation.out()).results().toList();
        assertThat(rows).hasSize(5);
        // A net that learned nothing has a loss of ln 10 = 2.303.
        assertThat(rows)
                .allSatisfy(
                        row -> assertThat(Double.parseDouble(row.group(2))).isBetween(0.0, 1.7));
    }

    @Test
    void oneRuleMayComeOftenWithOtherSettings() throws IOException {
        var entries = "sgd,sgd@0.1,sgd@0.1:momentum=0.5,sgd@0.1+sam";
        var invocation = train("--epochs", "1", "--lr", "0", "--optimizer", entries);

        assertThat(invocation.err()).isEmpty();
        var rows = ROW.matcher(invocation.out()).results().toList();
        assertThat(rows)
                .extracting(row -> row.group(1))
                .containsExactly("sgd", "sgd@0.1", "sgd@0.1:momentum=0.5", "sgd@0.1+sam");
        assertThat(rows).extracting(row -> row.group(2)).doesNotHaveDuplicates();
        // The one without a rate of its own stands still.
        assertThat(Double.parseDouble(rows.getFirst().group(2))).isBetween(2.2, 2.4);
        assertThat(Files.readString(report()))
                .contains("--optimizer " + entries + " --epochs 1 ")
                .contains("<th scope=\"row\">sgd<wbr>@0.1<wbr>:momentum=0.5</th>")
                .contains("<title>Panoptim: sgd, sgd@0.1, sgd@0.1:momentum=0.5, sgd@0.1+sam on ");
    }

    @Test
    void theTableFitsATerminalHoweverLongAnEntryIs() {
        var entry =
                "schedule-free-adamw@0.0025:beta1=0.9:beta2=0.99:eps=1e-8:weight_decay=0.0001"
                        + ":warmup_steps=3";
        var invocation = train("--epochs", "1", "--batch", "500", "--optimizer", entry + ",sgd");

        assertThat(invocation.out().lines())
                .contains(entry)
                .filteredOn(line -> !line.equals(entry) && !line.startsWith("Report"))
                .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(80));
    }

    @Test
    void optionsOfAnyOptimizerAreTaken() {
        // Clipped to next to nothing, SGD stands still.
        var invocation = train("--epochs", "1", "--optimizer", "sgd,sgd:clip_norm=1e-6");
        var rows = ROW.matcher(invocation.out()).results().toList();

        assertThat(Double.parseDouble(rows.get(0).group(2))).isLessThan(2);
        assertThat(Double.parseDouble(rows.get(1).group(2))).isBetween(2.2, 2.4);
    }

    @Test
    void theHelpSaysWhatAnEntryIsAndWhichSettingsATaskHas() {
        var help = Invocation.of("train", "--help").out();

        assertThat(help)
                .contains("adamw@0.003:amsgrad=true", "sgd+sam:rho=0.1", "panoptim rules")
                .contains("by default  adamw, torch-adamw, lion, sophia-g, sgd\n")
                .contains("by default  kfac, adam, torch-adam, sgd\n")
                .contains("warmup-cosine:warmup=0.1", "--schedule cosine --seed 1,2,3")
                .contains("sgd:lr=0.05:momentum=0.9", "adamw:lr=0.01:weight_decay=0");
        assertThat(help.lines()).allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(80));
    }

    @Test
    void theSameSeedGivesTheSameRunAndAnotherSeedAnother() {
        var first = train("--epochs", "1", "--optimizer", "sophia-g", "--seed", "5");
        var again = train("--epochs", "1", "--optimizer", "sophia-g", "--seed", "5");
        var other = train("--epochs", "1", "--optimizer", "sophia-g", "--seed", "6");

        assertThat(loss(again)).isEqualTo(loss(first)).isNotEqualTo(loss(other));
    }

    private static String loss(Invocation invocation) {
        return ROW.matcher(invocation.out()).results().toList().getFirst().group(2);
    }

    @Test
    void learningRateAndBatchAreTaken() throws IOException {
        var still = train("--epochs", "1", "--optimizer", "sgd", "--lr", "0", "--batch", "2000");

        assertThat(still.status()).isZero();
        assertThat(Double.parseDouble(loss(still))).isBetween(2.2, 2.4);
        assertThat(Files.readString(report()))
                .contains("<span>lr = 0.0</span>")
                .contains("--batch 2000 --lr 0.0 ");
    }

    @Test
    void muonTrainsMatricesAndSaysWhatTrainsBiases() throws IOException {
        var trained = train("--epochs", "1", "--optimizer", "muon");

        assertThat(trained.status()).isZero();
        // Untrained it is 2.3.
        assertThat(Double.parseDouble(loss(trained))).isLessThan(2);
        assertThat(Files.readString(report()))
                .contains("<span>lr = 0.01</span>")
                .contains("<span>biases = adamw@0.002</span>");
        assertThat(Invocation.of("train", "--help").out().replaceAll("\\s+", " "))
                .contains(
                        "muon trains matrices alone, and adamw, at 0.002 and without weight decay");
    }

    /** Every rule but AdaFisher, which needs layers to look at, and PyTorch's own. */
    private static String optimizers() {
        var names = new ArrayList<>(Rules.all().stream().map(UpdateRule::name).toList());
        names.remove("ada-fisher");
        names.add("torch-adamw");
        return String.join(", ", names);
    }

    @Test
    void badOptionsAreRefusedInOneLine() {
        assertRefused(
                "--optimizer: there is no optimizer 'nowhere' for the classifier; there are "
                        + optimizers(),
                "--optimizer",
                "adamw,nowhere");
        assertRefused(
                "--optimizer: there is no optimizer 'ada-fisher' for the classifier, which"
                        + " estimates no curvature for it; there are "
                        + optimizers(),
                "--optimizer",
                "ada-fisher");
        assertRefused(
                "--optimizer: there is no optimizer 'lionn' for the classifier (near it: lion);"
                        + " there are "
                        + optimizers(),
                "--optimizer",
                "lionn@0.1");
        assertRefused(
                "--optimizer: each may be named once with the same settings, but came sgd,lion,sgd",
                "--optimizer",
                "sgd,lion,sgd");
        assertRefused("--optimizer: '': a name is missing", "--optimizer", "sgd,,lion");
        assertRefused(
                "--optimizer: 'schedule-free-sgd:cautious=true': companion cautious cannot go with"
                        + " rule schedule-free-sgd as it is: a parameter's value must enter its"
                        + " step by decoupled weight decay alone",
                "--optimizer",
                "schedule-free-sgd:cautious=true");
        assertRefused(
                "--optimizer: 'lion:betta1=0.9': lion has no setting betta1; it has lr, beta1,"
                        + " beta2, weight_decay, and every rule centralize, agc, clip_norm,"
                        + " clip_value, hypergradient, cautious, cautious_weight_decay,"
                        + " lookahead_alpha, lookahead_k",
                "--optimizer",
                "sgd,lion:betta1=0.9");
        assertRefused(
                "--optimizer: 'lion:beta1=2': lion: beta1 must be in [0, 1), but is 2.0",
                "--optimizer",
                "lion:beta1=2");
        assertRefused(
                "--optimizer: 'sgd:ema_decay=0.9': sgd has no setting ema_decay; it has lr,"
                        + " momentum, dampening, weight_decay, nesterov, maximize, and every rule"
                        + " centralize, agc, clip_norm, clip_value, hypergradient, cautious,"
                        + " cautious_weight_decay, lookahead_alpha, lookahead_k",
                "--optimizer",
                "sgd:ema_decay=0.9");
        assertRefused(
                "--optimizer: 'sgd+sgd': there is no companion 'sgd' for the training; there is"
                        + " sam",
                "--optimizer",
                "sgd+sgd");
        assertRefused(
                "--optimizer: 'sgd+sam:radius=1': sam has no setting radius; it has rho, adaptive",
                "--optimizer",
                "sgd+sam:radius=1");
        assertRefused(
                "--optimizer: 'sgd+sam+sam': one companion is the most",
                "--optimizer",
                "sgd+sam+sam");
        assertRefused(
                "--optimizer: 'torch-adamw:beta1=0.5': PyTorch's optimizer takes lr, weight_decay,"
                        + " clip_norm here, and nothing else",
                "--optimizer",
                "torch-adamw:beta1=0.5");
        assertRefused("--epochs: must be at least 1, but is 0", "--epochs", "0");
        assertRefused("--batch: must be at least 1, but is -3", "--batch", "-3");
        assertRefused("--lr: adamw: lr must be in [0, 2^100], but is NaN", "--lr", "NaN");
        assertRefused(
                "--momentum: none of adamw,lion has a setting momentum",
                "--optimizer",
                "adamw,lion",
                "--momentum",
                "0.5");
        assertRefused(
                "--clip: clip_norm: clipGlobalNorm: norm must be finite and above 0, but is -1.0",
                "--optimizer",
                "adamw",
                "--clip",
                "-1");
        assertRefused(
                "--schedule: there is no schedule 'cosin'; there are linear, cosine,"
                        + " warmup-cosine, wsd",
                "--schedule",
                "cosin");
        assertRefused(
                "--schedule: 'cosine:warmup=0.1': cosine has no setting warmup; it has floor",
                "--schedule",
                "cosine:warmup=0.1");
        assertRefused(
                "--schedule: 'wsd:warmup=0.6:decay=0.5': warmup and decay are more than all steps",
                "--schedule",
                "wsd:warmup=0.6:decay=0.5");
        assertRefused(
                "--schedule: 'linear:floor=2': floor must be in [0, 1], but is 2",
                "--schedule",
                "linear:floor=2");
        assertRefused("--seed: each may come once, but came 1,2,1", "--seed", "1,2,1");
        assertRefused(
                "Invalid value for option '--epochs': 'two' is not a whole number (see panoptim"
                        + " train --help)",
                "--epochs",
                "two");
    }

    @Test
    void foldersThatCannotBeUsedAreRefusedBeforeAnyWork() throws IOException {
        var file = Files.writeString(folder.resolve("file"), "no run");
        var broken = Files.createDirectory(folder.resolve("broken"));
        Files.writeString(broken.resolve("run.json"), "{\"format\": 1}");
        var newer = Files.createDirectory(folder.resolve("newer"));
        Files.writeString(newer.resolve("run.json"), "{\"format\": 99}");
        var other = Files.createDirectory(folder.resolve("other"));
        var run = Reports.record("somewhere", List.of());
        new RunFolder(other)
                .write(
                        RunRecord.of(
                                "autoencoder",
                                run.began(),
                                run.origin(),
                                run.options(),
                                run.contenders()));

        var kept = Files.createDirectory(folder.resolve("kept"));
        new RunFolder(kept).write(run);
        assertRefused(
                "--compare: " + kept + "/../kept: came before",
                "--compare",
                kept + "," + kept + "/../kept");
        assertRefused(
                "--out " + folder + ": is not empty; each run has a folder of its own",
                "--out",
                folder.toString());
        assertRefused("--out " + file + ": is no folder", "--out", file.toString());
        assertRefused(
                "--compare: " + folder + ": keeps no run; there is no run.json in it",
                "--compare",
                folder.toString());
        assertRefused(
                "--compare: " + broken + "/run.json: is not what panoptim train writes",
                "--compare",
                broken.toString());
        assertRefused(
                "--compare: "
                        + newer
                        + "/run.json: is of format 99, and this version reads format 1",
                "--compare",
                newer.toString());
        assertRefused(
                "--compare: "
                        + other
                        + ": is a run of the task autoencoder, and this is classifier",
                "--compare",
                other.toString());
    }

    private void assertRefused(String message, String... arguments) {
        var all = new ArrayList<Object>(List.of("train", "--backend", "reference"));
        all.addAll(List.of(arguments));

        assertThat(Invocation.of(all.toArray()))
                .isEqualTo(new Invocation(2, "", "panoptim train: " + message + "\n"));
    }

    /** Until it is at its second optimizer, and has worked on that for a second. */
    private static void waitUntilItTrains(Process process, Path output) throws Exception {
        while (!Files.readString(output).contains("sgd@1e30: ")) {
            assertThat(process.waitFor(50, TimeUnit.MILLISECONDS)).isFalse();
        }
        var begun = cpuTime(process).plusSeconds(1);
        while (cpuTime(process).compareTo(begun) < 0) {
            assertThat(process.waitFor(50, TimeUnit.MILLISECONDS)).isFalse();
        }
    }

    private static Duration cpuTime(Process process) {
        return process.info().totalCpuDuration().orElseThrow();
    }

    @Test
    void controlCEndsCleanlyWithWhatHasRun() throws Exception {
        var process =
                // Java leaves SIGINT ignored where it was started so, as by a shell without job
                // control.
                new ProcessBuilder(
                                "env",
                                "--default-signal=INT",
                                ProcessHandle.current().info().command().orElseThrow(),
                                "--enable-native-access=ALL-UNNAMED",
                                "--sun-misc-unsafe-memory-access=allow",
                                "-XX:TieredStopAtLevel=1",
                                "-XX:+UseSerialGC",
                                "-cp",
                                System.getProperty("java.class.path"),
                                "org.panoptim.cli.Main",
                                "train",
                                "--backend",
                                "reference",
                                "--optimizer",
                                "sgd@1e30,sgd,adamw",
                                "--epochs",
                                "1000000",
                                "--out",
                                run().toString())
                        .redirectErrorStream(true)
                        .redirectOutput(folder.resolve("output").toFile())
                        .start();
        try {
            // A stop before that is as clean, but has no rows.
            waitUntilItTrains(process, folder.resolve("output"));

            new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor();

            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).isEqualTo(130);
            assertThat(Files.readString(folder.resolve("output"), StandardCharsets.UTF_8))
                    .containsPattern("sgd \\(stopped at epoch \\d+\\.\\d\\) ")
                    .contains("Stopped before adamw.")
                    .endsWith("Report: " + report() + "\n");
            assertThat(Files.readString(report())).contains("The training was stopped");
        } finally {
            process.destroyForcibly();
        }
    }
}

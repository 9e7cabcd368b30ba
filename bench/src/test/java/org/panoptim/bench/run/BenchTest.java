package org.panoptim.bench.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assumptions.assumeThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.bench.result.KernelTimes;
import org.panoptim.bench.result.Results;
import org.panoptim.bench.result.Results.KfacTimes;
import org.panoptim.bench.result.Results.RefreshTimes;
import org.panoptim.bench.result.Results.StartUpTimes;
import org.panoptim.bench.result.Samples;
import org.panoptim.bench.result.Spread;
import org.panoptim.bench.result.StepTimes;
import org.panoptim.bench.result.TeamTimes;
import org.panoptim.bench.team.TeamBenchmark;
import org.panoptim.cli.InputException;
import org.panoptim.cli.bench.BenchProgram;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The program behind the command, on workloads that take no time. */
class BenchTest {

    @TempDir private Path folder;

    private final StringWriter printed = new StringWriter();

    private int run(List<String> workloads, List<String> parts, Optional<Path> compare)
            throws Exception {
        return run(Optional.empty(), workloads, parts, compare);
    }

    private int run(
            Optional<String> backend,
            List<String> workloads,
            List<String> parts,
            Optional<Path> compare)
            throws Exception {
        return run(backend, workloads, List.of(), parts, compare);
    }

    private int run(
            Optional<String> backend,
            List<String> workloads,
            List<String> rules,
            List<String> parts,
            Optional<Path> compare)
            throws Exception {
        return run(backend, workloads, rules, parts, compare, new PrintWriter(printed));
    }

    private int run(
            Optional<String> backend,
            List<String> workloads,
            List<String> rules,
            List<String> parts,
            Optional<Path> compare,
            PrintWriter out)
            throws Exception {
        var options =
                new BenchProgram.Options(
                        true,
                        workloads,
                        rules,
                        backend,
                        parts,
                        compare,
                        folder.resolve("bench.html"),
                        folder.resolve("bench.json"),
                        "./panoptim bench");
        return new Bench().run(options, out, Optional.empty());
    }

    @Test
    void measuresPrintsAndWritesPageAndFiguresAndALossSinceAFormerRunIsFailure() throws Exception {
        var former = folder.resolve("former.json");
        // No machine takes a step of five tensors in a thousandth of what its plain loop takes.
        Samples.results(
                        List.of(
                                Samples.step("few", "limit", 1e9),
                                Samples.step("elements-3", "limit", 1)))
                .write(former);

        assertThat(run(List.of("few"), List.of("limit"), Optional.of(former))).isEqualTo(1);

        var results = Results.read(folder.resolve("bench.json"));
        assertThat(results.steps()).hasSize(3);
        assertThat(results.steps())
                .allSatisfy(
                        step -> {
                            assertThat(step.step())
                                    .hasSize(3)
                                    .matches(
                                            all ->
                                                    java.util.Arrays.stream(all)
                                                            .allMatch(nanos -> nanos > 0));
                            assertThat(step.allocated()).isGreaterThanOrEqualTo(0);
                        });
        assertThat(results.host().backend()).contains("thread");
        assertThat(Files.readString(folder.resolve("bench.html"))).contains("5 tensors of 64");
        assertThat(Files.readString(folder.resolve("bench.jmh.json"))).contains("StepBenchmark");
        assertThat(printed.toString())
                .contains("5 tensors of 64")
                .contains("bench.html")
                .contains("there is a loss of more than 5 %");
    }

    @Test
    void theFileOfTheFrameworkIsLeftOutWhereFiguresGoIntoAPipe() throws Exception {
        var pipe = folder.resolve("pipe");
        assumeThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
        Bench.writeJmh(List.of(), pipe);
        Bench.writeJmh(List.of(), Files.createFile(folder.resolve("file.json")));

        try (var files = Files.list(folder)) {
            assertThat(files.map(each -> each.getFileName().toString()))
                    .containsExactlyInAnyOrder("pipe", "file.json", "file.jmh.json");
        }
    }

    @Test
    void whatCannotBePrintedIsInTheFilesNevertheless() throws Exception {
        var full =
                new StringWriter() {
                    @Override
                    public void write(String text, int offset, int length) {
                        throw new IllegalStateException("no space is left");
                    }
                };

        assertThatThrownBy(
                        () ->
                                run(
                                        Optional.empty(),
                                        List.of("few"),
                                        List.of(),
                                        List.of("kfac"),
                                        Optional.empty(),
                                        new PrintWriter(full)))
                .hasMessage("no space is left");
        assertThat(Results.read(folder.resolve("bench.json")).leftOut()).isNotEmpty();
        assertThat(folder.resolve("bench.html")).isNotEmptyFile();
        assertThat(folder.resolve("bench.jmh.json")).isNotEmptyFile();
    }

    @Test
    void figuresThatCannotBeWrittenLeaveThePage() throws Exception {
        Files.createDirectory(folder.resolve("bench.json"));

        assertThatThrownBy(() -> run(List.of("few"), List.of("kfac"), Optional.empty()))
                .isInstanceOf(FileSystemException.class)
                .hasMessageStartingWith(folder.resolve("bench.json") + ": ");
        assertThat(folder.resolve("bench.html")).isNotEmptyFile();
        assertThat(printed.toString()).contains("left out: ");
    }

    @Test
    void badInputIsRefusedBeforeAnythingIsMeasured() throws Exception {
        var empty = folder.resolve("empty.json");
        Files.writeString(empty, "");
        assertThatThrownBy(() -> run(List.of("nothing"), List.of(), Optional.empty()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("--workload: there is no workload 'nothing'");
        assertThatThrownBy(
                        () ->
                                run(
                                        Optional.empty(),
                                        List.of("few"),
                                        List.of("sgdd"),
                                        List.of(),
                                        Optional.empty()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("--rule: there is no rule 'sgdd'");
        assertThatThrownBy(() -> run(List.of(), List.of(), Optional.of(folder)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("--compare");
        assertThatThrownBy(() -> run(List.of(), List.of(), Optional.of(empty)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("empty.json: is not a file of results");
        assertThat(printed.toString()).isEmpty();
    }

    @Test
    @EnabledOnOs(value = OS.LINUX, architectures = "amd64")
    void aDeviceIsMeasuredBesideACopyWithinItsMemory() throws Exception {
        assertThat(
                        run(
                                Optional.of("cuda-ffm"),
                                List.of("few"),
                                List.of("limit", "peers", "scaling"),
                                Optional.empty()))
                .isZero();

        var results = Results.read(folder.resolve("bench.json"));
        assertThat(results.steps()).isNotEmpty();
        assertThat(results.steps())
                .allSatisfy(step -> assertThat(step.backend()).isEqualTo("cuda-ffm"));
        assertThat(results.steps())
                .filteredOn(step -> step.workload().equals("few"))
                .extracting(StepTimes::description)
                .containsOnly("copy within the device's memory");
        assertThat(results.leftOut())
                .contains(
                        "peers on the JVM: measured on the processor alone",
                        "scaling: the virtual device would take hours");
    }

    @Test
    @EnabledOnOs(value = OS.LINUX, architectures = "amd64")
    void theStartUpOfABackendOnADeviceIsMeasuredWithTheDriverThatIsHere() throws Exception {
        run(Optional.of("cuda-ffm"), List.of(), List.of("start-up"), Optional.empty());

        var results = Results.read(folder.resolve("bench.json"));
        assertThat(results.startUps())
                .extracting(StartUpTimes::backend)
                .containsExactly("cuda-ffm", "cuda-ffm");
        assertThat(results.leftOut()).isEmpty();
    }

    @Test
    @EnabledOnOs(value = OS.LINUX, architectures = "amd64")
    void everyKernelOfADeviceIsMeasuredByItself() throws Exception {
        assertThat(
                        run(
                                Optional.of("cuda-jcuda"),
                                List.of("few", "tiny"),
                                List.of("adamw", "lion"),
                                List.of("kernels"),
                                Optional.empty()))
                .isZero();

        var results = Results.read(folder.resolve("bench.json"));
        assertThat(results.kernels())
                .allSatisfy(
                        kernel -> {
                            assertThat(kernel.backend()).isEqualTo("cuda-jcuda");
                            assertThat(kernel.launches()).isPositive();
                            assertThat(kernel.seconds().smallest()).isNotNegative();
                            assertThat(kernel.copy()).isPositive();
                        });
        assertThat(results.kernels())
                .extracting(KernelTimes::workload, KernelTimes::rule)
                .contains(tuple("few", "adamw"), tuple("tiny", "adamw"), tuple("few", "lion"))
                .contains(tuple("TINY", "kfac"))
                .doesNotContain(tuple("RESNET50", "kfac"));
        assertThat(results.host().virtual()).isTrue();
        assertThat(Files.readString(folder.resolve("bench.html")))
                .contains("Kernels by themselves", "panoptim_<wbr>measure")
                .contains("their times mean nothing");
        assertThat(printed.toString())
                .contains("panoptim_kfac_accumulate", "their times mean nothing");
    }

    @Test
    @EnabledOnOs(value = OS.LINUX, architectures = "amd64")
    void theWorkOfKfacIsMeasuredOnADevice() throws Exception {
        assertThat(run(Optional.of("cuda-ffm"), List.of(), List.of("kfac"), Optional.empty()))
                .isZero();

        var results = Results.read(folder.resolve("bench.json"));
        assertThat(results.refreshes())
                .extracting(RefreshTimes::model, RefreshTimes::method, RefreshTimes::backend)
                .containsExactly(tuple("TINY", "CHOLESKY", "cuda-ffm"));
        assertThat(results.kfac())
                .extracting(KfacTimes::model, KfacTimes::work, KfacTimes::hasProducts)
                .containsExactly(
                        tuple("TINY", "accumulate", false), tuple("TINY", "precondition", true));
        assertThat(results.kfac())
                .allSatisfy(work -> assertThat(Spread.of(work.seconds()).smallest()).isPositive());
        assertThat(results.leftOut())
                .containsExactly("kfac: PyTorch: there is no GPU, only the virtual one");
        assertThat(Files.readString(folder.resolve("bench.html")))
                .contains("between refreshes", "two small layers", "their times mean nothing");
        assertThat(Files.readString(folder.resolve("bench.jmh.json")))
                .contains("KfacRefresh", "\"backend\" : \"cuda-ffm\"");
        assertThat(printed.toString()).contains("left out: kfac: PyTorch");
    }

    @Test
    @EnabledOnOs(value = OS.LINUX, architectures = "amd64")
    void aTeamOfProcessesIsMeasured() throws Exception {
        assumeThat(TeamBenchmark.refusal()).isEmpty();

        assertThat(run(List.of("few"), List.of("team"), Optional.empty())).isZero();

        var results = Results.read(folder.resolve("bench.json"));
        assertThat(results.teams()).extracting(TeamTimes::members).containsExactly(2);
        assertThat(results.teams().getFirst().seconds())
                .hasSize(3)
                .matches(all -> Spread.of(all).smallest() > 0);
        assertThat(results.teamSpeeds().getFirst().exchanges()).isNotEmpty();
        assertThat(Files.readString(folder.resolve("bench.html")))
                .contains("A team of processes on this machine", "What a model says of these")
                // One size does not tell what messages of more members would cost.
                .doesNotContain("Larger teams, on paper");
        assertThat(printed.toString()).contains("sent / least");
    }

    @Test
    void kernelsOfAProcessorAreNotMeasured() {
        assertThatThrownBy(() -> run(List.of("few"), List.of("kernels"), Optional.empty()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("--backend cuda-ffm");
    }

    @Test
    @EnabledOnOs(value = OS.LINUX, architectures = "amd64")
    void workloadsThatWouldTakeHoursOnTheVirtualDeviceAreRefused() {
        for (var backend : List.of("cuda-ffm", "cuda-jcuda")) {
            for (var workloads : List.of(List.<String>of(), List.of("few", "flat"))) {
                assertThatThrownBy(
                                () ->
                                        run(
                                                Optional.of(backend),
                                                workloads,
                                                List.of("limit"),
                                                Optional.empty()))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("the virtual device")
                        .hasMessageContaining("flat has 33,554,432 parameters")
                        .hasMessageContaining("--workload tiny,few or small");
            }
        }
    }
}

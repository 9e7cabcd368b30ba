package org.panoptim.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Trainings of several processes, as users start them. */
@Timeout(300)
class TrainProcessesTest {

    private static final String OPTIMIZERS = "adamw:clip_norm=1,schedule-free-sgd,sophia-g+sam";

    /** An optimizer that ends after an epoch, and one that goes on until it is stopped. */
    private static final String ENDLESS = "sgd@1e30,sgd";

    @TempDir private Path folder;

    private final List<Process> started = new ArrayList<>();
    private final List<ProcessHandle> members = new ArrayList<>();

    @AfterEach
    void endAll() {
        started.forEach(Process::destroyForcibly);
        members.forEach(ProcessHandle::destroyForcibly);
    }

    private Process start(Map<String, String> environment, String name, String... arguments)
            throws IOException {
        var command =
                new ArrayList<>(
                        List.of(
                                // A group of its own, and with Ctrl-C as a terminal's programs
                                // have it.
                                "setsid",
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
                                "reference"));
        command.addAll(List.of(arguments));
        var builder =
                new ProcessBuilder(command)
                        .redirectOutput(folder.resolve(name + ".out").toFile())
                        .redirectError(folder.resolve(name + ".err").toFile());
        builder.environment().keySet().removeIf(each -> each.equals("JAVA_TOOL_OPTIONS"));
        builder.environment().putAll(environment);
        var process = builder.start();
        started.add(process);
        return process;
    }

    private String out(String name) throws IOException {
        return Files.readString(folder.resolve(name + ".out"), StandardCharsets.UTF_8);
    }

    private String err(String name) throws IOException {
        return Files.readString(folder.resolve(name + ".err"), StandardCharsets.UTF_8);
    }

    private List<String> parameters(String name) throws IOException {
        return out(name).lines().filter(line -> line.startsWith("parameters ")).toList();
    }

    /** A batch of 100 cannot be cut into 8 leaves of one size, and the last one has 38. */
    private static String[] shortTraining(String... more) {
        return Stream.concat(
                        Stream.of("--epochs", "1", "--batch", "100", "--optimizer", OPTIMIZERS),
                        Stream.of(more))
                .toArray(String[]::new);
    }

    /** Trains at the same time in teams of so many processes, which they are named by. */
    private void train(List<String> counts, String... arguments) throws Exception {
        var teams = new LinkedHashMap<String, Process>();
        for (var count : counts) {
            var all =
                    Stream.concat(
                            Stream.of(arguments),
                            Stream.of(
                                    "--processes=" + count,
                                    "--out",
                                    folder.resolve(count).toString()));
            teams.put(count, start(Map.of(), count, all.toArray(String[]::new)));
        }
        for (var team : teams.entrySet()) {
            assertThat(team.getValue().waitFor()).as(err(team.getKey())).isZero();
        }
    }

    @Test
    void theParametersAreTheSameForEveryNumberOfProcesses() throws Exception {
        train(List.of("4", "2", "1"), shortTraining());

        assertThat(parameters("1"))
                .hasSize(3)
                .allSatisfy(line -> assertThat(line).matches("parameters \\S+ [0-9a-f]{64}"))
                .extracting(line -> line.split(" ")[1])
                .containsExactly(OPTIMIZERS.split(","));
        assertThat(parameters("1")).extracting(line -> line.split(" ")[2]).doesNotHaveDuplicates();
        assertThat(parameters("2")).isEqualTo(parameters("1"));
        assertThat(parameters("4")).isEqualTo(parameters("1"));
        assertThat(out("4"))
                .contains(
                        "adamw:clip_norm=1 ",
                        "Report: " + folder.resolve("4").resolve("report.html") + "\n")
                .endsWith(String.join("\n", parameters("4")) + "\n")
                .doesNotContain("Gloo");
        assertThat(err("4")).contains("adamw:clip_norm=1: 15 of 15 (100 %)").doesNotContain("[1]");
        assertThat(Files.readString(folder.resolve("4").resolve("report.html")))
                .contains("4 processes took every step together; a batch was cut into 8 leaves.");
        assertThat(record("4").getAsJsonObject("options").get("processes").getAsString())
                .isEqualTo("4");
        assertThat(record("4").get("command").getAsString())
                .endsWith(" --backend reference --processes 4 --leaves 8");

        // The mean over leaves is that over the batch: one process alone comes to the same, but
        // for what rounding makes of it.
        var alone = shortTraining("--out", folder.resolve("alone").toString());
        var all = new ArrayList<Object>(List.of("train", "--backend", "reference"));
        all.addAll(List.of(alone));
        assertThat(Invocation.of(all.toArray()).out()).doesNotContain("parameters");
        assertThat(losses("2")).isEqualTo(losses("4"));
        var expected = losses("alone");
        for (int i = 0; i < expected.size(); i++) {
            assertThat(losses("4").get(i)).isCloseTo(expected.get(i), within(1e-4));
        }
    }

    @Test
    void soTheyAreWithKfacWhoseErrorsAreThoseOfAllLayers() throws Exception {
        train(
                List.of("4", "1"),
                "--task=autoencoder",
                "--iterations",
                "2",
                "--optimizer",
                "kfac,schedule-free-sgd@0.03",
                // From this one another layer has the largest error than the first member's.
                "--seed",
                "2");

        assertThat(parameters("1"))
                .hasSize(2)
                .extracting(line -> line.split(" ")[1])
                .containsExactly("kfac", "schedule-free-sgd@0.03");
        assertThat(parameters("4")).isEqualTo(parameters("1"));
        assertThat(curves("4")).isEqualTo(curves("1"));
        assertThat(errors("1")).startsWith("K-FAC's inverses: largest certified error ");
        assertThat(errors("4")).isEqualTo(errors("1"));
        assertThat(Files.readString(folder.resolve("4").resolve("report.html")))
                .contains("4 processes took every step together; a batch was cut into 8 leaves.");

        // The mean over leaves is that over all images. K-FAC draws other targets, leaf by leaf.
        var alone = folder.resolve("alone");
        assertThat(
                        Invocation.of(
                                        "train",
                                        "--task=autoencoder",
                                        "--iterations=2",
                                        "--seed=2",
                                        "--backend=reference",
                                        "--optimizer=schedule-free-sgd@0.03",
                                        "--out",
                                        alone)
                                .status())
                .isZero();
        assertThat(losses("4").get(1)).isCloseTo(losses("alone").getFirst(), within(1e-3));
    }

    private String errors(String name) throws IOException {
        return out(name)
                .replace('\n', ' ')
                .replaceAll(".*(K-FAC's inverses: [^.]*\\.[^.]*).*", "$1");
    }

    /** Losses and errors of every step, of every optimizer. */
    private List<String> curves(String name) throws IOException {
        return record(name).getAsJsonArray("optimizers").asList().stream()
                .map(each -> each.getAsJsonObject().getAsJsonArray("runs").get(0))
                .map(each -> each.getAsJsonObject().getAsJsonArray("curves").get(0))
                .map(each -> each.getAsJsonObject())
                .map(each -> each.get("loss") + " " + each.get("squared_error"))
                .toList();
    }

    private JsonObject record(String name) throws IOException {
        return JsonParser.parseString(Files.readString(folder.resolve(name).resolve("run.json")))
                .getAsJsonObject();
    }

    private List<Double> losses(String name) throws IOException {
        return record(name).getAsJsonArray("optimizers").asList().stream()
                .map(each -> each.getAsJsonObject().getAsJsonArray("runs").get(0))
                .map(each -> each.getAsJsonObject().getAsJsonObject("figures"))
                .map(each -> each.get("final_loss").getAsDouble())
                .toList();
    }

    @Test
    void aProcessIsTheMemberThatTheEnvironmentNames() throws Exception {
        int port;
        try (var socket = new ServerSocket(0)) {
            port = socket.getLocalPort();
        }
        var processes = new ArrayList<Process>();
        for (int rank = 0; rank < 2; rank++) {
            processes.add(
                    start(
                            Map.of(
                                    "RANK",
                                    "" + rank,
                                    "WORLD_SIZE",
                                    "2",
                                    "MASTER_ADDR",
                                    "127.0.0.1",
                                    "MASTER_PORT",
                                    "" + port),
                            "member" + rank,
                            "--distributed",
                            "--leaves",
                            "4",
                            "--epochs",
                            "1",
                            "--batch",
                            "500",
                            "--optimizer",
                            "sgd",
                            "--seed",
                            "1,2",
                            "--out",
                            folder.resolve("run").toString()));
        }
        for (var member : processes) {
            assertThat(member.waitFor()).isZero();
        }

        assertThat(parameters("member0")).hasSize(1);
        assertThat(out("member0")).doesNotContain("Gloo");
        assertThat(out("member1")).isEmpty();
        assertThat(err("member1")).isEmpty();
        assertThat(record("run").getAsJsonObject("options").get("leaves").getAsString())
                .isEqualTo("4");
    }

    /** Starts a training that does not end, and waits until it is at its second optimizer. */
    private Process startEndless(String name) throws Exception {
        var process =
                start(
                        Map.of(),
                        name,
                        "--processes",
                        "2",
                        "--epochs",
                        "1000000",
                        "--batch",
                        "500",
                        "--optimizer",
                        ENDLESS,
                        "--out",
                        folder.resolve(name).toString());
        while (!err(name).contains("sgd@1e30: ")) {
            assertThat(process.waitFor(50, TimeUnit.MILLISECONDS)).as(err(name)).isFalse();
        }
        process.children()
                .sorted(Comparator.comparingLong(ProcessHandle::pid))
                .forEach(members::add);
        assertThat(members).hasSize(2);
        return process;
    }

    private void awaitEndOfMembers() throws Exception {
        for (var each : members) {
            each.onExit().get(60, TimeUnit.SECONDS);
        }
    }

    private static void signal(String signal, String process) throws Exception {
        assertThat(new ProcessBuilder("kill", signal, "--", process).start().waitFor()).isZero();
    }

    @Test
    void aMemberThatIsKilledEndsAllAndIsNamed() throws Exception {
        var process = startEndless("run");
        signal("-KILL", "" + members.get(1).pid());

        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isEqualTo(1);
        awaitEndOfMembers();
        assertThat(err("run"))
                .endsWith(
                        "panoptim train: member 1 was ended by signal 9 (KILL); the others ended"
                                + " because of it\n")
                .doesNotContain("is gone");
        assertThat(out("run")).isEmpty();
        assertThat(folder.resolve("run")).doesNotExist();
    }

    @Test
    void controlCEndsAllWithWhatHasRun() throws Exception {
        var process = startEndless("run");
        signal("-INT", "-" + process.pid());

        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isEqualTo(130);
        awaitEndOfMembers();
        assertStopped();
    }

    @Test
    void aRequestToEndReachesAllMembers() throws Exception {
        var process = startEndless("run");
        signal("-TERM", "" + process.pid());

        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isEqualTo(143);
        awaitEndOfMembers();
        assertStopped();
    }

    private void assertStopped() throws IOException {
        assertThat(out("run"))
                .contains("sgd@1e30 (diverged at epoch 1.0) ")
                .containsPattern("sgd \\(stopped at epoch |Stopped before sgd\\.")
                .contains("Report: " + folder.resolve("run").resolve("report.html"))
                .containsOnlyOnce("parameters ")
                .contains("parameters sgd@1e30 ");
        assertThat(err("run")).doesNotContain("panoptim train:");
    }

    @Test
    void membersEndWithTheProcessThatStartedThem() throws Exception {
        var process = startEndless("run");
        signal("-KILL", "" + process.pid());

        awaitEndOfMembers();
    }

    @Test
    void aPortThatIsInUseIsNamed() throws Exception {
        try (var socket = new ServerSocket(0)) {
            var member =
                    start(
                            Map.of(
                                    "RANK",
                                    "0",
                                    "WORLD_SIZE",
                                    "2",
                                    "MASTER_ADDR",
                                    "127.0.0.1",
                                    "MASTER_PORT",
                                    "" + socket.getLocalPort()),
                            "run",
                            "--distributed");

            assertThat(member.waitFor()).isEqualTo(1);
            assertThat(err("run"))
                    .startsWith("panoptim train: member 0 of 2 at 127.0.0.1:")
                    .contains("port: " + socket.getLocalPort(), "address already in use")
                    .hasLineCount(1);
        }
    }

    @Test
    void whatCannotBeIsRefusedBeforeAnyProcessIsStarted() {
        assertRefused(
                "--processes: the number of processes must be a power of two, but is 3",
                "--processes",
                "3");
        assertRefused(
                "--processes: 4 processes cannot share 2 leaves of a batch; --leaves sets more",
                "--processes",
                "4",
                "--leaves",
                "2");
        assertRefused("--processes: must be at least 1, but is 0", "--processes", "0");
        assertRefused(
                "--leaves: must be a power of two, but is 6", "--processes", "2", "--leaves", "6");
        assertRefused(
                "--leaves: a batch of 4 images has none for some of 8 leaves",
                "--processes",
                "2",
                "--batch",
                "4");
        assertRefused("--leaves: belongs to --processes and --distributed", "--leaves", "8");
        assertRefused(
                "--processes: starts the processes itself, and --distributed is for one that"
                        + " something else starts: give one of the two",
                "--processes",
                "2",
                "--distributed");
        assertRefused(
                "--leaves: a batch of 1797 images has none for some of 2048 leaves",
                "--processes",
                "2",
                "--leaves",
                "2048",
                "--task",
                "autoencoder");
        assertRefused(
                "--optimizer: 'torch-adamw': PyTorch's own optimizer takes no steps with a team",
                "--processes",
                "2",
                "--optimizer",
                "adamw,torch-adamw");
        assertRefused(
                "--optimizer: 'torch-adam': PyTorch's own optimizer takes no steps with a team",
                "--processes",
                "2",
                "--task",
                "autoencoder",
                "--optimizer",
                "kfac,torch-adam");
        assertRefused(
                "--distributed: RANK is not set: start the members with torchrun or set RANK,"
                        + " WORLD_SIZE, MASTER_ADDR and MASTER_PORT for each",
                "--distributed");
        assertRefused(
                "--out " + folder + "/..: is not empty; each run has a folder of its own",
                "--processes",
                "2",
                "--out",
                folder + "/..");
    }

    private static void assertRefused(String message, String... arguments) {
        var all = new ArrayList<Object>(List.of("train"));
        all.addAll(List.of(arguments));

        assertThat(Invocation.of(all.toArray()))
                .isEqualTo(new Invocation(2, "", "panoptim train: " + message + "\n"));
    }

    @Test
    void membersHaveTheSameOptionsButForThoseOfTheStart() {
        assertThat(
                        TeamOptions.ofMember(
                                List.of(
                                        "--debug",
                                        "train",
                                        "--processes",
                                        "4",
                                        "--lr",
                                        "1",
                                        "--out=a",
                                        "--compare",
                                        "train",
                                        "--out",
                                        "b",
                                        "--processes=2",
                                        "--leaves",
                                        "4"),
                                "train",
                                Path.of("reports", "x")))
                .containsExactly(
                        "--debug",
                        "train",
                        "--distributed",
                        "--held",
                        "--out=reports/x",
                        "--lr",
                        "1",
                        "--compare",
                        "train",
                        "--leaves",
                        "4");
    }
}

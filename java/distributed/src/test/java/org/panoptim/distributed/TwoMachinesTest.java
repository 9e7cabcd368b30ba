package org.panoptim.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A team on two machines whose network delays and loses packets, or all of them. Needs root and
 * Python: {@code -Dpanoptim.namespaces=true}.
 */
@EnabledIfSystemProperty(named = "panoptim.namespaces", matches = "true")
class TwoMachinesTest {

    private static final int PORT = 29_500;

    /** Milliseconds of a call. */
    private static final int TIMEOUT = 20_000;

    private Process network;
    private String[] machines;
    private final List<JavaProcess> members = new ArrayList<>();

    @BeforeEach
    void joinMachines(@TempDir Path folder) throws Exception {
        var script = Path.of(TwoMachinesTest.class.getResource("two_machines.py").toURI());
        network =
                new ProcessBuilder("python3", script.toString(), folder.toString(), "0.05")
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        var out =
                new BufferedReader(
                        new InputStreamReader(network.getInputStream(), StandardCharsets.UTF_8));
        machines = out.readLine().split(" ");
        lose("0.05");
    }

    private JavaProcess start(int machine) throws IOException {
        var launcher = List.of("nsenter", "--target", machines[machine], "--net", "--mount");
        members.add(
                JavaProcess.start(launcher, Puppet.class, Map.of("MASTER_ADDR", "first.example")));
        return members.getLast();
    }

    /** Three members, two of them on the first machine. */
    private void joinThree() throws Exception {
        for (int rank = 0; rank < 3; rank++) {
            start(rank / 2).tell("join %d %d 3 %d".formatted(PORT, rank, TIMEOUT));
        }
        for (var member : members) {
            assertThat(member.answer()).isEqualTo("done");
        }
    }

    private void lose(String share) throws IOException {
        network.getOutputStream().write((share + "\n").getBytes(StandardCharsets.UTF_8));
        network.getOutputStream().flush();
    }

    @AfterEach
    void end() throws IOException {
        members.forEach(JavaProcess::close);
        network.getOutputStream().close();
    }

    @Test
    void whatIsDelayedAndLostOnTheWayArrives() throws Exception {
        joinThree();
        int size = 50_000;
        for (var member : members) {
            member.tell("gather %d,%d,%d".formatted(size, size, size));
        }
        for (var member : members) {
            assertThat(member.answer())
                    .isEqualTo("01".repeat(size) + "02".repeat(size) + "03".repeat(size));
        }
    }

    @Test
    void aNetworkThatLosesEverythingIsFoundInTheMiddleOfACall() throws Exception {
        joinThree();
        for (var member : members) {
            member.tell("gather 9000000,9000000,9000000");
        }
        Thread.sleep(2000);
        long begin = System.nanoTime();
        lose("1");

        assertThat(members.get(0).answer()).isEqualTo("member 2 has not been heard of for PT16S");
        assertThat(members.get(1).answer()).isEqualTo("member 2 has not been heard of for PT16S");
        assertThat(members.get(2).answer()).isEqualTo("member 0 has not been heard of for PT16S");
        assertThat(Duration.ofNanos(System.nanoTime() - begin))
                .isLessThan(Duration.ofMillis(TIMEOUT));
    }

    @Test
    void theFirstMemberNeedNotBeWhereTorchrunsAgentKeepsTheStore() throws Exception {
        assertThat(start(0).ask("keep " + PORT)).isEqualTo("done");
        start(1).tell("join %d 0 2 %d kept".formatted(PORT, TIMEOUT));
        start(0).tell("join %d 1 2 %d kept".formatted(PORT, TIMEOUT));

        assertThat(members.get(1).answer()).isEqualTo("done");
        assertThat(members.get(2).answer()).isEqualTo("done");
    }
}

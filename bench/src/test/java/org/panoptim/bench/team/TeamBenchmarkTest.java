package org.panoptim.bench.team;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assumptions.assumeThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.panoptim.bench.Workload;
import org.panoptim.bench.result.Spread;
import org.panoptim.bench.result.TeamTimes;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Real processes, on a workload that takes no time. */
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TeamBenchmarkTest {

    private static final String PYTHON = "panoptim.python";

    /** Whole chunks, so that every member has as many. */
    private static final Workload WORKLOAD = Workload.named(Workload.elements(1 << 20));

    /** Of two members, which PyTorch takes turns with if it is there. */
    private final TeamBenchmark ofTwo = benchmark();

    private Optional<TeamTimes> timesOfTwo = Optional.empty();

    @BeforeEach
    void requireLibraries() {
        assumeThat(TeamBenchmark.refusal()).isEmpty();
    }

    /** Measured once. */
    private TeamTimes timesOfTwo() {
        timesOfTwo =
                timesOfTwo.or(() -> Optional.of(ofTwo.measure(WORKLOAD, 2, true, 2, () -> {})));
        return timesOfTwo.orElseThrow();
    }

    private static TeamBenchmark benchmark() {
        return new TeamBenchmark(
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED"),
                "simd");
    }

    @Test
    void membersSendWhatTheyMustAndShareOutTheStates() {
        var times = timesOfTwo();

        assertThat(times.seconds()).hasSize(2);
        assertThat(times.sentShare()).isCloseTo(1, within(1e-3));
        assertThat(times.stateShare()).isEqualTo(.5);
        // What the system counts is what is said to be sent, with headers, and others' traffic.
        assertThat(Spread.of(times.loopback()).smallest() / times.leastBytes()).isBetween(1.0, 1.5);
        assertThat(ofTwo.speed().orElseThrow().exchanges()).hasSize(4);
    }

    @Test
    void aTeamOfOneSendsNothing() {
        var benchmark = benchmark();
        var times = benchmark.measure(WORKLOAD, 1, false, 1, () -> {});

        assertThat(times.hasPeer()).isFalse();
        assertThat(times.sent()).isZero();
        assertThat(times.stateShare()).isEqualTo(1);
        assertThat(benchmark.speed()).isEmpty();
    }

    @Test
    void pyTorchTakesTheSameStepsInTurn() {
        var times = timesOfTwo();
        assumeThat(ofTwo.refusalOfPeer()).isEmpty();

        assertThat(times.peer()).startsWith("PyTorch ").contains("gloo");
        assertThat(times.peerSeconds()).hasSize(2);
        assertThat(times.peerStates()).isEqualTo(2 * 4 * WORKLOAD.elements());
        assertThat(times.advantage().median()).isPositive();
    }

    @Test
    void withoutPyTorchPanoptimIsMeasuredAloneAndTheReasonIsGiven() {
        var former = System.getProperty(PYTHON);
        System.setProperty(PYTHON, "false");
        try {
            var benchmark = benchmark();
            assertThat(benchmark.measure(WORKLOAD, 2, true, 1, () -> {}).hasPeer()).isFalse();
            assertThat(benchmark.refusalOfPeer())
                    .hasValueSatisfying(reason -> assertThat(reason).contains("false, member 0"));
        } finally {
            if (former == null) {
                System.clearProperty(PYTHON);
            } else {
                System.setProperty(PYTHON, former);
            }
        }
    }
}

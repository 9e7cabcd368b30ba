package org.panoptim.bench.team;

import org.panoptim.bench.Workload;
import org.panoptim.bench.result.Spread;
import org.panoptim.bench.result.TeamSpeed;
import org.panoptim.bench.result.TeamSpeed.Exchange;
import org.panoptim.bench.result.TeamTimes;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * Measures steps of teams of processes on this machine. Panoptim's team and PyTorch's take turns;
 * whichever waits is blocked in a read. Gradients are set anew before each step, untimed, and in
 * the end every member's parameters are compared with those of one process.
 */
public final class TeamBenchmark {

    /** What PyTorch's processes do, followed by its version. */
    private static final String PEER =
            "PyTorch %s in Python, gloo: all_reduce of DistributedDataParallel's buckets,"
                    + " AdamW(fused=True)";

    /** Steps that are not timed: until they are compiled and pages are mapped. */
    private static final int LEAST_WARM_UPS = 2;

    private static final int MOST_WARM_UPS = 100;

    private static final long WARM_NANOS = 2_000_000_000;
    private static final int REPETITIONS = 7;
    private static final List<Long> MESSAGES = List.of(1L << 12, 1L << 16, 1L << 20);

    /** Larger than caches. */
    private static final long COPY_BYTES = 128L << 20;

    /** For as long OpenMP's threads wait busily for more work. */
    private static final long REST_NANOS = 20_000_000;

    private final List<String> java;
    private final String backend;
    private final List<Exchange> exchanges = new ArrayList<>();
    private double memory;
    private Optional<String> refusalOfPeer = Optional.empty();

    /**
     * Of a backend on the host.
     *
     * @param java the launcher of Java, and its options
     */
    public TeamBenchmark(List<String> java, String backend) {
        this.java = List.copyOf(java);
        this.backend = backend;
    }

    /** Why nothing can be measured; empty if it can. */
    public static Optional<String> refusal() {
        return TeamSides.refusal();
    }

    /** Why PyTorch in Python did not take part, if it should have; empty if it did. */
    public Optional<String> refusalOfPeer() {
        return refusalOfPeer;
    }

    /**
     * Measures teams of a size.
     *
     * @param peer whether PyTorch is measured, too, if it can be
     * @param rounds how many steps
     * @param progress is told of each
     * @throws IllegalStateException if a member fails, or has other parameters than it should
     */
    public TeamTimes measure(
            Workload workload, int members, boolean peer, int rounds, Runnable progress) {
        var torch = peer ? torch(workload, members) : Optional.<TeamProcesses>empty();
        try (var panoptim = TeamSides.panoptim(java, workload, members, backend)) {
            measureRaw(panoptim, members);
            var own = new Side("Panoptim", panoptim, rounds);
            var other = torch.map(each -> new Side(PEER.formatted(each.greeting()), each, rounds));
            var sides = Stream.concat(Stream.of(own), other.stream()).toList();
            sides.forEach(Side::warmUp);
            for (int round = 0; round < rounds; round++) {
                for (var side : round % 2 == 0 ? sides : sides.reversed()) {
                    side.take(round);
                }
                progress.run();
            }
            var check = new TeamCheck(workload, members);
            sides.forEach(side -> side.check(check));
            return times(workload, members, own, other);
        } finally {
            torch.ifPresent(TeamProcesses::close);
        }
    }

    private Optional<TeamProcesses> torch(Workload workload, int members) {
        if (refusalOfPeer.isPresent()) {
            return Optional.empty();
        }
        try {
            return Optional.of(TeamSides.torch(workload, members));
        } catch (IllegalStateException e) {
            refusalOfPeer = Optional.of(String.valueOf(e.getMessage()));
            return Optional.empty();
        }
    }

    /** What this machine takes for exchanges, as far as teams of several have been measured. */
    public Optional<TeamSpeed> speed() {
        return exchanges.isEmpty()
                ? Optional.empty()
                : Optional.of(
                        SpeedFit.of(Runtime.getRuntime().availableProcessors(), memory, exchanges));
    }

    private void measureRaw(TeamProcesses processes, int members) {
        if (members > 1) {
            // The largest are those of a step's buckets.
            var bucket = Stream.of(PhaseModel.messageBytes(members));
            for (long bytes : Stream.concat(MESSAGES.stream(), bucket).toList()) {
                var request = "exchange " + bytes;
                processes.ask(request);
                exchanges.add(new Exchange(members, bytes, repeated(processes, request)));
            }
        }
        if (members > Runtime.getRuntime().availableProcessors() && memory > 0) {
            // Members that wait for a processor copy one after another, out of its caches.
            return;
        }
        var request = "copy " + COPY_BYTES / members;
        processes.ask(request);
        double bytes = 2.0 * (COPY_BYTES / members) * members;
        memory = Math.max(memory, bytes / Spread.of(repeated(processes, request)).median());
    }

    private static double[] repeated(TeamProcesses processes, String request) {
        var seconds = new double[REPETITIONS];
        Arrays.setAll(seconds, _ -> processes.largest(request));
        return seconds;
    }

    /** One of those that take turns. */
    private static final class Side {

        private final String name;
        private final TeamProcesses processes;
        private final double[] seconds;
        private final double[] loopback;
        private int steps;

        Side(String name, TeamProcesses processes, int rounds) {
            this.name = name;
            this.processes = processes;
            seconds = new double[rounds];
            loopback = new double[rounds];
        }

        void warmUp() {
            long start = System.nanoTime();
            do {
                step();
            } while (steps < LEAST_WARM_UPS
                    || steps < MOST_WARM_UPS && System.nanoTime() - start < WARM_NANOS);
        }

        void take(int round) {
            processes.ask("refill");
            var before = Loopback.bytes();
            seconds[round] = processes.largest("step");
            var after = Loopback.bytes();
            steps++;
            loopback[round] = after.orElse(0) - before.orElse(0);
            LockSupport.parkNanos(REST_NANOS);
        }

        private void step() {
            processes.ask("refill");
            processes.ask("step");
            steps++;
        }

        void check(TeamCheck check) {
            check.compare(name, processes, steps);
        }

        /** By the number of members; none where the system does not tell. */
        double[] loopback(int members) {
            return Loopback.bytes().isEmpty()
                    ? new double[0]
                    : Arrays.stream(loopback).map(bytes -> bytes / members).toArray();
        }

        long states() {
            return Math.round(processes.largest("states"));
        }
    }

    private TeamTimes times(Workload workload, int members, Side own, Optional<Side> other) {
        var sent = own.processes.ask("sent").stream().map(answer -> answer.split(" ")).toList();
        return new TeamTimes(
                workload.name(),
                backend,
                members,
                TeamSides.threads(members),
                workload.elements(),
                own.seconds,
                sent.stream().mapToLong(each -> Long.parseLong(each[0])).max().orElse(0),
                Integer.parseInt(sent.getFirst()[1]),
                own.loopback(members),
                own.states(),
                other.map(side -> side.name).orElse(""),
                other.map(side -> side.seconds).orElse(new double[0]),
                other.map(side -> side.loopback(members)).orElse(new double[0]),
                other.map(Side::states).orElse(0L));
    }
}

package org.panoptim.bench.run;

import org.panoptim.bench.Workload;
import org.panoptim.bench.result.TeamSpeed;
import org.panoptim.bench.result.TeamTimes;
import org.panoptim.bench.team.TeamBenchmark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Measures teams of processes on this machine, compared with PyTorch's. */
final class Teams {

    private static final List<Integer> SIZES = List.of(1, 2, 4, 8);
    private static final List<Integer> SIZES_IF_QUICK = List.of(2);
    private static final int ROUNDS = 9;
    private static final int ROUNDS_IF_QUICK = 3;

    /** Of a process, without tensors: the runtime, libraries and buffers. */
    private static final double PROCESS_BYTES = 400e6;

    /** Of the memory that is free, what processes may take. */
    private static final double MEMORY_SHARE = 0.9;

    private static final Path MEMORY = Path.of("/proc/meminfo");

    private final Target target;
    private final List<Workload> workloads;
    private final List<Integer> sizes;
    private final int rounds;
    private final TeamBenchmark benchmark;

    Teams(Jvm jvm, Target target, Plan plan) {
        this.target = target;
        workloads = plan.teamWorkloads();
        sizes = plan.quick() ? SIZES_IF_QUICK : SIZES;
        rounds = plan.quick() ? ROUNDS_IF_QUICK : ROUNDS;
        benchmark =
                new TeamBenchmark(
                        Stream.concat(Stream.of(jvm.program().toString()), jvm.options().stream())
                                .toList(),
                        target.name());
    }

    int units() {
        return workloads.size() * sizes.size() * rounds;
    }

    /**
     * Measures all.
     *
     * @throws BenchException if a member fails, or has other parameters than it should
     */
    List<TeamTimes> measure(ProgressDisplay progress, List<String> leftOut) throws IOException {
        var refusal = TeamBenchmark.refusal();
        if (refusal.isPresent()) {
            leftOut.add("team: " + refusal.get());
            return List.of();
        }
        var times = new ArrayList<TeamTimes>();
        for (var workload : workloads) {
            for (int members : sizes) {
                var what = "%s, a team of %d".formatted(workload.name(), members);
                progress.begin(what);
                double free = freeBytes();
                if (own(workload, members) > free) {
                    leftOut.add(what + ": too large for the memory that is free");
                    continue;
                }
                boolean peer = true;
                if (own(workload, members) + torch(workload, members) > free) {
                    leftOut.add(
                            what + " of PyTorch in Python: both are too large for the free memory");
                    peer = false;
                }
                try {
                    times.add(
                            benchmark.measure(workload, members, peer, rounds, progress::advance));
                } catch (IllegalStateException e) {
                    throw new BenchException(what + ": " + e.getMessage(), e);
                }
            }
        }
        benchmark
                .refusalOfPeer()
                .ifPresent(reason -> leftOut.add("team of PyTorch in Python: " + reason));
        return times;
    }

    /** What this machine takes for exchanges. */
    List<TeamSpeed> speed() {
        return benchmark.speed().stream().toList();
    }

    /** Values and gradients on all members, and the states once. */
    private static double own(Workload workload, int members) {
        double size = (double) workload.elements() * Float.BYTES;
        return members * (2 * size + PROCESS_BYTES) + 2 * size;
    }

    /** Values, gradients and all states on all members. */
    private static double torch(Workload workload, int members) {
        double size = (double) workload.elements() * Float.BYTES;
        return members * (4 * size + PROCESS_BYTES);
    }

    /** That programs may take without swapping; infinite where the system does not tell. */
    private static double freeBytes() throws IOException {
        if (!Files.isReadable(MEMORY)) {
            return Double.POSITIVE_INFINITY;
        }
        try (var lines = Files.lines(MEMORY)) {
            return lines.filter(line -> line.startsWith("MemAvailable:"))
                    .mapToDouble(line -> 1024.0 * Long.parseLong(line.replaceAll("[^0-9]", "")))
                    .map(bytes -> MEMORY_SHARE * bytes)
                    .findFirst()
                    .orElse(Double.POSITIVE_INFINITY);
        }
    }
}

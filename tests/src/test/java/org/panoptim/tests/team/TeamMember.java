package org.panoptim.tests.team;

import org.panoptim.Optimizer;
import org.panoptim.UnusableOptimizerException;
import org.panoptim.backend.Backend;
import org.panoptim.distributed.Cluster;
import org.panoptim.distributed.JavaProcess;
import org.panoptim.distributed.Membership;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Rules;
import org.panoptim.shard.TeamException;
import org.panoptim.tensor.Shape;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * A process that joins a team and takes steps, as it is told by lines.
 *
 * <pre>
 * cases PORT RANK SIZE     a line for each {@link TeamCase}: name, what all have, own states
 * missing PORT RANK SIZE   what is said where the last member alone has no gradient, and whether
 *                          parameters changed
 * train PORT RANK SIZE FOLDER FROM TO
 *                          steps from one on to before another, after it loaded a checkpoint if it
 *                          is not the first, and with one saved before step 2: then a line; and one
 *                          with a hash of the parameters
 * steps PORT RANK SIZE     steps until a member fails: a line when it begins, one with how it ended
 * </pre>
 */
final class TeamMember {

    static final Duration TIMEOUT = Duration.ofSeconds(60);

    private TeamMember() {}

    public static void main(String[] arguments) throws IOException {
        try (var in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (var line = in.readLine(); line != null; line = in.readLine()) {
                var words = line.split(" ");
                try (var backend = Backend.named("simd");
                        var team = join(words)) {
                    switch (words[0]) {
                        case "cases" -> takeCases(backend, team);
                        case "missing" -> stepWithout(backend, team);
                        case "train" -> train(backend, team, words);
                        case "steps" -> stepUntilTheEnd(backend, team);
                        default -> throw new IllegalArgumentException(line);
                    }
                } catch (IOException | RuntimeException e) {
                    e.printStackTrace();
                    answer("failed: " + e);
                }
            }
        }
        System.exit(0);
    }

    private static void answer(String text) {
        System.out.println(JavaProcess.ANSWER + text.replace('\n', ' '));
    }

    private static Cluster join(String[] words) {
        var numbers = Arrays.stream(words).skip(1).limit(3).mapToInt(Integer::parseInt).toArray();
        return Cluster.join(
                Membership.of("127.0.0.1", numbers[0], numbers[1], numbers[2])
                        .withTimeout(TIMEOUT));
    }

    private static void takeCases(Backend backend, Cluster team) {
        for (var each : TeamCase.all()) {
            var result = each.run(backend, Optional.of(team));
            answer(
                    String.join(
                            "\t",
                            each.name(),
                            String.join(" ; ", result.common()),
                            result.states().stream()
                                    .map(Digest::toString)
                                    .collect(Collectors.joining(" "))));
        }
    }

    private static void stepWithout(Backend backend, Cluster team) {
        try (var arena = Arena.ofShared()) {
            var net = new TeamNet(arena, Optional.of(team));
            var builder =
                    Optimizer.builder(Rules.adamW(1e-2))
                            .group("all", net.parameters)
                            .shards(team, TeamNet.LEAVES)
                            .backend(backend);
            try (var optimizer = builder.build()) {
                if (team.rank() == team.size() - 1) {
                    net.parameters.get(3).clearGradient();
                }
                net.differentiate(optimizer, TeamNet.usual(0));
                var before = net.digest();
                try {
                    optimizer.step();
                } catch (IllegalStateException e) {
                    answer(e.getMessage());
                }
                answer(net.digest().equals(before) ? "unchanged" : "changed");
            }
        }
    }

    private static void train(Backend backend, Cluster team, String[] words) throws IOException {
        var folder = Path.of(words[4]);
        int from = Integer.parseInt(words[5]);
        try (var arena = Arena.ofShared()) {
            var net = new TeamNet(arena, Optional.of(team));
            var builder =
                    Optimizer.builder(Rules.adamW(1e-2))
                            .group("all", net.parameters)
                            .clipGlobalNorm(1)
                            .shards(team, TeamNet.LEAVES)
                            .backend(backend);
            try (var optimizer = builder.build()) {
                if (from > 0) {
                    optimizer.load(folder.resolve("checkpoint"));
                    net.read(folder);
                }
                for (int step = from; step < Integer.parseInt(words[6]); step++) {
                    if (step == 2 && from == 0) {
                        optimizer.save(folder.resolve("checkpoint"));
                        if (team.rank() == 0) {
                            net.write(folder);
                        }
                        team.barrier();
                        answer("saved");
                    }
                    net.differentiate(optimizer, TeamNet.usual(step));
                    optimizer.step();
                }
                answer(net.digest().toString());
            }
        }
    }

    /** Parameters, and what they were before the step that is under way. */
    private static final class Watched implements AutoCloseable {

        private static final int ELEMENTS = 2_000_000;

        private final Optimizer optimizer;
        private final MemorySegment value;
        private final MemorySegment gradient;
        private final MemorySegment valueBefore;
        private byte[] statesBefore = new byte[0];

        Watched(Arena arena, Backend backend, Cluster team) {
            value = arena.allocate(ELEMENTS * 4L, 64);
            gradient = arena.allocate(ELEMENTS * 4L, 64);
            valueBefore = arena.allocate(ELEMENTS * 4L, 64);
            var parameter =
                    Parameter.of("large", Shape.of(1000, ELEMENTS / 1000), new HostMemory(value));
            parameter.gradient(new HostMemory(gradient));
            // Of two phases, with sums between them.
            optimizer =
                    Optimizer.builder(Rules.lamb(1e-3))
                            .group("all", List.of(parameter))
                            .clipGlobalNorm(1)
                            .shards(team)
                            .backend(backend)
                            .build();
        }

        private byte[] states() {
            var state = optimizer.state("large", "exp_avg");
            var bytes = new byte[Math.toIntExact(state.byteSize())];
            state.read(0, MemorySegment.ofArray(bytes));
            return bytes;
        }

        void step(int number) {
            gradient.fill((byte) (0x30 + number % 8));
            valueBefore.copyFrom(value);
            statesBefore = states();
            optimizer.step();
        }

        boolean isUnchanged() {
            return value.mismatch(valueBefore) == -1 && Arrays.equals(states(), statesBefore);
        }

        boolean isUnusable() {
            return refuses(optimizer::step)
                    && refuses(optimizer::report)
                    && refuses(optimizer::accumulate)
                    && refuses(() -> optimizer.state("large", "exp_avg"));
        }

        @Override
        public void close() {
            optimizer.close();
        }

        private static boolean refuses(Runnable call) {
            try {
                call.run();
                return false;
            } catch (UnusableOptimizerException e) {
                return true;
            }
        }
    }

    private static void stepUntilTheEnd(Backend backend, Cluster team) {
        try (var arena = Arena.ofShared();
                var watched = new Watched(arena, backend, team)) {
            int number = 0;
            try {
                watched.step(number++);
                answer("stepping");
                while (true) {
                    watched.step(number++);
                }
            } catch (TeamException e) {
                answer((watched.isUnchanged() ? "unchanged: " : "CHANGED: ") + e.getMessage());
            } catch (UnusableOptimizerException e) {
                answer((watched.isUnusable() ? "unusable: " : "STILL USABLE: ") + e.getMessage());
            }
        }
    }
}

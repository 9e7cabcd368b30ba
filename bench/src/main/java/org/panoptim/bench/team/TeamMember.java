package org.panoptim.bench.team;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.bench.Workload;
import org.panoptim.distributed.Cluster;
import org.panoptim.distributed.Membership;
import org.panoptim.rule.AdamW;
import org.panoptim.shard.Team;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;

/**
 * A member of a team of processes, which does what it reads, line by line, and answers each line
 * with one that begins with {@link TeamProcesses#REPLY}. The first answer, without a question, says
 * that all have joined.
 *
 * <ul>
 *   <li>{@code refill} sets the gradients again
 *   <li>{@code step} waits for all members and takes a step; the answer is the step's seconds
 *   <li>{@code sent}: how many bytes the last step sent, and in how many calls
 *   <li>{@code states}: how many bytes of states this member has
 *   <li>{@code value TENSOR INDEX}: the element of a tensor
 *   <li>{@code exchange BYTES}: seconds of an exchange of so many bytes with each other member
 *   <li>{@code copy BYTES}: seconds in which all threads together copy so many bytes in memory
 * </ul>
 */
public final class TeamMember {

    /**
     * So that members wait for those that are still starting, and not forever for one that died.
     */
    private static final Duration TIMEOUT = Duration.ofMinutes(2);

    private static final List<String> SLOTS = List.of("exp_avg", "exp_avg_sq");

    private final CountingTeam team;
    private final TeamTensors tensors;
    private final Optimizer optimizer;
    private final RawSpeed speed;

    private TeamMember(
            CountingTeam team, TeamTensors tensors, Optimizer optimizer, RawSpeed speed) {
        this.team = team;
        this.tensors = tensors;
        this.optimizer = optimizer;
        this.speed = speed;
    }

    /**
     * AdamW with an epsilon that is not small beside the gradients: otherwise it takes the same
     * step whatever these are multiplied by, and a sum would pass for a mean.
     */
    static AdamW rule() {
        return AdamW.defaults().withEpsilon(1);
    }

    /**
     * Joins, and answers until nothing more is asked.
     *
     * @param arguments rank, number of members, port of the first one on this machine, the
     *     workload's name and the backend's
     */
    public static void main(String[] arguments) throws IOException {
        int rank = Integer.parseInt(arguments[0]);
        int members = Integer.parseInt(arguments[1]);
        var membership =
                Membership.of("127.0.0.1", Integer.parseInt(arguments[2]), rank, members)
                        .withTimeout(TIMEOUT);
        try (var cluster = Cluster.join(membership);
                var tensors = new TeamTensors(Workload.named(arguments[3]), rank);
                var speed = new RawSpeed(cluster);
                var backend = Backend.named(arguments[4])) {
            var counting = new CountingTeam(cluster);
            try (var optimizer =
                    Optimizer.builder(rule())
                            .group("all", tensors.parameters())
                            .shards((Team) counting)
                            .backend(backend)
                            .build()) {
                new TeamMember(counting, tensors, optimizer, speed).answer();
            }
        }
    }

    private void answer() throws IOException {
        reply("joined");
        var requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (var line = requests.readLine(); line != null; line = requests.readLine()) {
            var words = line.split(" ");
            reply(
                    switch (words[0]) {
                        case "refill" -> {
                            tensors.refill();
                            yield "done";
                        }
                        case "step" -> Double.toString(step());
                        case "sent" -> team.bytes() + " " + team.calls();
                        case "states" -> Long.toString(states());
                        case "value" ->
                                Float.toString(
                                        tensors.value(
                                                Integer.parseInt(words[1]),
                                                Long.parseLong(words[2])));
                        case "exchange" ->
                                Double.toString(speed.exchange(Long.parseLong(words[1])));
                        case "copy" -> Double.toString(speed.copy(Long.parseLong(words[1])));
                        default ->
                                throw new IllegalArgumentException(
                                        "there is no request '%s'".formatted(line));
                    });
        }
    }

    private static void reply(String text) {
        System.out.println(TeamProcesses.REPLY + text);
    }

    private double step() {
        team.barrier();
        team.reset();
        long start = System.nanoTime();
        optimizer.step();
        return (System.nanoTime() - start) / 1e9;
    }

    private long states() {
        long bytes = 0;
        for (var parameter : tensors.parameters()) {
            for (var slot : SLOTS) {
                bytes += optimizer.state(parameter.name(), slot).byteSize();
            }
        }
        return bytes;
    }
}

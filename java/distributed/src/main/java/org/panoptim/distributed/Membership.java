package org.panoptim.distributed;

import java.time.Duration;
import java.util.Map;
import java.util.Objects;

/**
 * A process's place among those that train together, and where they find each other.
 *
 * @param host where the first member is reached by all: a name or an address
 * @param port where it listens there, 1 to 65535
 * @param rank this member's number, from 0 on
 * @param size how many members there are
 * @param localRank this member's number among those of its machine, from 0 on
 * @param timeout how long a call waits for other members, and how long joining may take
 * @param run a name of the run, the same on every member; runs of other names may use the same
 *     store
 * @param stored whether something else keeps a c10d store at that place, as torchrun's agent does;
 *     else the first member does
 */
public record Membership(
        String host,
        int port,
        int rank,
        int size,
        int localRank,
        Duration timeout,
        String run,
        boolean stored) {

    /** PyTorch's default for NCCL. Members that are gone are noticed at once; this is for hangs. */
    public static final Duration USUAL_TIMEOUT = Duration.ofMinutes(10);

    /** Checks the numbers. */
    public Membership {
        Objects.requireNonNull(host, "host");
        Objects.requireNonNull(timeout, "timeout");
        Objects.requireNonNull(run, "run");
        requireBetween("port", port, 1, 65_535);
        requireBetween("size", size, 1, Integer.MAX_VALUE);
        requireBetween("rank", rank, 0, size - 1);
        requireBetween("localRank", localRank, 0, size - 1);
        if (timeout.toMillis() < 1) {
            throw new IllegalArgumentException(
                    "timeout must be a millisecond at least, but is " + timeout);
        }
    }

    private static void requireBetween(String name, int value, int least, int most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(
                    "%s must be from %d to %d, but is %d".formatted(name, least, most, value));
        }
    }

    /**
     * A member whose number on its machine is its number among all.
     *
     * @throws IllegalArgumentException if a number is out of its range
     */
    public static Membership of(String host, int port, int rank, int size) {
        return new Membership(host, port, rank, size, rank, USUAL_TIMEOUT, "panoptim", false);
    }

    /**
     * What the environment says, by the variables that torchrun sets: {@code RANK}, {@code
     * WORLD_SIZE}, {@code MASTER_ADDR}, {@code MASTER_PORT} and, if it is there, {@code
     * LOCAL_RANK}. Slurm, Kubernetes or mpirun can set them as well.
     *
     * @throws IllegalStateException if one is not set or no number; the message says which
     * @throws IllegalArgumentException if a number is out of its range
     */
    public static Membership fromEnvironment() {
        return from(System.getenv());
    }

    static Membership from(Map<String, String> environment) {
        int rank = number(environment, "RANK");
        return new Membership(
                text(environment, "MASTER_ADDR"),
                number(environment, "MASTER_PORT"),
                rank,
                number(environment, "WORLD_SIZE"),
                environment.containsKey("LOCAL_RANK") ? number(environment, "LOCAL_RANK") : rank,
                USUAL_TIMEOUT,
                // torchrun's store outlives members that it starts anew.
                "panoptim/%s/%s"
                        .formatted(
                                environment.getOrDefault("TORCHELASTIC_RUN_ID", ""),
                                environment.getOrDefault("TORCHELASTIC_RESTART_COUNT", "")),
                environment.getOrDefault("TORCHELASTIC_USE_AGENT_STORE", "").equals("True"));
    }

    private static String text(Map<String, String> environment, String variable) {
        var text = environment.get(variable);
        if (text == null || text.isBlank()) {
            throw new IllegalStateException(
                    variable
                            + " is not set: start the members with torchrun or set RANK,"
                            + " WORLD_SIZE, MASTER_ADDR and MASTER_PORT for each");
        }
        return text.strip();
    }

    private static int number(Map<String, String> environment, String variable) {
        var text = text(environment, variable);
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException e) {
            throw new IllegalStateException(
                    "%s must be a number, but is '%s'".formatted(variable, text), e);
        }
    }

    /** The same member with another timeout. */
    public Membership withTimeout(Duration value) {
        return new Membership(host, port, rank, size, localRank, value, run, stored);
    }

    @Override
    public String toString() {
        return "member %d of %d at %s:%d".formatted(rank, size, host, port);
    }
}

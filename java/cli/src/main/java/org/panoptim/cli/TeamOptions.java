package org.panoptim.cli;

import org.panoptim.distributed.Membership;

import picocli.CommandLine.Option;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The options by which several processes train together. */
final class TeamOptions {

    private static final String PROCESSES = "--processes";
    private static final String DISTRIBUTED = "--distributed";
    private static final String LEAVES = "--leaves";

    /** Tells a process that the one which started it holds its standard input. */
    private static final String HELD = "--held";

    /** Of the command, whose value the members are given. */
    private static final String OUT = "--out";

    private static final int USUAL_LEAVES = 8;

    @Option(
            names = PROCESSES,
            paramLabel = "COUNT",
            description =
                    "Train with so many processes on this machine, which take every"
                            + " step together; see below.")
    private Optional<Integer> processes = Optional.empty();

    @Option(
            names = DISTRIBUTED,
            description =
                    "Be one of several processes that train together, the one that"
                            + " RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT tell of, as torchrun"
                            + " sets them.")
    private boolean distributed;

    @Option(
            names = LEAVES,
            paramLabel = "COUNT",
            description =
                    "Into how many parts processes cut a batch together: a power of two, which"
                            + " their number divides (8).")
    private Optional<Integer> leaves = Optional.empty();

    @Option(names = HELD, hidden = true)
    private boolean held;

    /**
     * Checks what goes with what.
     *
     * @throws InputException if an option does not
     */
    void check() {
        if (processes.isPresent() && distributed) {
            throw new InputException(
                    "%s: starts the processes itself, and %s is for one that something else starts: give one of the two"
                            .formatted(PROCESSES, DISTRIBUTED));
        }
        if (leaves.isPresent() && processes.isEmpty() && !distributed) {
            throw new InputException(
                    "%s: belongs to %s and %s".formatted(LEAVES, PROCESSES, DISTRIBUTED));
        }
    }

    /** Whether a team is to train. */
    boolean isGiven() {
        return distributed || processes.isPresent();
    }

    /** Whether this process is a member of it. */
    boolean isMember() {
        return distributed;
    }

    /** Whether another process started this one, and is gone when standard input ends. */
    boolean isHeld() {
        return held;
    }

    /**
     * The team whose processes this one is to start.
     *
     * @throws InputException if there cannot be such a team
     */
    TeamChoice ofProcesses() {
        int count = processes.orElseThrow();
        if (count < 1) {
            throw new InputException(PROCESSES + ": must be at least 1, but is " + count);
        }
        return new TeamChoice(count, leaves.orElse(USUAL_LEAVES), PROCESSES);
    }

    /**
     * The team that this process is a member of.
     *
     * @throws InputException if there cannot be such a team
     */
    TeamChoice of(Membership membership) {
        return new TeamChoice(membership.size(), leaves.orElse(USUAL_LEAVES), DISTRIBUTED);
    }

    /**
     * This process's place in a team.
     *
     * @throws InputException if the environment names none
     */
    static Membership membership() {
        try {
            return Membership.fromEnvironment();
        } catch (IllegalStateException | IllegalArgumentException e) {
            throw new InputException(DISTRIBUTED + ": " + e.getMessage(), e);
        }
    }

    /**
     * The arguments of a process that this one starts, with the same options but for those of the
     * start.
     *
     * @param own this process's
     * @param command the word after which the command's options come
     * @param out where the run is kept
     */
    static List<String> ofMember(List<String> own, String command, Path out) {
        int begin = own.indexOf(command) + 1;
        var arguments = new ArrayList<>(own.subList(0, begin));
        arguments.addAll(List.of(DISTRIBUTED, HELD, OUT + "=" + out));
        for (int i = begin; i < own.size(); i++) {
            var argument = own.get(i);
            if (argument.equals(PROCESSES) || argument.equals(OUT)) {
                i++; // its value
            } else if (!argument.startsWith(PROCESSES + "=") && !argument.startsWith(OUT + "=")) {
                arguments.add(argument);
            }
        }
        return arguments;
    }
}

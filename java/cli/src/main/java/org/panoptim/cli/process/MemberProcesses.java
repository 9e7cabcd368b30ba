package org.panoptim.cli.process;

import org.panoptim.shard.TeamException;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * The processes of a team on this machine, as torchrun would start them. The first one has this
 * process's standard error, so that it can draw there. Standard input tells all of them of the end
 * of this process ({@link ParentWatch}).
 */
public final class MemberProcesses implements AutoCloseable {

    /** Options of the JVM: what is read here is in this encoding. */
    private static final List<String> OF_FIRST = List.of("-Dstdout.encoding=UTF-8");

    private static final List<String> OF_OTHERS =
            List.of("-Dstdout.encoding=UTF-8", "-Dstderr.encoding=UTF-8");

    private static final Duration GLANCE = Duration.ofMillis(50);

    /** How long the others have to say what they know of a member that failed. */
    private static final Duration LAST_WORDS = Duration.ofSeconds(5);

    /** Statuses of a program that has said itself why it failed. */
    private static final int LARGEST_EXPLAINED = 2;

    /** A process that a signal ended has this and the signal's number as its status, in Java. */
    private static final int SIGNALLED = 128;

    private final List<Process> processes = new ArrayList<>();
    private final List<MemberOutput> outputs = new ArrayList<>();

    /** Who said a line on standard error first. */
    private final Map<String, Integer> said = new HashMap<>();

    /** How members ended by themselves, in the order in which that was seen. */
    private final Map<Integer, Integer> statuses = new HashMap<>();

    private MemberProcesses() {}

    /**
     * Starts a team.
     *
     * @param main their program
     * @param arguments its arguments, the same for all
     * @param count how many members
     * @param out takes the lines that the first member prints
     * @param err takes what the others say, with their numbers; of a line that several say the
     *     first one's
     */
    public static MemberProcesses start(
            Class<?> main,
            List<String> arguments,
            int count,
            Consumer<String> out,
            Consumer<String> err)
            throws IOException {
        var members = new MemberProcesses();
        try {
            int port = freePort();
            for (int rank = 0; rank < count; rank++) {
                var command = JavaCommand.of(main, rank == 0 ? OF_FIRST : OF_OTHERS, arguments);
                members.start(command, rank, count, port, out, err);
            }
            return members;
        } catch (IOException | RuntimeException e) {
            members.close();
            throw e;
        }
    }

    /** Another process may take it before the first member does, which then says so. */
    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private void start(
            List<String> command,
            int rank,
            int count,
            int port,
            Consumer<String> out,
            Consumer<String> err)
            throws IOException {
        var builder = new ProcessBuilder(command);
        var environment = builder.environment();
        environment.keySet().removeIf(name -> name.startsWith("TORCHELASTIC_"));
        environment.put("RANK", String.valueOf(rank));
        environment.put("LOCAL_RANK", String.valueOf(rank));
        environment.put("WORLD_SIZE", String.valueOf(count));
        environment.put("MASTER_ADDR", InetAddress.getLoopbackAddress().getHostAddress());
        environment.put("MASTER_PORT", String.valueOf(port));
        if (rank == 0) {
            builder.redirectError(Redirect.INHERIT);
        } else {
            builder.redirectErrorStream(true);
        }
        var process = builder.start();
        processes.add(process);
        outputs.add(
                new MemberOutput(
                        process.getInputStream(),
                        "panoptim-member-" + rank,
                        rank == 0 ? out : line -> passOn(rank, line, err)));
    }

    private void passOn(int rank, String line, Consumer<String> err) {
        synchronized (said) {
            if (said.merge(line, rank, (first, _) -> first) == rank) {
                err.accept("[%d] %s".formatted(rank, line));
            }
        }
    }

    /**
     * Waits until all have ended. Once one has failed, the others are ended too, if they do not
     * themselves soon.
     *
     * @param stop whether all should stop; they are told once
     * @return the exit status: 0 if all succeeded, else that of those that failed, the larger of
     *     several
     * @throws TeamException if members ended without having said why, or all because their team did
     *     ({@link TeamEnd}); the message says who or why
     * @throws RuntimeException what taking a line threw
     */
    public int await(BooleanSupplier stop) throws InterruptedException {
        boolean told = false;
        long deadline = Long.MAX_VALUE;
        while (processes.stream().anyMatch(Process::isAlive)) {
            if (stop.getAsBoolean() && !told) {
                told = true;
                // Process.destroy would close the streams, and results are to come.
                processes.forEach(process -> process.toHandle().destroy());
            }
            takeDown();
            long now = System.nanoTime();
            if (statuses.values().stream().anyMatch(status -> status != 0)
                    && deadline == Long.MAX_VALUE) {
                deadline = now + LAST_WORDS.toNanos();
            }
            if (!told && now > deadline
                    || outputs.stream().anyMatch(output -> output.failure().isPresent())) {
                break;
            }
            TimeUnit.NANOSECONDS.sleep(GLANCE.toNanos());
        }
        takeDown();
        close();
        for (var output : outputs) {
            output.join();
            if (output.failure().isPresent()) {
                throw output.failure().get();
            }
        }
        return told ? 0 : status();
    }

    private void takeDown() {
        for (int rank = 0; rank < processes.size(); rank++) {
            var process = processes.get(rank);
            if (!process.isAlive()) {
                statuses.putIfAbsent(rank, process.exitValue());
            }
        }
    }

    private int status() {
        var silent = new ArrayList<String>();
        int explained = 0;
        for (int rank = 0; rank < processes.size(); rank++) {
            int status = Objects.requireNonNullElse(statuses.get(rank), 0);
            if (status <= LARGEST_EXPLAINED) {
                explained = Math.max(explained, status);
            } else if (status != TeamEnd.STATUS) {
                silent.add("member %d %s".formatted(rank, ended(status)));
            }
        }
        if (!silent.isEmpty()) {
            throw new TeamException(
                    String.join(", ", silent)
                            + (silent.size() < processes.size()
                                    ? "; the others ended because of it"
                                    : ""));
        }
        if (explained == 0 && statuses.containsValue(TeamEnd.STATUS)) {
            throw new TeamException(
                    outputs.stream()
                            .flatMap(output -> output.teamEnd().stream())
                            .findFirst()
                            .orElse("the team has ended, and no member said why"));
        }
        return explained;
    }

    private static String ended(int status) {
        int signal = status - SIGNALLED;
        return switch (signal) {
            case 6 -> "was ended by signal 6 (ABRT)";
            case 9 -> "was ended by signal 9 (KILL)";
            case 11 -> "was ended by signal 11 (SEGV)";
            case 15 -> "was ended by signal 15 (TERM)";
            default -> signal > 0 ? "was ended by signal " + signal : "ended with status " + status;
        };
    }

    /** Ends all that still run, at once. */
    @Override
    public void close() {
        processes.forEach(Process::destroyForcibly);
    }
}

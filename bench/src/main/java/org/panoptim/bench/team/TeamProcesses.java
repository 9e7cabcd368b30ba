package org.panoptim.bench.team;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The processes of a team, all of which are asked the same: a line to each, and a line back from
 * each. Meanwhile they wait in a read.
 */
final class TeamProcesses implements AutoCloseable {

    /** What an answer begins with; other output of libraries is passed over. */
    static final String REPLY = "= ";

    private static final long PATIENCE_SECONDS = 10;

    private final String name;
    private final List<Member> members = new ArrayList<>();
    private String greeting = "";

    private record Member(Process process, PrintWriter requests, BufferedReader replies) {}

    /**
     * Starts them.
     *
     * @param name for messages
     * @param commands of all members, by rank
     * @throws IllegalStateException if one cannot be started
     */
    TeamProcesses(String name, List<ProcessBuilder> commands) {
        this.name = name;
        try {
            for (var command : commands) {
                var process = command.redirectErrorStream(true).start();
                members.add(
                        new Member(
                                process,
                                new PrintWriter(process.outputWriter(StandardCharsets.UTF_8), true),
                                process.inputReader(StandardCharsets.UTF_8)));
            }
        } catch (IOException e) {
            kill();
            throw new IllegalStateException(
                    "there is no %s to start".formatted(commands.getFirst().command().getFirst()),
                    e);
        }
    }

    /** Waits until all have joined, which each says unasked. */
    void awaitAll() {
        greeting = hear().getFirst();
    }

    /** What the first member said when it had joined. */
    String greeting() {
        return greeting;
    }

    /** Sends all members a line that they do not answer. */
    void tell(String line) {
        members.forEach(member -> member.requests.println(line));
    }

    /** The answers of all members, by rank. */
    List<String> ask(String request) {
        tell(request);
        return hear();
    }

    private List<String> hear() {
        var answers = new ArrayList<String>();
        for (int rank = 0; rank < members.size(); rank++) {
            answers.add(hear(rank));
        }
        return answers;
    }

    private String hear(int rank) {
        var member = members.get(rank);
        var last = "no output";
        try {
            for (var line = member.replies.readLine();
                    line != null;
                    line = member.replies.readLine()) {
                if (line.startsWith(REPLY)) {
                    return line.substring(REPLY.length());
                }
                last = line;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        kill();
        throw new IllegalStateException("%s, member %d ended with: %s".formatted(name, rank, last));
    }

    /** The largest of all members' numbers: a team is as fast as its last member. */
    double largest(String request) {
        return ask(request).stream().mapToDouble(Double::parseDouble).max().orElseThrow();
    }

    private void kill() {
        members.forEach(member -> member.process.destroyForcibly());
    }

    @Override
    public void close() {
        members.forEach(member -> member.requests.close());
        try {
            for (var member : members) {
                if (!member.process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                    member.process.destroyForcibly();
                }
            }
        } catch (InterruptedException e) {
            kill();
            Thread.currentThread().interrupt();
        }
    }
}

package org.panoptim.cli.process;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.function.Consumer;

/** Passes on what a member prints, line by line, until it closes its output. */
final class MemberOutput {

    private final Thread thread;
    private volatile Optional<RuntimeException> failure = Optional.empty();
    private volatile Optional<String> teamEnd = Optional.empty();

    /**
     * Begins to read.
     *
     * @param lines takes them, in a thread of its own; what it throws ends the reading
     */
    MemberOutput(InputStream output, String name, Consumer<String> lines) {
        thread = Thread.ofPlatform().daemon().name(name).start(() -> passOn(output, lines));
    }

    private void passOn(InputStream output, Consumer<String> lines) {
        try (var reader =
                new BufferedReader(new InputStreamReader(output, StandardCharsets.UTF_8))) {
            for (var line = reader.readLine(); line != null; line = reader.readLine()) {
                var reason = TeamEnd.reason(line);
                if (reason.isPresent()) {
                    teamEnd = reason;
                } else {
                    lines.accept(line);
                }
            }
        } catch (IOException _) {
            // The process is gone, and with it what it would have said.
        } catch (RuntimeException e) {
            failure = Optional.of(e);
        }
    }

    /** What went wrong with a line. */
    Optional<RuntimeException> failure() {
        return failure;
    }

    /** Why the team has ended, if the member said that. */
    Optional<String> teamEnd() {
        return teamEnd;
    }

    /** Waits for the last line. */
    void join() throws InterruptedException {
        thread.join();
    }
}

package org.panoptim.cli;

import org.panoptim.cli.run.RunFolder;
import org.panoptim.cli.run.RunRecord;
import org.panoptim.cli.terminal.Terminal;
import org.panoptim.cli.terminal.TerminalBar;
import org.panoptim.cli.train.Interruption;
import org.panoptim.cli.train.TeamMember;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;

/**
 * Trains as a member of a team. The first member says what comes out and keeps it; the others say
 * nothing.
 *
 * @param task with the settings
 * @param member this process
 * @param backend where each computes
 */
record MemberTraining(TrainTask task, TeamMember member, BackendOption backend) {

    /**
     * Trains as the first member; at last prints the digests of the final parameters.
     *
     * @return whether every optimizer learned
     * @throws IOException if the run cannot be kept
     */
    boolean lead(PrintWriter out, RunFolder folder, List<RunRecord> earlier) throws IOException {
        try (var interruption = Interruption.watch();
                var chosen = backend.openForHostMemory()) {
            var training =
                    task.training(
                            chosen,
                            new TerminalBar(Terminal.find()),
                            interruption::isRequested,
                            Optional.of(member));
            run(training);
            var digests = compared(training);
            boolean good = training.keep(out::println, folder, earlier);
            TrainCommand.tellOf(chosen, folder, out);
            digests.forEach((name, digest) -> out.println("parameters " + name + " " + digest));
            out.flush();
            return good;
        }
    }

    /** Trains as one of the others. */
    void follow() {
        try (var interruption = Interruption.watch();
                var chosen = backend.openForHostMemory()) {
            var training =
                    task.training(
                            chosen,
                            TerminalBar.silent(),
                            interruption::isRequested,
                            Optional.of(member));
            run(training);
            compared(training);
        }
    }

    private void run(TaskTraining training) {
        member.requireAlike("settings", task.settings().getBytes(StandardCharsets.UTF_8));
        training.run();
    }

    /** The digests of all optimizers, which all members have. */
    private SequencedMap<String, String> compared(TaskTraining training) {
        var digests = training.digests();
        member.requireAlike(
                "final parameters",
                String.join("", digests.values()).getBytes(StandardCharsets.US_ASCII));
        return digests;
    }
}

package org.panoptim.cli.train;

import org.panoptim.cli.run.Contender;
import org.panoptim.cli.run.RunPage;
import org.panoptim.cli.run.RunRecord;
import org.panoptim.cli.train.Training.Settings;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The classifier's page.
 *
 * @param settings of the training
 * @param team what is to be said of the team that trained, if one did
 * @param run what came of it
 * @param earlier runs to compare it with, labelled
 */
public record Report(
        Settings settings, Optional<String> team, RunRecord run, List<RunRecord> earlier) {

    private static final String RESULTS =
            "Time in steps is the optimizer's own, with the zeroing of gradients, and so is the"
                + " median step; the extra backward passes of Sophia and SAM count only in the"
                + " total. Schedule-free rules are evaluated at their average. PyTorch runs on one"
                + " thread, since the net is small. The best accuracy is bold.";

    private static final String CURVES =
            "Seconds are those of training, without the evaluations. PyTorch's own optimizers"
                    + " report nothing of their steps.";

    /** Copies the list. */
    public Report {
        earlier = List.copyOf(earlier);
    }

    /** The contenders of this run and of those that it is compared with. */
    public List<Contender> contenders() {
        return run.contendersWith(earlier);
    }

    /** Writes the page. */
    public void write(Path file) throws IOException {
        new RunPage(
                        run,
                        earlier,
                        ClassifierRuns.results(contenders()),
                        Charts.of(contenders().stream().map(Contender::curve).toList()),
                        new RunPage.Words(
                                "handwritten digits",
                                "Optimizers compared on handwritten digits",
                                lead(),
                                stopped(),
                                List.of(),
                                RESULTS,
                                CURVES,
                                Digits.CREDIT))
                .write(file);
    }

    private String lead() {
        return "A classifier of handwritten digits (64-128-64-10, rectified linear units,"
                + " cross-entropy), "
                + (stopped().isEmpty() ? "" : "to be ")
                + "trained for "
                + count(settings.epochs(), "epoch")
                + " in batches of "
                + settings.batch()
                + " on four fifths of 1797 images and tested on the fifth that was held out. Every"
                + " optimizer of this run begins at the same weights and sees the same batches in"
                + " the same order ("
                + seeds()
                + ")."
                + team.map(words -> " " + words).orElse("");
    }

    private String seeds() {
        var numbers = settings.seeds().stream().map(String::valueOf);
        return (settings.seeds().size() == 1 ? "seed " : "seeds ")
                + numbers.collect(Collectors.joining(", "));
    }

    private static String count(long number, String unit) {
        return number + " " + unit + (number == 1 ? "" : "s");
    }

    private String stopped() {
        long all = (long) settings.choices().size() * settings.seeds().size();
        long ended = run.ended();
        return ended == all
                ? ""
                : "The training was stopped before its end: %d of %s finished."
                        .formatted(ended, count(all, "run"));
    }
}

package org.panoptim.cli.train;

import org.panoptim.cli.page.Samples;
import org.panoptim.cli.page.Samples.Column;
import org.panoptim.cli.run.Contender;
import org.panoptim.cli.run.Measure;
import org.panoptim.cli.run.Results;
import org.panoptim.cli.run.Run;
import org.panoptim.cli.run.Verdict;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;

/** The classifier's outcomes as runs that are kept and compared. */
public final class ClassifierRuns {

    private static final String LOSS = "final_loss";
    private static final String ACCURACY = "test_accuracy";
    private static final String TOTAL = "total_seconds";
    private static final String STEPS = "steps";
    private static final String IN_STEPS = "optimizer_seconds";

    private static final List<Column<Outcome.Point>> POINTS =
            List.of(
                    new Column<>("step", point -> point.at().step()),
                    new Column<>("epoch", point -> point.at().epoch()),
                    new Column<>("seconds", point -> point.at().seconds()),
                    new Column<>("loss", Outcome.Point::loss),
                    new Column<>("accuracy_percent", point -> point.accuracy() * 100));

    private static final List<Column<Outcome.Movement>> MOVEMENTS =
            List.of(
                    new Column<>("step", movement -> movement.at().step()),
                    new Column<>("epoch", movement -> movement.at().epoch()),
                    new Column<>("seconds", movement -> movement.at().seconds()),
                    new Column<>("learning_rate", Outcome.Movement::learningRate),
                    new Column<>("gradient_norm", Outcome.Movement::gradientNorm),
                    new Column<>("update_ratio", Outcome.Movement::updateRatio));

    private ClassifierRuns() {}

    /** The contenders of some outcomes, in their order. */
    public static List<Contender> contenders(List<Outcome> outcomes) {
        return Contenders.of(outcomes, Outcome::choice, ClassifierRuns::run);
    }

    private static Run run(Outcome outcome) {
        var figures = new LinkedHashMap<String, Double>();
        figures.put(STEPS, (double) outcome.steps());
        figures.put(LOSS, outcome.last().loss());
        figures.put(ACCURACY, outcome.last().accuracy());
        figures.put(IN_STEPS, outcome.inOptimizer().toNanos() / 1e9);
        figures.put(Verdict.STEP_SECONDS, outcome.medianStep().toNanos() / 1e9);
        figures.put(TOTAL, outcome.total().toNanos() / 1e9);
        return new Run(
                outcome.seed(),
                outcome.end(),
                note(outcome),
                figures,
                List.of(
                        Samples.of(outcome.curve(), POINTS),
                        Samples.of(outcome.movements(), MOVEMENTS)));
    }

    private static String note(Outcome outcome) {
        double epoch = outcome.last().at().epoch();
        return switch (outcome.end()) {
            case COMPLETE -> "";
            case STOPPED -> String.format(Locale.ROOT, "stopped at epoch %.1f", epoch);
            case DIVERGED -> String.format(Locale.ROOT, "diverged at epoch %.1f", epoch);
            case WORSENED -> "worse than untrained";
        };
    }

    /** Tables of contenders, those of earlier runs included. */
    public static Results results(List<Contender> contenders) {
        return new Results(
                List.of(
                        Results.Column.of("Final loss", LOSS, Format::loss),
                        Results.Column.of("Test accuracy", ACCURACY, Format::percent),
                        Results.Column.of("In steps", IN_STEPS, Format::time),
                        Results.Column.ofPage("Median step", ClassifierRuns::perStep),
                        Results.Column.of("Total", TOTAL, Format::time)),
                new Measure(ACCURACY, "highest test accuracy", true, Format::percent),
                contenders);
    }

    private static String perStep(Contender contender) {
        return Format.perStep(contender.spread(Verdict.STEP_SECONDS));
    }
}

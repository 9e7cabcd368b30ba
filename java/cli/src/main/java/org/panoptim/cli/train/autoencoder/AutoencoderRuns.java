package org.panoptim.cli.train.autoencoder;

import org.panoptim.cli.page.Samples;
import org.panoptim.cli.page.Samples.Column;
import org.panoptim.cli.run.Contender;
import org.panoptim.cli.run.Measure;
import org.panoptim.cli.run.Results;
import org.panoptim.cli.run.Run;
import org.panoptim.cli.train.Contenders;
import org.panoptim.cli.train.Format;

import java.util.LinkedHashMap;
import java.util.List;

/** The autoencoder's loss curves as runs that are kept and compared. */
public final class AutoencoderRuns {

    private static final String ITERATIONS = "iterations";
    private static final String LOSS = "final_loss";
    private static final String ERROR = "squared_error";
    private static final String SECONDS = "seconds";

    private static final List<Column<LossCurve.Point>> COLUMNS =
            List.of(
                    new Column<>("iteration", LossCurve.Point::iteration),
                    new Column<>("seconds", LossCurve.Point::seconds),
                    new Column<>("squared_error", LossCurve.Point::squaredError),
                    new Column<>("loss", LossCurve.Point::loss));

    private AutoencoderRuns() {}

    /** The contenders of some curves, in their order. */
    public static List<Contender> contenders(List<LossCurve> curves) {
        return Contenders.of(curves, LossCurve::choice, AutoencoderRuns::run);
    }

    private static Run run(LossCurve curve) {
        var last = curve.last();
        var figures = new LinkedHashMap<String, Double>();
        figures.put(ITERATIONS, (double) last.iteration());
        figures.put(LOSS, last.loss());
        figures.put(ERROR, last.squaredError());
        figures.put(SECONDS, last.seconds());
        var note =
                switch (curve.end()) {
                    case COMPLETE -> "";
                    case STOPPED -> "stopped";
                    case DIVERGED -> "diverged";
                    case WORSENED -> "worse than untrained";
                };
        return new Run(
                curve.seed(),
                curve.end(),
                note,
                figures,
                List.of(Samples.of(curve.points(), COLUMNS)));
    }

    /** Tables of contenders, those of earlier runs included. */
    public static Results results(List<Contender> contenders) {
        return new Results(
                List.of(
                        Results.Column.of("Iterations", ITERATIONS, Format::count),
                        Results.Column.of("Loss", LOSS, Format::loss),
                        Results.Column.of("Squared error", ERROR, Format::loss),
                        Results.Column.of("Seconds", SECONDS, Format::seconds)),
                new Measure(ERROR, "smallest squared error", false, Format::loss),
                contenders);
    }
}

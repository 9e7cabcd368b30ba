package org.panoptim.cli.train.autoencoder;

import org.panoptim.cli.page.Axis;
import org.panoptim.cli.page.Axis.Scale;
import org.panoptim.cli.page.Chart;
import org.panoptim.cli.page.Curve;
import org.panoptim.cli.page.Curves;

import java.util.List;

/** Loss and squared error against iterations or seconds. */
final class AutoencoderCharts {

    private static final int HIGHEST_LOSS = 30;

    private static final List<Axis> ACROSS =
            List.of(
                    Axis.of("iteration", "Iterations", Scale.COUNT),
                    Axis.of("seconds", "Seconds", Scale.LINEAR));

    private AutoencoderCharts() {}

    /** All charts, in the order of the page. */
    static Curves of(List<Curve> curves) {
        return new Curves("panoptim-autoencoder", List.of(squaredError(), loss()), curves);
    }

    private static Chart squaredError() {
        return new Chart(
                "error",
                "Squared error per image, on a logarithmic scale.",
                ACROSS,
                Axis.of("squared_error", "Squared error per image", Scale.LOGARITHMIC));
    }

    /** The final losses are far above zero and close together. */
    private static Chart loss() {
        return new Chart(
                "loss",
                "Loss; what is above " + HIGHEST_LOSS + " is left out.",
                ACROSS,
                Axis.of("loss", "Loss", Scale.LINEAR).endingAt(HIGHEST_LOSS));
    }
}

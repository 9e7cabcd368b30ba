package org.panoptim.cli.train.autoencoder;

import org.panoptim.cli.run.Contender;
import org.panoptim.cli.run.RunPage;
import org.panoptim.cli.run.RunRecord;
import org.panoptim.cli.train.Digits;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The autoencoder's page.
 *
 * @param seeds of the training
 * @param planned how many runs there were to be
 * @param team what is to be said of the team that trained, if one did
 * @param run what came of it
 * @param earlier runs to compare it with, labelled
 * @param remarks further sentences for the reader
 */
public record AutoencoderReport(
        List<Long> seeds,
        long planned,
        Optional<String> team,
        RunRecord run,
        List<RunRecord> earlier,
        List<String> remarks) {

    private static final String RESULTS =
            "The squared error is the mean over images of the sum over pixels of (sigmoid(z) − x)²."
                + " Seconds are those of all passes through the net and of the optimizer, K-FAC's"
                + " factors and inverses included; measuring loss and squared error is left out."
                + " Schedule-free rules are measured at their average. PyTorch runs on one thread,"
                + " so that runs repeat bit for bit. The smallest squared error is bold.";

    /** Copies the lists. */
    public AutoencoderReport {
        seeds = List.copyOf(seeds);
        earlier = List.copyOf(earlier);
        remarks = List.copyOf(remarks);
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
                        AutoencoderRuns.results(contenders()),
                        AutoencoderCharts.of(contenders().stream().map(Contender::curve).toList()),
                        new RunPage.Words(
                                "an autoencoder of handwritten digits",
                                "Optimizers compared on an autoencoder",
                                lead(),
                                stopped(),
                                remarks,
                                RESULTS,
                                "",
                                Digits.CREDIT))
                .write(file);
    }

    private String lead() {
        return "An autoencoder of 1797 handwritten digits (64-128-64-32-8-32-64-128-64, hyperbolic"
                + " tangents, a linear code; sigmoid cross-entropy, summed over pixels and averaged"
                + " over images), trained on all images in every iteration. Every optimizer begins"
                + " at the same weights ("
                + (seeds.size() == 1 ? "seed " : "seeds ")
                + seeds.stream().map(String::valueOf).collect(Collectors.joining(", "))
                + ")."
                + team.map(words -> " " + words).orElse("");
    }

    private String stopped() {
        long ended = run.ended();
        return ended == planned
                ? ""
                : "The training was stopped before its end: %d of %d runs finished."
                        .formatted(ended, planned);
    }
}

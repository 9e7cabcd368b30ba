package org.panoptim.cli.train.autoencoder;

import org.panoptim.cli.page.Html;
import org.panoptim.cli.train.Wording;
import org.panoptim.io.OutputFile;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The results as a web page in one file, which needs no network.
 *
 * @param methods what was asked for
 * @param seed likewise
 * @param trajectories what came of it
 * @param notes what the reader should know besides
 * @param backend the backend in words
 * @param version Panoptim's version
 * @param command the command line that leads here
 */
public record AutoencoderReport(
        List<Method> methods,
        long seed,
        List<Trajectory> trajectories,
        List<String> notes,
        String backend,
        String version,
        String command) {

    private static final String TEMPLATE = "autoencoder.html";

    /** Copies the lists. */
    public AutoencoderReport {
        methods = List.copyOf(methods);
        trajectories = List.copyOf(trajectories);
        notes = List.copyOf(notes);
    }

    /** Writes the page, as {@link OutputFile} does. */
    public void write(Path file) throws IOException {
        OutputFile.writeString(file, page());
    }

    private String page() throws IOException {
        return template()
                .replace("{{names}}", Html.escape(names()))
                .replace("{{seed}}", String.valueOf(seed))
                .replace("{{stopped}}", stopped())
                .replace("{{results}}", results())
                .replace("{{passing}}", passing())
                .replace("{{charts}}", charts())
                .replace("{{hyperparameters}}", hyperParameters())
                .replace("{{machine}}", Html.machine(backend))
                .replace("{{command}}", Html.escape(command))
                .replace("{{version}}", Html.escape(version))
                .replace("{{date}}", Html.date());
    }

    private static String template() throws IOException {
        try (var file =
                Objects.requireNonNull(
                        AutoencoderReport.class.getResourceAsStream(TEMPLATE), TEMPLATE)) {
            return new String(file.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private String names() {
        return methods.stream().map(Method::name).collect(Collectors.joining(", "));
    }

    private String stopped() {
        long complete = trajectories.stream().filter(Trajectory::complete).count();
        return complete == methods.size()
                ? ""
                : Html.note(
                        "The training was stopped before its end: %d of %d optimizers finished."
                                .formatted(complete, methods.size()));
    }

    private String results() {
        double best =
                trajectories.stream()
                        .mapToDouble(trajectory -> trajectory.last().squaredError())
                        .min()
                        .orElse(0);
        return trajectories.stream().map(each -> row(each, best)).collect(Collectors.joining("\n"));
    }

    private static String row(Trajectory trajectory, double best) {
        var last = trajectory.last();
        return Html.row(
                last.squaredError() == best ? "best" : "",
                trajectory.title(),
                String.valueOf(last.iteration()),
                Wording.loss(last.squaredError()),
                Wording.loss(last.loss()),
                Trajectory.seconds(last.seconds()));
    }

    private String passing() {
        return Stream.of(
                        Passing.all(trajectories).stream().map(Passing::sentence),
                        trajectories.stream()
                                .map(Trajectory::remark)
                                .filter(remark -> !remark.isEmpty())
                                .map(remark -> remark + "."),
                        notes.stream().map(note -> note + "."))
                .flatMap(lines -> lines)
                .map(line -> "<p>" + Html.escape(line) + "</p>")
                .collect(Collectors.joining("\n"));
    }

    private String charts() {
        if (trajectories.isEmpty()) {
            return "";
        }
        try {
            return new AutoencoderCharts(trajectories).figures();
        } catch (RuntimeException | LinkageError | InternalError e) {
            // Java's fonts need libraries that a small system may lack; the numbers are worth a
            // page without curves.
            return Html.note("The curves could not be drawn: " + e);
        }
    }

    private String hyperParameters() {
        return methods.stream()
                .map(method -> Html.settings(method.name(), method.settings()))
                .collect(Collectors.joining("\n"));
    }
}

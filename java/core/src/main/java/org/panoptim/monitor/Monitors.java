package org.panoptim.monitor;

import org.panoptim.internal.Arguments;

import java.io.IOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;

/** The monitors of the library. */
public final class Monitors {

    private Monitors() {}

    /**
     * Writes one JSON object a line: {@code {"step":1,"learning_rate/all":0.001,"loss":2.5}}. JSON
     * has no numbers that are infinite or NaN, so these are the strings {@code "Infinity"}, {@code
     * "-Infinity"} and {@code "NaN"}, which Python's {@code float} and Java's {@code parseDouble}
     * read. Other values have all digits that it takes to get them back. A value that is empty is
     * no member of its object.
     *
     * <p>A file that exists is added to; an incomplete last line, of a process that was killed, is
     * cut off first, be it the only one. A process that ends in the middle loses at most the line
     * that it was writing.
     *
     * @param file where to; or a pipe or device, {@code /dev/stdout} for example
     * @throws IOException if it cannot be written, another monitor writes to it, or it is something
     *     else than observations; nothing is changed
     */
    public static Monitor jsonLines(Path file) throws IOException {
        return JsonLines.open(Objects.requireNonNull(file, "file"));
    }

    /**
     * Writes comma-separated values (RFC 4180, in UTF-8, with line feeds): a line of names, of
     * which the first is {@code step}, and a line for each observation. Values have all digits that
     * it takes to get them back, and may be {@code NaN}, {@code Infinity} and {@code -Infinity}.
     *
     * <p>The names of the first observation are the file's columns. A value that is empty, or that
     * a later observation lacks, leaves its cell empty. A later observation may have names that are
     * no columns: of a group that was added, for example. They stay out of the file, the run goes
     * on, and one warning for each goes to {@link System.Logger} {@code org.panoptim}; {@link
     * Observation#with(String, OptionalDouble)} names from the beginning what comes later.
     *
     * <p>A file that exists is added to, and has its columns already; an incomplete last line, of a
     * process that was killed, is cut off first. A process that ends in the middle loses at most
     * the line that it was writing. A file that consists of an incomplete first line is taken for
     * ours if the first observation has just these columns; otherwise that is refused.
     *
     * @param file where to; or a pipe or device
     * @throws IOException if it cannot be written, another monitor writes to it, or it is something
     *     else than observations; nothing is changed
     */
    public static Monitor csv(Path file) throws IOException {
        return Csv.open(Objects.requireNonNull(file, "file"));
    }

    /**
     * Writes a file of scalars for TensorBoard, {@code events.out.tfevents.SECONDS.HOST}. Each
     * monitor makes one of its own, with {@code .1}, {@code .2} and so on behind the name where it
     * is taken; TensorBoard reads all of a folder, which is one run. It keeps values as float32:
     * what is larger becomes infinite, and writes nothing of a value that is empty.
     *
     * @param folder where to; made, with those above it, if it does not exist
     * @throws IOException if the file cannot be made
     */
    public static Monitor tensorBoard(Path folder) throws IOException {
        Objects.requireNonNull(folder, "folder");
        return EventFile.create(folder, InstantSource.system(), EventFile.localHost());
    }

    /**
     * Hands every observation to several monitors, in this order, and closes all of them. Where one
     * fails, the others get it all the same; of several failures the first is thrown, with the
     * others suppressed in it. {@link #open} opens them too.
     */
    public static Monitor all(Monitor... monitors) {
        return new All(Arguments.copyOf(monitors, "monitors"));
    }

    /**
     * Opens several monitors, in this order, and hands every observation to all of them, as {@link
     * #all} does: {@code open(() -> csv(file), () -> tensorBoard(folder))}. Where one cannot be
     * opened, those that are open already are closed again.
     *
     * @throws IOException if one cannot be opened
     */
    public static Monitor open(Opening... openings) throws IOException {
        var wanted = Arguments.copyOf(openings, "openings");
        var opened = new ArrayList<Monitor>();
        try {
            for (var opening : wanted) {
                opened.add(opening.open());
            }
        } catch (IOException | RuntimeException | Error e) {
            try {
                new All(opened).close();
            } catch (IOException | RuntimeException again) {
                e.addSuppressed(again);
            }
            throw e;
        }
        return new All(List.copyOf(opened));
    }

    /** Opens a monitor. */
    @FunctionalInterface
    public interface Opening {
        /**
         * Opens it; whoever calls closes it.
         *
         * @throws IOException if it cannot be opened
         */
        Monitor open() throws IOException;
    }

    /**
     * Hands on the observations of steps that are multiples of a number, and closes the monitor. A
     * refused attempt has the number of the step before it.
     *
     * @param steps at least 1
     */
    public static Monitor every(long steps, Monitor monitor) {
        return new Every(steps, monitor);
    }

    private record Every(long steps, Monitor monitor) implements Monitor {

        Every {
            Objects.requireNonNull(monitor, "monitor");
            if (steps < 1) {
                throw new IllegalArgumentException(
                        "every: the number of steps must be at least 1, but is " + steps);
            }
        }

        @Override
        public void write(Observation observation) throws IOException {
            if (observation.step() % steps == 0) {
                monitor.write(observation);
            }
        }

        @Override
        public void close() throws IOException {
            monitor.close();
        }
    }

    private record All(List<Monitor> monitors) implements Monitor {

        private interface Action {
            void on(Monitor monitor) throws IOException;
        }

        @Override
        public void write(Observation observation) throws IOException {
            forEach(monitor -> monitor.write(observation));
        }

        @Override
        public void close() throws IOException {
            forEach(Monitor::close);
        }

        private void forEach(Action action) throws IOException {
            Exception failure = null;
            for (var monitor : monitors) {
                try {
                    action.on(monitor);
                } catch (IOException | RuntimeException e) {
                    if (failure == null) {
                        failure = e;
                    } else if (failure != e) {
                        failure.addSuppressed(e);
                    }
                }
            }
            switch (failure) {
                case null -> {}
                case IOException e -> throw e;
                case RuntimeException e -> throw e;
                default -> throw new AssertionError(failure);
            }
        }
    }
}

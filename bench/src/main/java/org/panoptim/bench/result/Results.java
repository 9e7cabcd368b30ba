package org.panoptim.bench.result;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonParser;

import org.panoptim.io.OutputFile;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * All that a run measured; a file of it is JSON.
 *
 * @param format the version of the file's form
 * @param date the day, as ISO 8601 writes it
 * @param version Panoptim's
 * @param command the command line that measured it
 * @param host the machine
 * @param steps steps compared with the limit and with peers
 * @param startUps fresh processes
 * @param memory what rules' states take; files of earlier versions lack it
 * @param calls what calls on the way to a device cost
 * @param refreshes inversions of Kronecker factors
 * @param kfac K-FAC's work between them, on a device; files of earlier versions lack it
 * @param kernels a device's kernels by themselves; files of earlier versions lack them
 * @param teams teams of processes; files of earlier versions lack them
 * @param teamSpeeds what exchanges between processes take, if teams were measured; files of earlier
 *     versions lack it
 * @param leftOut what was not measured, and why
 */
public record Results(
        int format,
        String date,
        String version,
        String command,
        Host host,
        List<StepTimes> steps,
        List<StartUpTimes> startUps,
        List<StateBytes> memory,
        List<CallTimes> calls,
        List<RefreshTimes> refreshes,
        List<KfacTimes> kfac,
        List<KernelTimes> kernels,
        List<TeamTimes> teams,
        List<TeamSpeed> teamSpeeds,
        List<String> leftOut) {

    /** The form that this class reads and writes. */
    public static final int FORMAT = 1;

    /** What files of earlier versions lack. */
    private static final List<String> LATER =
            List.of("memory", "kfac", "kernels", "teams", "teamSpeeds");

    private static final String VIRTUAL =
            "Measured on the virtual GPU: its kernels run on the processor, and their times mean"
                    + " nothing.";

    private static final String BACKEND = "backend";

    private static final Pattern NUMBERS = Pattern.compile("\\[[-0-9.eE,\\s]+\\]");

    /** Copies the lists. */
    public Results {
        steps = List.copyOf(steps);
        startUps = List.copyOf(startUps);
        memory = List.copyOf(memory);
        calls = List.copyOf(calls);
        refreshes = List.copyOf(refreshes);
        kfac = List.copyOf(kfac);
        kernels = List.copyOf(kernels);
        teams = List.copyOf(teams);
        teamSpeeds = List.copyOf(teamSpeeds);
        leftOut = List.copyOf(leftOut);
    }

    /**
     * Reads a file.
     *
     * @throws IOException if it cannot be read
     * @throws IllegalArgumentException if it is not such a file; the message names it with the
     *     reason
     */
    public static Results read(Path file) throws IOException {
        try {
            var json =
                    JsonParser.parseString(Files.readString(file, StandardCharsets.UTF_8))
                            .getAsJsonObject();
            var format = json.get("format");
            if (format == null || format.getAsInt() != FORMAT) {
                throw new IllegalArgumentException(
                        "its format is %s, and this program reads %d".formatted(format, FORMAT));
            }
            for (var part : LATER) {
                if (!json.has(part)) {
                    json.add(part, new JsonArray());
                }
            }
            for (var refresh : json.getAsJsonArray("refreshes")) {
                if (!refresh.getAsJsonObject().has(BACKEND)) {
                    refresh.getAsJsonObject().addProperty(BACKEND, "simd");
                }
            }
            return new Gson().fromJson(json, Results.class);
        } catch (RuntimeException e) {
            // Gson has no one exception for what does not fit a record.
            throw new IllegalArgumentException(
                    file + ": is not a file of results: " + e.getMessage(), e);
        }
    }

    /** Writes a file, as {@link OutputFile} does. */
    public void write(Path file) throws IOException {
        var folder = file.toAbsolutePath().getParent();
        Files.createDirectories(folder);
        var json = new GsonBuilder().setPrettyPrinting().create().toJson(this);
        OutputFile.writeString(file, compact(json) + "\n");
    }

    /** Numbers of an array stand in one line. */
    private static String compact(String json) {
        return NUMBERS.matcher(json).replaceAll(array -> array.group().replaceAll("\\s+", " "));
    }

    /** The warning for times that mean nothing; empty where they do. */
    public Optional<String> warning() {
        return host.virtual() ? Optional.of(VIRTUAL) : Optional.empty();
    }

    /** The steps that were compared with a baseline. */
    public Stream<StepTimes> against(String baseline) {
        return steps.stream().filter(each -> each.baseline().equals(baseline));
    }

    /**
     * What a call on the way to a CUDA device costs the host.
     *
     * @param call what was called
     * @param implementation what carried it: {@code FFM} or {@code JCUDA}
     * @param nanos nanoseconds of a call, for each iteration
     * @param allocated bytes of Java's heap in a call
     */
    public record CallTimes(String call, String implementation, double[] nanos, double allocated) {}

    /**
     * What a device takes for K-FAC's work on all layers of a model between refreshes.
     *
     * @param model the model
     * @param work the work
     * @param backend where
     * @param rows of a micro-batch, in every layer
     * @param seconds of the work, for each iteration
     * @param products of the same matrix products alone, in turn with it; none if it has none
     */
    public record KfacTimes(
            String model,
            String work,
            String backend,
            int rows,
            double[] seconds,
            double[] products) {

        /** Whether there are products that it is compared with. */
        public boolean hasProducts() {
            return products.length > 0;
        }

        /** Which part of the work its products alone take. */
        public Spread share() {
            var shares = new double[seconds.length];
            Arrays.setAll(shares, i -> products[i] / seconds[i]);
            return Spread.of(shares);
        }
    }

    /**
     * The inversion of all Kronecker factors of a model.
     *
     * @param model the model
     * @param method how inverses were computed
     * @param backend where; files of earlier versions lack it, and mean the processor
     * @param seconds of a refresh, for each iteration
     */
    public record RefreshTimes(String model, String method, String backend, double[] seconds) {

        /** What the method of another library begins with. */
        public static final String PYTORCH = "PyTorch";

        /** Whether it is another library's. */
        public boolean isPeer() {
            return method.startsWith(PYTORCH);
        }
    }

    /**
     * The first step of fresh processes.
     *
     * @param backend where it was computed
     * @param cached whether the process had an ahead-of-time cache
     * @param opened milliseconds from the begin of main until the backend was open, for each
     *     process
     * @param built until the optimizer was built
     * @param stepped until the first step was done
     * @param process from the start of the process until the first step was done
     */
    public record StartUpTimes(
            String backend,
            boolean cached,
            double[] opened,
            double[] built,
            double[] stepped,
            double[] process) {}

    /**
     * What a rule's states take of a process's memory.
     *
     * @param rule the rule, and the settings on which its states depend
     * @param backend where they are kept
     * @param declared bytes for each fp32 parameter, as the rule declares them
     * @param measured by how many bytes for each parameter fresh processes grew
     */
    public record StateBytes(String rule, String backend, int declared, double[] measured) {}
}

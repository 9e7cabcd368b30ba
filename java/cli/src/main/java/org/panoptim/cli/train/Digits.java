package org.panoptim.cli.train;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import java.util.zip.GZIPInputStream;

/**
 * Handwritten digits with their classes; every fifth is held out of the training.
 *
 * @param training what is trained on
 * @param heldOut what is only tested with
 */
public record Digits(Examples training, Examples heldOut) {

    /** Pixels of an image. */
    public static final int PIXELS = 64;

    /** Whose data it is, for what is made of it. */
    public static final String CREDIT =
            "Data: “Optical Recognition of Handwritten Digits” by E. Alpaydin and C. Kaynak (1998),"
                    + " UCI Machine Learning Repository, CC BY 4.0.";

    static final int CLASSES = 10;

    private static final String FILE = "digits.csv.gz";
    private static final int HELD_OUT = 5;
    private static final float WHITE = 16;

    /**
     * Images and their classes.
     *
     * @param pixels {@link #PIXELS} an image, row by row, in [0, 1]
     * @param classes one an image, in [0, {@link #CLASSES})
     */
    public record Examples(float[] pixels, long[] classes) {

        /** How many images there are. */
        public int count() {
            return classes.length;
        }
    }

    /** Reads the data set that comes with the program. */
    static Digits load() {
        var rows = rows();
        return new Digits(
                select(rows, i -> i % HELD_OUT != HELD_OUT - 1),
                select(rows, i -> i % HELD_OUT == HELD_OUT - 1));
    }

    /** All images, in the file's order. */
    public static Examples all() {
        return select(rows(), _ -> true);
    }

    private static List<int[]> rows() {
        try (var reader =
                new BufferedReader(
                        new InputStreamReader(
                                new GZIPInputStream(
                                        Objects.requireNonNull(
                                                Digits.class.getResourceAsStream(FILE), FILE)),
                                StandardCharsets.US_ASCII))) {
            return reader.lines().map(Digits::parse).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int[] parse(String line) {
        var row = List.of(line.split(",")).stream().mapToInt(Integer::parseInt).toArray();
        if (row.length != PIXELS + 1) {
            throw new IllegalStateException(
                    FILE + ": expected " + (PIXELS + 1) + " numbers a row, found " + row.length);
        }
        return row;
    }

    private static Examples select(List<int[]> rows, IntPredicate which) {
        var indices = IntStream.range(0, rows.size()).filter(which).toArray();
        var pixels = new float[indices.length * PIXELS];
        var classes = new long[indices.length];
        for (int i = 0; i < indices.length; i++) {
            var row = rows.get(indices[i]);
            for (int pixel = 0; pixel < PIXELS; pixel++) {
                pixels[i * PIXELS + pixel] = row[pixel] / WHITE;
            }
            classes[i] = row[PIXELS];
        }
        return new Examples(pixels, classes);
    }
}

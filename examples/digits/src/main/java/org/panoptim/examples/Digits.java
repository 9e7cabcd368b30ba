package org.panoptim.examples;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import java.util.zip.GZIPInputStream;

/**
 * Handwritten digits of 8 × 8 pixels, for examples: "Optical Recognition of Handwritten Digits" by
 * E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository, CC BY 4.0.
 *
 * @param pixels 64 an image, row by row, in [0, 1]
 * @param classes one an image, from 0 to 9
 */
public record Digits(float[] pixels, long[] classes) {

    /** Pixels of a side. */
    public static final int SIDE = 8;

    private static final int PIXELS = SIDE * SIDE;
    private static final float WHITE = 16;

    /** Reads them. */
    public static Digits load() {
        var file = Objects.requireNonNull(Digits.class.getResourceAsStream("digits.csv.gz"));
        try (var lines =
                new BufferedReader(
                        new InputStreamReader(
                                new GZIPInputStream(file), StandardCharsets.US_ASCII))) {
            var rows = lines.lines().map(Digits::numbers).toList();
            var pixels = new float[rows.size() * PIXELS];
            for (int i = 0; i < pixels.length; i++) {
                pixels[i] = rows.get(i / PIXELS)[i % PIXELS] / WHITE;
            }
            return new Digits(pixels, rows.stream().mapToLong(row -> row[PIXELS]).toArray());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int[] numbers(String line) {
        return Arrays.stream(line.split(",")).mapToInt(Integer::parseInt).toArray();
    }

    /** How many images there are. */
    public int count() {
        return classes.length;
    }
}

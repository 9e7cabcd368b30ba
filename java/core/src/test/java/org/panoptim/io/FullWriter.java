package org.panoptim.io;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Path;

/** A program that adds lines to a file until it cannot, and says why. */
final class FullWriter {

    /** Of no size that would divide that of a full file. */
    static final String LINE = "x".repeat(998) + "\n";

    private FullWriter() {}

    public static void main(String[] arguments) throws IOException {
        try (var file = AppendedFile.open(Path.of(arguments[0]))) {
            while (true) {
                file.append(LINE.getBytes(UTF_8));
            }
        } catch (IOException e) {
            System.out.println(e.getMessage());
        }
    }
}

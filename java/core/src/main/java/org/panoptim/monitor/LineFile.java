package org.panoptim.monitor;

import org.panoptim.io.AppendedFile;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * A file of lines that observations are added to.
 *
 * @param firstLine the line that it began with when it was opened, if it was not empty
 */
record LineFile(AppendedFile file, Optional<String> firstLine) implements AutoCloseable {

    /** Longer than the first line of any file that a monitor wrote. */
    private static final int LONGEST = 1 << 26;

    /** How much of a line a message shows. */
    private static final int SHOWN = 80;

    /**
     * Opens a file, and cuts off an incomplete last line.
     *
     * @param isOurs whether a file that begins with a line holds observations
     * @throws FileSystemException if it does not; nothing is changed, since who named it may have
     *     meant another one
     */
    static LineFile open(Path path, Predicate<String> isOurs) throws IOException {
        var file = AppendedFile.open(path);
        boolean kept = false;
        try {
            Optional<String> first = Optional.empty();
            if (file.size() > 0) {
                var line = file.firstLine(LONGEST).map(LineFile::text);
                if (line.filter(isOurs).isEmpty()) {
                    var start = line.map(text -> "'" + shown(text) + "'");
                    throw new FileSystemException(
                            path.toString(),
                            null,
                            "holds something else than observations, so nothing is added to it; it"
                                    + " begins with "
                                    + start.orElse("a line that has no end"));
                }
                first = line;
                file.cutIncompleteLine();
            }
            kept = true;
            return new LineFile(file, first);
        } finally {
            if (!kept) {
                file.close();
            }
        }
    }

    private static String text(byte[] line) {
        var text = new String(line, StandardCharsets.UTF_8);
        return text.endsWith("\r") ? text.substring(0, text.length() - 1) : text;
    }

    private static String shown(String line) {
        var printable = line.replaceAll("[\\p{Cc}\\p{Cs}]", "?");
        return printable.length() <= SHOWN ? printable : printable.substring(0, SHOWN) + "…";
    }

    Path path() {
        return file.path();
    }

    /** Adds whole lines. */
    void append(String lines) throws IOException {
        file.append(lines.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}

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
 * @param firstLine the line that it began with when it was opened, if that had an end
 * @param torn all that there was of a file whose first line had none: that of a process that was
 *     killed in its first line
 */
record LineFile(AppendedFile file, Optional<String> firstLine, Optional<byte[]> torn)
        implements AutoCloseable {

    /** Longer than the first line of any file that a monitor wrote. */
    private static final int LONGEST = 1 << 26;

    /** How much of a line a message shows. */
    private static final int SHOWN = 80;

    /**
     * Opens a file, and cuts off an incomplete last line, unless it is the first one too.
     *
     * @param isOurs whether a file that begins with a line holds observations
     * @param isTorn whether a text without an end may be such a line in part
     * @throws FileSystemException if it does not; nothing is changed, since who named it may have
     *     meant another one
     */
    static LineFile open(Path path, Predicate<String> isOurs, Predicate<String> isTorn)
            throws IOException {
        var file = AppendedFile.open(path);
        boolean kept = false;
        try {
            Optional<String> first = Optional.empty();
            Optional<byte[]> torn = Optional.empty();
            if (file.size() > 0) {
                first = file.firstLine(LONGEST).map(LineFile::text);
                torn = file.onlyIncompleteLine(LONGEST);
                boolean known = first.filter(isOurs).isPresent();
                if (!known && torn.map(LineFile::text).filter(isTorn).isEmpty()) {
                    throw foreign(path, first);
                }
                if (known) {
                    file.cutIncompleteLine();
                }
            }
            kept = true;
            return new LineFile(file, first, torn);
        } finally {
            if (!kept) {
                file.close();
            }
        }
    }

    private static FileSystemException foreign(Path path, Optional<String> line) {
        var start = line.map(text -> "'" + shown(text) + "'");
        return new FileSystemException(
                path.toString(),
                null,
                "holds something else than observations, so nothing is added to it; it begins with "
                        + start.orElse("a line that has no end"));
    }

    /**
     * Cuts off a {@link #torn} line.
     *
     * @param isOurs whether it is one of ours
     * @throws FileSystemException if it is not; nothing is changed
     */
    void cutTorn(Predicate<byte[]> isOurs) throws IOException {
        if (torn.isPresent()) {
            if (!isOurs.test(torn.get())) {
                throw foreign(path(), firstLine);
            }
            file.cutIncompleteLine();
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

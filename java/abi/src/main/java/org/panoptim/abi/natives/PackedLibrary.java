package org.panoptim.abi.natives;

import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import java.util.zip.CRC32;

/**
 * A library as it lies in a jar, or in a folder of classes.
 *
 * @param name the file's name once it is unpacked
 * @param content where it is
 */
record PackedLibrary(String name, URL content) {

    private static final int BUFFER = 1 << 16;

    /** The end of the name of a file that records what another one was compared with. */
    static final String COMPARED = ".compared";

    private static final Set<OpenOption> LOCKED =
            Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);

    private static final String PART = ".part";
    private static final Duration UNFINISHED = Duration.ofHours(1);

    /** Tells it from others of the same name, so that each has a folder: checksum and size. */
    String identity() throws IOException {
        if (content.openConnection() instanceof JarURLConnection jar) {
            var entry = jar.getJarEntry();
            return identity(entry.getCrc(), entry.getSize());
        }
        var checksum = new CRC32();
        long size = 0;
        try (var stream = content.openStream()) {
            var buffer = new byte[BUFFER];
            for (int count = stream.read(buffer); count >= 0; count = stream.read(buffer)) {
                checksum.update(buffer, 0, count);
                size += count;
            }
        }
        return identity(checksum.getValue(), size);
    }

    private static String identity(long checksum, long size) {
        return Long.toHexString(checksum) + "-" + size;
    }

    /**
     * Makes sure that a folder has a file with this content that can be executed. What was found
     * equal before, and has not been touched since, is not read again, and neither is the jar.
     *
     * @param folder one that nobody else can write to
     * @throws IOException if it has none and it cannot be written, with the reason
     */
    void unpackInto(Path folder) throws IOException {
        var file = folder.resolve(name);
        var compared = folder.resolve(name + COMPARED);
        if (!wasCompared(file, compared)) {
            // Else the file that is written would be closed by what is meant for another.
            boolean interrupted = Thread.interrupted();
            try {
                compareOrReplace(file, compared);
            } finally {
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }
        requireExecutable(file);
    }

    private boolean wasCompared(Path file, Path compared) throws IOException {
        if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            return false;
        }
        var facts = FileFacts.of(file);
        var comparison = comparison(facts);
        return isOurs(facts) && comparison.isPresent() && comparison.equals(read(compared));
    }

    private void compareOrReplace(Path file, Path compared) throws IOException {
        try (var channel = FileChannel.open(compared, LOCKED, PrivateFolder.ownersOnly())) {
            lock(channel);
            if (!wasCompared(file, compared)) {
                var comparison = comparison(replaceUnlessEqual(file)).orElse("");
                channel.truncate(0);
                channel.write(ByteBuffer.wrap(comparison.getBytes(StandardCharsets.UTF_8)));
            }
        } catch (IOException e) {
            // A folder that can only be read will do.
            if (ifEqual(file).isEmpty()) {
                compared.toFile().delete();
                throw e;
            }
        }
    }

    /** Returns the file's attributes from before the comparison. */
    private FileFacts replaceUnlessEqual(Path file) throws IOException {
        var equal = ifEqual(file);
        if (equal.isPresent()) {
            return equal.get();
        }
        write(file);
        return ifEqual(file)
                .orElseThrow(
                        () ->
                                new IOException(
                                        file + " has another content than was written to it"));
    }

    /** Makes processes that start for the first time at once wait for each other. */
    private static void lock(FileChannel channel) {
        try {
            channel.lock();
        } catch (IOException | OverlappingFileLockException _) {
            // Then each writes, which takes longer: where files cannot be locked, and for another
            // class loader of a process that has the lock.
        }
    }

    /** How a file looks that has this content, byte by byte; empty if it has another. */
    private Optional<FileFacts> ifEqual(Path file) throws IOException {
        if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            return Optional.empty();
        }
        // Before it is read, so that a later change shows.
        var facts = FileFacts.of(file);
        return isOurs(facts) && hasThisContent(file) ? Optional.of(facts) : Optional.empty();
    }

    private static boolean isOurs(FileFacts facts) throws IOException {
        return facts.isRegularFile()
                && facts.owner() == FileFacts.user()
                && facts.isExecutableByOwner()
                && !facts.isWritableByOthers();
    }

    /** What is kept of a comparison with a file that looks like this. */
    private Optional<String> comparison(FileFacts facts) throws IOException {
        return origin().map(origin -> origin + "\n" + facts.version() + "\n");
    }

    /** The content's location and the attributes of the file that holds it, if it is in a file. */
    private Optional<String> origin() throws IOException {
        var holder =
                content.openConnection() instanceof JarURLConnection jar
                        ? jar.getJarFileURL()
                        : content;
        if (!holder.getProtocol().equals("file")) {
            return Optional.empty();
        }
        try {
            var file = Path.of(holder.toURI()).toRealPath();
            return Optional.of(content + "\n" + FileFacts.of(file).version());
        } catch (URISyntaxException | IllegalArgumentException _) {
            return Optional.empty();
        }
    }

    private static Optional<String> read(Path compared) {
        try {
            return Optional.of(Files.readString(compared));
        } catch (IOException _) {
            return Optional.empty();
        }
    }

    private boolean hasThisContent(Path file) throws IOException {
        try (var expected = content.openStream();
                var actual = Files.newInputStream(file)) {
            var left = new byte[BUFFER];
            var right = new byte[BUFFER];
            while (true) {
                int count = expected.readNBytes(left, 0, BUFFER);
                if (actual.readNBytes(right, 0, BUFFER) != count
                        || !Arrays.equals(left, 0, count, right, 0, count)) {
                    return false;
                }
                if (count < BUFFER) {
                    return true;
                }
            }
        }
    }

    private void write(Path file) throws IOException {
        removeUnfinished(file.getParent());
        try (InputStream stream = content.openStream()) {
            replace(file, stream.readAllBytes());
        }
    }

    /** What processes left that were killed; a process that still writes is younger. */
    private void removeUnfinished(Path folder) throws IOException {
        var oldest = Instant.now().minus(UNFINISHED);
        try (var files = Files.newDirectoryStream(folder, name + "*" + PART)) {
            for (var file : files) {
                if (Files.getLastModifiedTime(file).toInstant().isBefore(oldest)) {
                    Files.deleteIfExists(file);
                }
            }
        }
    }

    /** Replaces a file by another, completely and on the disk, or not at all. */
    private static void replace(Path file, byte[] content) throws IOException {
        var unfinished =
                Files.createTempFile(
                        file.getParent(),
                        String.valueOf(file.getFileName()),
                        PART,
                        PrivateFolder.ownersOnly());
        try {
            requireExecutable(unfinished);
            try (var channel = FileChannel.open(unfinished, StandardOpenOption.WRITE)) {
                var buffer = ByteBuffer.wrap(content);
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
                // Else a crash of the machine could leave the name with a part of the content.
                channel.force(true);
            }
            Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(unfinished);
        }
    }

    /** The owner's permission is set, so that it is the file system that refuses. */
    private static void requireExecutable(Path file) throws IOException {
        if (!Files.isExecutable(file)) {
            throw new IOException(
                    file.getParent() + " lets no file be executed; it seems to be mounted noexec");
        }
    }
}

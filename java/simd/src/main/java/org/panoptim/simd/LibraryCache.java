package org.panoptim.simd;

import org.jspecify.annotations.Nullable;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.zip.CRC32;

/**
 * Keeps unpacked libraries in files named by their content, so that several processes and versions
 * can share the folder and nothing stale is ever loaded.
 */
final class LibraryCache {

    /** The system property that names the cache's folder. */
    static final String PROPERTY = "panoptim.cache";

    private LibraryCache() {}

    /**
     * Returns a file with a resource's content, written now or before.
     *
     * <p>Where the resource lies in a jar beside a file with its SHA-256, it is not read if the
     * cache has it: unpacking and hashing take a fresh process as long as all the rest.
     *
     * @param checksum the resource {@code <name>.sha256}, if there is one
     */
    static Path store(URL resource, @Nullable URL checksum, String name) throws IOException {
        if (checksum != null && resource.openConnection() instanceof JarURLConnection jar) {
            var hash = new String(read(checksum), StandardCharsets.US_ASCII).strip();
            var file = folder().resolve(hash, name);
            if (isWhole(file, jar.getJarEntry())) {
                return file;
            }
        }
        return store(read(resource), name);
    }

    /** Whether a file has the size and the checksum that the jar says. */
    private static boolean isWhole(Path file, JarEntry entry) {
        try {
            var content = Files.readAllBytes(file);
            var checksum = new CRC32();
            checksum.update(content);
            return content.length == entry.getSize() && checksum.getValue() == entry.getCrc();
        } catch (IOException _) {
            return false;
        }
    }

    private static Path store(byte[] content, String name) throws IOException {
        var hash = HexFormat.of().formatHex(sha256(content));
        try {
            return store(folder().resolve(hash), content, name);
        } catch (IOException _) {
            // A home that cannot be written to must not keep the library from being used.
            return storeForThisProcess(content, name);
        }
    }

    /**
     * Returns a folder with these resources as files, written now or before: libraries that find
     * each other by lying beside each other.
     *
     * <p>They are large, so what lies in a jar is known by the checksums there, and read only if
     * the folder is not there yet.
     *
     * @param resources by file name
     */
    static Path storeTogether(Map<String, URL> resources) throws IOException {
        var identity = new ByteArrayOutputStream();
        for (var resource : resources.entrySet()) {
            identity.writeBytes(resource.getKey().getBytes(StandardCharsets.UTF_8));
            identity.writeBytes(identity(resource.getValue()));
        }
        var hash = HexFormat.of().formatHex(sha256(identity.toByteArray()));
        try {
            return storeAll(folder().resolve(hash), resources);
        } catch (IOException _) {
            var folder = Files.createTempDirectory("panoptim-");
            folder.toFile().deleteOnExit();
            storeAll(folder, resources);
            resources.keySet().forEach(name -> folder.resolve(name).toFile().deleteOnExit());
            return folder;
        }
    }

    private static byte[] identity(URL resource) throws IOException {
        if (resource.openConnection() instanceof JarURLConnection jar) {
            var entry = jar.getJarEntry();
            return ("%x %d".formatted(entry.getCrc(), entry.getSize()))
                    .getBytes(StandardCharsets.UTF_8);
        }
        return sha256(read(resource));
    }

    /** The files were moved there whole, so that one that is there is complete. */
    private static Path storeAll(Path folder, Map<String, URL> resources) throws IOException {
        for (var resource : resources.entrySet()) {
            if (!Files.isRegularFile(folder.resolve(resource.getKey()))) {
                store(folder, read(resource.getValue()), resource.getKey());
            }
        }
        return folder;
    }

    private static byte[] read(URL resource) throws IOException {
        try (var stream = resource.openStream()) {
            return stream.readAllBytes();
        }
    }

    private static Path storeForThisProcess(byte[] content, String name) throws IOException {
        var folder = Files.createTempDirectory("panoptim-");
        // Files are deleted in the opposite order.
        folder.toFile().deleteOnExit();
        var file = store(folder, content, name);
        file.toFile().deleteOnExit();
        return file;
    }

    private static Path store(Path folder, byte[] content, String name) throws IOException {
        var file = folder.resolve(name);
        if (Files.isRegularFile(file) && Arrays.equals(Files.readAllBytes(file), content)) {
            return file;
        }
        Files.createDirectories(folder);
        var unfinished = Files.createTempFile(folder, name, ".part");
        try {
            Files.write(unfinished, content);
            Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(unfinished);
        }
        return file;
    }

    private static Path folder() {
        var property = System.getProperty(PROPERTY);
        if (property != null) {
            return Path.of(property);
        }
        var base = System.getenv("XDG_CACHE_HOME");
        return (base == null || base.isEmpty()
                        ? Path.of(System.getProperty("user.home"), ".cache")
                        : Path.of(base))
                .resolve("panoptim");
    }

    private static byte[] sha256(byte[] content) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(content);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}

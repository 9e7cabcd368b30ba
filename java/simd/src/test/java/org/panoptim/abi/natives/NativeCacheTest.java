package org.panoptim.abi.natives;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.net.URI;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;

/** What is unpacked, and when it is read again. */
class NativeCacheTest {

    private static final byte[] CONTENT = {1, 2, 3, 4};
    private static final byte[] OTHER = {4, 3, 2, 1};

    @TempDir Path folder;

    private Path cache;

    @BeforeEach
    void makeFolder() throws IOException {
        cache = PrivateFolder.in(folder.toRealPath(), "cache");
    }

    @Test
    void aLibraryOfAJarIsUnpackedAndCanBeExecuted() throws IOException {
        library(jar("a.jar", CONTENT)).unpackInto(cache);
        assertThat(cache.resolve("lib.so")).hasBinaryContent(CONTENT).isExecutable();
    }

    @Test
    void aLibraryOfAFolderIsUnpackedToo() throws IOException {
        var file = Files.write(folder.resolve("packed"), CONTENT);
        library(file.toUri().toURL()).unpackInto(cache);
        assertThat(cache.resolve("lib.so")).hasBinaryContent(CONTENT);
    }

    @Test
    void anEmptyLibraryAndOneOfManyBuffersAreUnpacked() throws IOException {
        for (int size : new int[] {0, 65535, 65536, 65537, 1 << 18}) {
            var content = new byte[size];
            library(jar("of" + size + ".jar", content)).unpackInto(cache);
            assertThat(cache.resolve("lib.so")).hasBinaryContent(content);
        }
    }

    @Test
    void whatAnotherJarHasUnderTheSameNameReplacesIt() throws IOException {
        library(jar("a.jar", CONTENT)).unpackInto(cache);
        library(jar("b.jar", OTHER)).unpackInto(cache);
        assertThat(cache.resolve("lib.so")).hasBinaryContent(OTHER);
    }

    @Test
    void aFileThatWasExchangedIsReadAgain() throws IOException {
        var file = Files.write(folder.resolve("packed"), CONTENT);
        library(file.toUri().toURL()).unpackInto(cache);
        Files.write(file, OTHER);
        library(file.toUri().toURL()).unpackInto(cache);
        assertThat(cache.resolve("lib.so")).hasBinaryContent(OTHER);
    }

    @Test
    void whatWasComparedIsNotReadAgain() throws IOException {
        var file = Files.write(folder.resolve("packed"), CONTENT);
        library(file.toUri().toURL()).unpackInto(cache);
        var unpacked = cache.resolve("lib.so");
        var read = Files.readAttributes(unpacked, "unix:ino,ctime,lastAccessTime");
        library(file.toUri().toURL()).unpackInto(cache);
        assertThat(Files.readAttributes(unpacked, "unix:ino,ctime,lastAccessTime")).isEqualTo(read);
    }

    @Test
    void aThreadThatWasInterruptedUnpacksAndStaysInterrupted() throws IOException {
        Thread.currentThread().interrupt();
        try {
            library(jar("a.jar", CONTENT)).unpackInto(cache);
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }
        assertThat(cache.resolve("lib.so")).hasBinaryContent(CONTENT);
    }

    @Test
    void aTemporaryFolderIsDeletedWhenItIsClosed() throws IOException {
        Path made;
        try (var unpacked =
                NativeCache.unpackForThisProcess(Map.of("lib.so", jar("a.jar", CONTENT)))) {
            made = unpacked.folder();
            assertThat(unpacked.isTemporary()).isTrue();
            assertThat(unpacked.file("lib.so")).hasBinaryContent(CONTENT);
            assertThat(Files.getPosixFilePermissions(made)).hasSize(3);
        }
        assertThat(made).doesNotExist();
    }

    @Test
    void namesOfSetsDifferWithTheContent() throws IOException {
        var one = NativeCache.nameOf("set", Map.of("lib.so", jar("a.jar", CONTENT)));
        var same = Files.write(folder.resolve("packed"), CONTENT).toUri().toURL();
        assertThat(one).startsWith("set-").endsWith("-4");
        assertThat(NativeCache.nameOf("set", Map.of("lib.so", same))).isEqualTo(one);
        assertThat(NativeCache.nameOf("set", Map.of("lib.so", jar("b.jar", OTHER))))
                .isNotEqualTo(one);
    }

    private static PackedLibrary library(URL content) {
        return new PackedLibrary("lib.so", content);
    }

    private URL jar(String name, byte[] content) throws IOException {
        try (var jar = new JarOutputStream(Files.newOutputStream(folder.resolve(name)))) {
            jar.putNextEntry(new JarEntry("lib.so"));
            jar.write(content);
        }
        return jarUrl(name);
    }

    private URL jarUrl(String name) throws IOException {
        return URI.create("jar:" + folder.resolve(name).toUri() + "!/lib.so").toURL();
    }
}

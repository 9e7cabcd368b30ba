package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.abi.bindings.PanoptimPlan;
import org.panoptim.abi.natives.NativeCache;
import org.panoptim.simd.bindings.NativeLibrary;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Where libpanoptim is looked for, and what is reported of every location. */
class LibrarySearchTest {

    private static final String NAME = System.mapLibraryName("panoptim");
    private static final String NATIVE = "META-INF/native/";

    @TempDir Path folder;

    @Test
    void aFileThatThePropertyNamesIsAllThatIsTried() throws Exception {
        var library = Files.write(folder.resolve("own.so"), packed());
        var search = search(Map.of(NativeLibrary.PROPERTY, library.toString()));
        assertThat(search.available()).isTrue();
        assertThat(librariesOf(search))
                .containsExactly("system property panoptim.library: " + library + ": loaded");
        assertThat(search.best()).isEqualTo("simd");
    }

    @Test
    void aMissingFileThatThePropertyNamesIsNotReplacedByAnother() throws Exception {
        var missing = folder.resolve("missing.so");
        var search = search(Map.of(NativeLibrary.PROPERTY, missing.toString()));
        assertThat(search.available()).isFalse();
        assertThat(search.tried())
                .containsExactly("system property panoptim.library: " + missing + ": no such file");
        assertThat(search.best()).isEqualTo("reference");
        assertThat(search.opened()).contains("could not be loaded", missing.toString());
    }

    @Test
    void aFileThatIsNoLibraryIsRefusedInTheLoadersWords() throws Exception {
        var garbage = Files.writeString(folder.resolve("garbage.so"), "no library");
        var search = search(Map.of(NativeLibrary.PROPERTY, garbage.toString()));
        assertThat(search.available()).isFalse();
        assertThat(search.tried()).singleElement().asString().contains("cannot be loaded: ");
    }

    @Test
    void aLibraryOfAnotherAbiIsRefusedWithBothNumbers() throws Exception {
        var other = compiled("extern \"C\" int panoptim_abi() { return 99; }");
        var search = search(Map.of(NativeLibrary.PROPERTY, other.toString()));
        assertThat(search.available()).isFalse();
        assertThat(search.tried())
                .singleElement()
                .asString()
                .contains("has ABI 99, but these bindings need " + PanoptimPlan.PANOPTIM_ABI());
    }

    @Test
    void aLibraryWithoutAnAbiIsRefused() throws Exception {
        var other = compiled("extern \"C\" int something_else() { return 1; }");
        var search = search(Map.of(NativeLibrary.PROPERTY, other.toString()));
        assertThat(search.available()).isFalse();
        assertThat(search.tried())
                .singleElement()
                .asString()
                .contains("it has no symbol panoptim_abi");
    }

    @Test
    void theLibraryPathComesBeforeTheJar() throws Exception {
        var library = Files.write(folder.resolve(NAME), packed());
        var search = search(Map.of("java.library.path", "/nowhere:" + folder));
        assertThat(librariesOf(search))
                .containsExactly("java.library.path: " + library + ": loaded");
    }

    @Test
    void anEmptyFolderOfTheLibraryPathIsNotTheWorkingFolder() throws Exception {
        var planted = Files.write(Path.of("").toAbsolutePath().resolve(NAME), packed());
        try {
            var search = search(Map.of("java.library.path", ":" + folder));
            assertThat(librariesOf(search)).singleElement().asString().startsWith("jar, ");
        } finally {
            Files.delete(planted);
        }
    }

    @Test
    void aLibraryOnThePathThatDoesNotFitIsPassedOverForTheJar() throws Exception {
        var library = Files.writeString(folder.resolve(NAME), "no library");
        var search = search(Map.of("java.library.path", folder.toString()));
        assertThat(search.available()).isTrue();
        assertThat(librariesOf(search)).hasSize(2);
        assertThat(librariesOf(search).getFirst())
                .startsWith("java.library.path: " + library + ": cannot be loaded: ");
        assertThat(librariesOf(search).getLast()).startsWith("jar, ").endsWith(": loaded");
    }

    @Test
    void theLibraryInTheJarIsUnpackedIntoAFolderNamedByItsContent() throws Exception {
        var search = search(Map.of());
        var unpacked = cache().resolve(hash(packed())).resolve(NAME);
        assertThat(librariesOf(search).getLast()).endsWith(unpacked + ": loaded");
        assertThat(unpacked).hasBinaryContent(packed());
        assertThat(regularFilesIn(cache()))
                .containsExactlyInAnyOrder(unpacked, unpacked.resolveSibling(NAME + ".compared"));
    }

    @Test
    void whatIsUnpackedAlreadyIsUsedAgain() throws Exception {
        search(Map.of());
        var unpacked = cache().resolve(hash(packed())).resolve(NAME);
        var written = Files.getLastModifiedTime(unpacked);
        var key = Files.readAttributes(unpacked, "unix:ino").get("ino");
        assertThat(search(Map.of()).available()).isTrue();
        assertThat(Files.getLastModifiedTime(unpacked)).isEqualTo(written);
        assertThat(Files.readAttributes(unpacked, "unix:ino")).containsEntry("ino", key);
    }

    @Test
    void aDamagedFileInTheCacheIsReplacedAndNotLoaded() throws Exception {
        var unpacked = cache().resolve(hash(packed())).resolve(NAME);
        Files.createDirectories(unpacked.getParent());
        Files.writeString(unpacked, "damaged");
        assertThat(search(Map.of()).available()).isTrue();
        assertThat(unpacked).hasBinaryContent(packed());
    }

    @Test
    void whereThereIsNoLibraryAtAllEveryPlaceIsNamed() throws Exception {
        var classPath =
                Stream.of(System.getProperty("java.class.path").split(":"))
                        .filter(entry -> !holdsLibraries(Path.of(entry)))
                        .collect(Collectors.joining(":"));
        var search =
                Search.run(classPath, Map.of("java.library.path", folder.toString()), Map.of());
        assertThat(search.available()).isFalse();
        assertThat(search.tried())
                .containsExactly(
                        "java.library.path: no " + NAME + " in its folders",
                        "jar: no resource " + resource());
        assertThat(search.best()).isEqualTo("reference");
    }

    @Test
    void onASystemThatTheLibraryIsNotBuiltForPlainJavaIsTakenWithOneLineOfWhy() throws Exception {
        var search = search(Map.of("os.name", "Windows 11", "java.library.path", "/nowhere"));
        assertThat(search.summary())
                .startsWith("there is no libpanoptim for windows-")
                .contains("only for Linux with glibc, on x86_64 and aarch64");
        assertThat(search.best()).isEqualTo("reference");
        assertThat(search.lines())
                .filteredOn(line -> line.contains("WARNING"))
                .singleElement()
                .asString()
                .contains("The backend simd does not work here, so reference is taken. simd: ")
                .contains(search.summary());
    }

    @Test
    void aJarWithLibrariesOfOtherMachinesIsToldFromNoJar() {
        assertThat(SimdProvider.missing("linux-aarch64", List.of("linux-x86_64")))
                .contains("has no libpanoptim for linux-aarch64, only for linux-x86_64");
        assertThat(SimdProvider.missing("linux-aarch64", List.of()))
                .isEqualTo(SimdProvider.missing("linux-x86_64", List.of("linux-x86_64")))
                .contains("the artifact panoptim-natives brings it");
    }

    private static boolean holdsLibraries(Path entry) {
        if (Files.isDirectory(entry)) {
            return Files.exists(entry.resolve(NATIVE));
        }
        try (var jar = new JarFile(entry.toFile())) {
            return jar.stream().anyMatch(file -> file.getName().startsWith(NATIVE));
        } catch (IOException _) {
            return false;
        }
    }

    /** A search with a separate cache, unless the properties say otherwise. */
    private Search search(Map<String, String> properties) throws Exception {
        var all = new HashMap<>(Map.of(NativeCache.PROPERTY, cache().toString()));
        all.putAll(properties);
        return Search.with(all, Map.of());
    }

    private Path cache() {
        return folder.resolve("cache");
    }

    /** What was tried, without the tiers. */
    private static List<String> librariesOf(Search search) {
        return search.tried().stream()
                .filter(line -> !line.startsWith("tier "))
                .filter(line -> !line.startsWith("java.library.path: no "))
                .toList();
    }

    private static List<Path> regularFilesIn(Path root) throws IOException {
        try (var files = Files.walk(root)) {
            return files.filter(Files::isRegularFile).toList();
        }
    }

    private static String resource() {
        var arch = System.getProperty("os.arch");
        return NATIVE + "linux-" + (arch.equals("amd64") ? "x86_64" : arch) + "/" + NAME;
    }

    /** The library as it is on the class path. */
    private static byte[] packed() throws IOException {
        try (InputStream stream =
                LibrarySearchTest.class.getClassLoader().getResourceAsStream(resource())) {
            return stream.readAllBytes();
        }
    }

    private static String hash(byte[] content) throws NoSuchAlgorithmException {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    }

    private Path compiled(String program) throws Exception {
        var source = Files.writeString(folder.resolve("other.cpp"), program);
        var library = folder.resolve("other.so");
        var result =
                Commands.run(
                        "g++", "-shared", "-fPIC", source.toString(), "-o", library.toString());
        assertThat(result.status()).as(result.output()).isZero();
        return library;
    }
}

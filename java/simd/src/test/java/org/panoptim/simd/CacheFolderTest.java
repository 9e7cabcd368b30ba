package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.abi.natives.NativeCache;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.zip.CRC32;

/** Into which folder libraries are unpacked, and what is not loaded from it. */
class CacheFolderTest {

    private static final String NAME = System.mapLibraryName("panoptim");
    private static final String OPENBLAS = "libopenblas.so.0";
    private static final int NOBODY = 65534;
    private static final String PASSED_OVER = "cache: passed over: ";

    @TempDir Path folder;

    private Path home;
    private Path temporary;
    private final Deque<Path> mounted = new ArrayDeque<>();

    @BeforeEach
    void makeFolders() throws IOException {
        folder = folder.toRealPath();
        home = Files.createDirectory(folder.resolve("home"));
        temporary = Files.createDirectory(folder.resolve("tmp"));
    }

    @AfterEach
    void unmount() throws Exception {
        for (var each : mounted) {
            Commands.run("umount", each.toString());
        }
    }

    // Which folder is taken.

    @Test
    void theFolderThatThePropertyNamesComesFirst() throws Exception {
        var named = folder.resolve("named/below");
        var xdg = folder.resolve("xdg");
        assertUnpackedBelow(named, search(cache(named), xdg(xdg)));
        assertThat(xdg).doesNotExist();
        assertThat(home).isEmptyDirectory();
    }

    @Test
    void thenTheOneOfXdgCacheHome() throws Exception {
        var xdg = folder.resolve("xdg");
        assertUnpackedBelow(xdg.resolve("panoptim"), search(Map.of(), xdg(xdg)));
        assertThat(home).isEmptyDirectory();
    }

    @Test
    void thenTheOneInTheHome() throws Exception {
        assertUnpackedBelow(home.resolve(".cache/panoptim"), search(Map.of(), Map.of()));
    }

    @Test
    void foldersAreMadeForTheirOwnerAlone() throws Exception {
        search(Map.of(), Map.of());
        try (var files = Files.walk(home.resolve(".cache"))) {
            assertThat(files.filter(Files::isDirectory))
                    .hasSize(3)
                    .allSatisfy(made -> assertThat(permissions(made)).isEqualTo("rwx------"));
        }
    }

    @Test
    void withoutAHomeTheLibraryIsUnpackedForTheProcessAlone() throws Exception {
        var search = search(Map.of("user.home", "?"), Map.of());
        assertThat(search.available()).isTrue();
        assertThat(search.tried())
                .contains(PASSED_OVER + "user.home, ?: is not an absolute path")
                .anyMatch(line -> line.contains(": " + temporary + "/panoptim-"));
        assertThat(temporary).isEmptyDirectory();
        assertThat(Path.of("?")).doesNotExist();
        assertThat(search.lines()).filteredOn(line -> line.contains("WARNING")).hasSize(1);
    }

    @Test
    void aHomeThatDoesNotExistIsNotMade() throws Exception {
        var missing = folder.resolve("nonexistent");
        var search = search(Map.of("user.home", missing.toString()), Map.of());
        assertThat(search.available()).isTrue();
        assertThat(search.tried())
                .contains(
                        PASSED_OVER
                                + "user.home, "
                                + missing
                                + ": "
                                + missing
                                + ": no such folder");
        assertThat(missing).doesNotExist();
    }

    // Which folders are passed over, and that it is said.

    @Test
    void aRelativeFolderIsPassedOver() throws Exception {
        var search = search(Map.of(NativeCache.PROPERTY, "some/folder"), Map.of());
        assertPassedOver(search, "some/folder", "is not an absolute path");
        assertThat(Path.of("some")).doesNotExist();
        var relative = search(Map.of(), Map.of("XDG_CACHE_HOME", "some/folder"));
        assertThat(relative.tried())
                .contains(PASSED_OVER + "XDG_CACHE_HOME, some/folder: is not an absolute path");
    }

    @Test
    void aFileInThePlaceOfTheFolderIsPassedOver() throws Exception {
        var file = Files.writeString(folder.resolve("file"), "in the way");
        assertPassedOver(search(cache(file), Map.of()), file.toString(), "Not a directory");
        assertThat(file).hasContent("in the way");
    }

    @Test
    void aFolderOfAnotherUserIsPassedOver() throws Exception {
        var foreign = foreign(Files.createDirectory(folder.resolve("foreign")));
        assertPassedOver(
                search(cache(foreign), Map.of()),
                foreign.toString(),
                foreign + " belongs to another user");
        var within = Files.createDirectory(foreign.resolve("own"));
        assertPassedOver(
                search(cache(within), Map.of()),
                within.toString(),
                foreign + " belongs to another user");
        assertThat(within).isEmptyDirectory();
    }

    @Test
    void aFolderThatOthersCanWriteToIsPassedOver() throws Exception {
        for (var permissions : List.of("rwxrwxrwx", "rwxrwx---")) {
            var open = Files.createDirectory(folder.resolve(permissions));
            Files.setPosixFilePermissions(open, PosixFilePermissions.fromString(permissions));
            assertPassedOver(
                    search(cache(open), Map.of()),
                    open.toString(),
                    open + " can be written by others");
        }
    }

    @Test
    void withinAFolderLikeTmpWhatAnotherUserHasPutThereIsPassedOver() throws Exception {
        var shared = Files.createDirectory(folder.resolve("shared"));
        assertThat(Commands.run("chmod", "1777", shared.toString()).status()).isZero();
        var unpacked = assertUnpackedBelow(shared, search(cache(shared), Map.of()));

        var planted = unpacked.getParent();
        foreign(planted);
        assertPassedOver(
                search(cache(shared), Map.of()),
                shared.toString(),
                planted + " belongs to another user");
    }

    @Test
    void aLinkInThePlaceOfALibrarysFolderIsNotFollowed() throws Exception {
        var cache = folder.resolve("cache");
        var real = assertUnpackedBelow(cache, search(cache(cache), Map.of())).getParent();
        var elsewhere = Files.move(real, folder.resolve("elsewhere"));
        Files.createSymbolicLink(real, elsewhere);
        assertPassedOver(
                search(cache(cache), Map.of()), cache.toString(), real + " is not a folder");
    }

    @Test
    void aLinkInThePlaceOfTheLibraryIsReplaced() throws Exception {
        var cache = folder.resolve("cache");
        var unpacked = assertUnpackedBelow(cache, search(cache(cache), Map.of()));
        var elsewhere = Files.move(unpacked, folder.resolve("elsewhere.so"));
        Files.createSymbolicLink(unpacked, elsewhere);
        assertUnpackedBelow(cache, search(cache(cache), Map.of()));
        assertThat(Files.isRegularFile(unpacked, LinkOption.NOFOLLOW_LINKS)).isTrue();
    }

    @Test
    void aFolderOnAFullDiskIsPassedOverAndLeftEmpty() throws Exception {
        var full = mount("full", "size=64k");
        assertPassedOver(search(cache(full), Map.of()), full.toString(), "No space left on device");
        try (var files = Files.walk(full)) {
            assertThat(files.filter(Files::isRegularFile)).isEmpty();
        }
    }

    @Test
    void aFolderOfWhichNothingCanBeExecutedIsPassedOver() throws Exception {
        var noexec = mount("noexec", "noexec");
        assertPassedOver(search(cache(noexec), Map.of()), noexec.toString(), "mounted noexec");
        try (var files = Files.walk(noexec)) {
            assertThat(files.filter(Files::isRegularFile)).isEmpty();
        }
    }

    @Test
    void aReadOnlyFolderIsPassedOverUnlessTheLibraryIsInIt() throws Exception {
        var readOnly = mount("read-only", "size=32m");
        remountReadOnly(readOnly);
        assertPassedOver(
                search(cache(readOnly), Map.of()), readOnly.toString(), "Read-only file system");

        var filled = mount("filled", "size=32m");
        assertUnpackedBelow(filled, search(cache(filled), Map.of()));
        Files.delete(find(filled, NAME + ".compared"));
        remountReadOnly(filled);
        assertUnpackedBelow(filled, search(cache(filled), Map.of()));
    }

    @Test
    void whereNoFolderCanBeUsedEachIsNamedWithItsReason() throws Exception {
        var noexec = mount("noexec", "noexec");
        var search =
                search(
                        Map.of(
                                NativeCache.PROPERTY,
                                "relative",
                                "user.home",
                                "?",
                                "java.io.tmpdir",
                                noexec.toString()),
                        Map.of());
        assertThat(search.available()).isFalse();
        assertThat(search.tried().getLast())
                .contains(
                        "cannot be unpacked: no folder can be used",
                        "system property panoptim.cache, relative: is not an absolute path",
                        "user.home, ?: is not an absolute path",
                        "java.io.tmpdir, " + noexec,
                        "mounted noexec",
                        "-Dpanoptim.cache");
        assertThat(noexec).isEmptyDirectory();
        assertThat(search.lines())
                .filteredOn(line -> line.contains("WARNING"))
                .singleElement()
                .asString()
                .contains("simd", "reference", "-Dpanoptim.cache", "Require.NATIVE");
    }

    @Test
    void aTemporaryFolderThatOthersCanExchangeIsNotUsed() throws Exception {
        Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rwxrwxrwx"));
        var search = search(Map.of("user.home", "?"), Map.of());
        assertThat(search.available()).isFalse();
        assertThat(search.tried().getLast())
                .contains("can be written by others, and is not sticky");
        assertThat(temporary).isEmptyDirectory();
    }

    // What is not loaded from a folder that is taken.

    @Test
    void anotherFileOfTheSameSizeAndChecksumIsReplaced() throws Exception {
        var cache = folder.resolve("cache");
        var unpacked = assertUnpackedBelow(cache, search(cache(cache), Map.of()));
        var original = Files.readAllBytes(unpacked);
        var forged = original.clone();
        // A multiple of the checksum's polynomial, added where the program's code begins.
        var polynomial = ByteBuffer.allocate(8).putLong(Long.reverseBytes(1 | 0xEDB88320L << 1));
        for (int i = 0; i < 5; i++) {
            forged[0x1000 + i] ^= polynomial.get(i);
        }
        assertThat(checksum(forged)).isEqualTo(checksum(original));
        assertThat(forged).isNotEqualTo(original);
        var written = Files.getLastModifiedTime(unpacked);
        overwrite(unpacked, forged);
        Files.setLastModifiedTime(unpacked, written);

        assertUnpackedBelow(cache, search(cache(cache), Map.of()));
        assertThat(unpacked).hasBinaryContent(original);
    }

    @Test
    void anotherFileOfTheSameSizeThatWasMovedThereIsReplaced() throws Exception {
        var cache = folder.resolve("cache");
        var unpacked = assertUnpackedBelow(cache, search(cache(cache), Map.of()));
        var original = Files.readAllBytes(unpacked);
        var written = Files.getLastModifiedTime(unpacked);
        var other = Files.write(folder.resolve("other"), new byte[original.length]);
        Files.setPosixFilePermissions(other, PosixFilePermissions.fromString("rwx------"));
        Files.setLastModifiedTime(other, written);
        Files.move(other, unpacked, StandardCopyOption.REPLACE_EXISTING);

        assertUnpackedBelow(cache, search(cache(cache), Map.of()));
        assertThat(unpacked).hasBinaryContent(original);
    }

    @Test
    void aFileThatOthersCanWriteToIsReplaced() throws Exception {
        var cache = folder.resolve("cache");
        var unpacked = assertUnpackedBelow(cache, search(cache(cache), Map.of()));
        Files.setPosixFilePermissions(unpacked, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertUnpackedBelow(cache, search(cache(cache), Map.of()));
        assertThat(permissions(unpacked)).isEqualTo("rwx------");
    }

    /** Its permissions do not show whether the file system lets it be loaded. */
    @Test
    void aFileThatMayNotBeExecutedIsReplaced() throws Exception {
        var cache = folder.resolve("cache");
        var unpacked = assertUnpackedBelow(cache, search(cache(cache), Map.of()));
        Files.setPosixFilePermissions(unpacked, PosixFilePermissions.fromString("rw-------"));
        assertUnpackedBelow(cache, search(cache(cache), Map.of()));
        assertThat(permissions(unpacked)).isEqualTo("rwx------");
    }

    @Test
    void aPartOfOpenBlasIsReplacedAndNotLoaded() throws Exception {
        var cache = folder.resolve("cache");
        assertThat(openBlas(cache)).contains("artifact org.bytedeco:openblas: loaded, ");
        var unpacked = find(cache, OPENBLAS);
        long size = Files.size(unpacked);
        try (var channel = FileChannel.open(unpacked, StandardOpenOption.WRITE)) {
            channel.truncate(size / 2);
        }
        assertThat(openBlas(cache))
                .contains("artifact org.bytedeco:openblas: loaded, ", unpacked.toString());
        assertThat(unpacked).hasSize(size);
    }

    @Test
    void whatKilledProcessesLeftIsRemovedAndWhatAnotherWritesIsNot() throws Exception {
        var cache = folder.resolve("cache");
        var unpacked = assertUnpackedBelow(cache, search(cache(cache), Map.of()));
        Files.delete(unpacked);
        var old = Files.writeString(unpacked.resolveSibling(NAME + "1.part"), "old");
        var young = Files.writeString(unpacked.resolveSibling(NAME + "2.part"), "young");
        Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(Duration.ofHours(2))));

        assertUnpackedBelow(cache, search(cache(cache), Map.of()));
        assertThat(old).doesNotExist();
        assertThat(young).exists();
    }

    @Test
    void processesMayStartForTheFirstTimeAtOnce() throws Exception {
        var cache = folder.resolve("cache");
        int processes = 16;
        var starts = new ArrayList<Callable<Search>>();
        for (int i = 0; i < processes; i++) {
            starts.add(() -> search(cache(cache), Map.of()));
        }
        try (var pool = Executors.newFixedThreadPool(processes)) {
            for (var start : pool.invokeAll(starts)) {
                assertUnpackedBelow(cache, start.get());
            }
        }
        try (var files = Files.walk(cache)) {
            assertThat(
                            files.filter(Files::isRegularFile)
                                    .map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder(NAME, NAME + ".compared");
        }
    }

    private Search search(Map<String, String> properties, Map<String, String> environment)
            throws Exception {
        var all = new HashMap<>(Map.of("XDG_CACHE_HOME", ""));
        all.putAll(environment);
        return Search.with(properties(properties), all);
    }

    private Map<String, String> properties(Map<String, String> more) {
        var all =
                new HashMap<>(
                        Map.of(
                                "user.home", home.toString(),
                                "java.io.tmpdir", temporary.toString(),
                                "java.library.path", folder.toString()));
        all.putAll(more);
        return all;
    }

    /** What a fresh process says of its search for OpenBLAS. */
    private String openBlas(Path cache) throws Exception {
        var lines =
                Search.output(
                        OpenBlasProbe.class,
                        System.getProperty("java.class.path"),
                        properties(cache(cache)),
                        Map.of());
        return String.join("\n", lines);
    }

    private static Map<String, String> cache(Path path) {
        return Map.of(NativeCache.PROPERTY, path.toString());
    }

    private static Map<String, String> xdg(Path path) {
        return Map.of("XDG_CACHE_HOME", path.toString());
    }

    /** Checks that the library was loaded from there and nothing was said; returns its file. */
    private static Path assertUnpackedBelow(Path cache, Search search) throws IOException {
        assertThat(search.best()).isEqualTo("simd");
        var unpacked = find(cache, NAME);
        assertThat(search.tried())
                .anyMatch(line -> line.endsWith(": " + unpacked + ": loaded"))
                .noneMatch(line -> line.startsWith(PASSED_OVER));
        assertThat(search.lines()).noneMatch(line -> line.contains("WARNING"));
        return unpacked;
    }

    /** Checks that the property's folder was passed over for the home's, which was said once. */
    private void assertPassedOver(Search search, String named, String reason) {
        assertThat(search.best()).isEqualTo("simd");
        assertThat(search.tried())
                .anySatisfy(
                        line ->
                                assertThat(line)
                                        .startsWith(
                                                PASSED_OVER
                                                        + "system property panoptim.cache, "
                                                        + named
                                                        + ": ")
                                        .contains(reason))
                .anyMatch(line -> line.contains(": " + home.resolve(".cache/panoptim") + "/"));
        assertThat(search.lines())
                .filteredOn(line -> line.contains("WARNING"))
                .singleElement()
                .asString()
                .contains(named, reason, "-Dpanoptim.cache");
    }

    private Path mount(String name, String options) throws Exception {
        var point = Files.createDirectory(folder.resolve(name));
        var mount =
                Commands.run(
                        "mount",
                        "-t",
                        "tmpfs",
                        "-o",
                        "mode=0700," + options,
                        "tmpfs",
                        point.toString());
        assumeTrue(mount.status() == 0, "may not mount here: " + mount.output());
        mounted.push(point);
        return point;
    }

    private static void remountReadOnly(Path point) throws Exception {
        assertThat(Commands.run("mount", "-o", "remount,ro", point.toString()).status()).isZero();
    }

    /** Gives a folder to another user. */
    private static Path foreign(Path path) throws Exception {
        var change = Commands.run("chown", Integer.toString(NOBODY), path.toString());
        assumeTrue(change.status() == 0, "may not change owners here: " + change.output());
        return path;
    }

    private static String permissions(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }

    private static Path find(Path root, String name) throws IOException {
        try (var files = Files.walk(root)) {
            return files.filter(file -> file.endsWith(name)).findFirst().orElseThrow();
        }
    }

    private static void overwrite(Path file, byte[] content) throws IOException {
        try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            assertThat(channel.write(ByteBuffer.wrap(content))).isEqualTo(content.length);
        }
    }

    private static long checksum(byte[] content) {
        var checksum = new CRC32();
        checksum.update(content);
        return checksum.getValue();
    }
}

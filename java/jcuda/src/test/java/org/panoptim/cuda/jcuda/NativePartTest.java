package org.panoptim.cuda.jcuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.backend.Backend;
import org.panoptim.backend.Backends;
import org.panoptim.cuda.driver.ChildJvm;
import org.panoptim.cuda.driver.CudaUnavailableException;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Where JCuda's native parts come from, and when they are not touched, in fresh processes. */
class NativePartTest {

    private static final List<String> PARTS =
            List.of("libJCudaDriver-12.6.0-linux-x86_64.so", "libJCublas2-12.6.0-linux-x86_64.so");

    private static final String LOADED = "driver: JCuda 12.6.0";
    private static final String BLAS_LOADED = "jcublas: JCublas 12.6.0";

    @TempDir Path folder;

    /** Loads both parts. */
    static final class Load {

        private Load() {}

        public static void main(String[] arguments) {
            var temporary = System.getProperty("java.io.tmpdir");
            try {
                System.out.println("driver: " + Jcuda.load().name());
                System.out.println("jcublas: " + Jcuda.loadBlas().name());
            } catch (CudaUnavailableException e) {
                System.out.println(e.getMessage());
            }
            System.out.println(
                    "restored: " + temporary.equals(System.getProperty("java.io.tmpdir")));
        }
    }

    /** Looks for backends as an application does. */
    static final class Best {

        private Best() {}

        public static void main(String[] arguments) {
            try (var backend = Backend.best()) {
                System.out.println("best: " + backend.name());
            }
            if (Boolean.getBoolean("explain")) {
                Backends.explain().forEach(System.out::println);
            }
        }
    }

    /** Loads the driver in a separate class loader after another one has. */
    static final class TwoLoaders {

        private TwoLoaders() {}

        public static void main(String[] arguments) throws Exception {
            Load.main(arguments);
            var urls = new ArrayList<URL>();
            for (var entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
                urls.add(Path.of(entry).toUri().toURL());
            }
            try (var loader =
                    new URLClassLoader(
                            urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader())) {
                var main =
                        loader.loadClass(Load.class.getName())
                                .getDeclaredMethod("main", String[].class);
                main.setAccessible(true);
                main.invoke(null, (Object) arguments);
            }
        }
    }

    @Test
    void theyComeFromTheCacheAndTheTemporaryFolderStaysEmpty() throws Exception {
        var output = run(Load.class, Map.of());

        assertThat(output).contains(LOADED, BLAS_LOADED, "restored: true");
        assertThat(filesIn(temporary())).isEmpty();
        assertThat(filesIn(cache())).containsAll(PARTS);
    }

    @Test
    void aFilePlantedInTheTemporaryFolderIsNotLoaded() throws Exception {
        var marker = folder.resolve("marker");
        for (var part : PARTS) {
            plant(temporary().resolve(part), marker);
        }

        assertThat(run(Load.class, Map.of())).contains(LOADED, BLAS_LOADED);
        assertThat(marker).doesNotExist();
    }

    @Test
    void aPlantedFileIsNotLoadedEitherWhereTheJarsAreMissing() throws Exception {
        var marker = folder.resolve("marker");
        run(Load.class, Map.of());
        for (var part : PARTS) {
            plant(temporary().resolve(part), marker);
            plant(find(cache(), part), marker);
        }
        var classPath =
                Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                        .filter(entry -> !entry.contains("-natives-"))
                        .collect(Collectors.joining(File.pathSeparator));

        assertThat(run(Load.class, Map.of(), "-cp", classPath))
                .contains("JCuda cannot be loaded: its native part is neither in");
        assertThat(marker).doesNotExist();
    }

    @Test
    void aFilePlantedInTheCacheIsReplaced() throws Exception {
        run(Load.class, Map.of());
        var marker = folder.resolve("marker");
        for (var part : PARTS) {
            plant(find(cache(), part), marker);
        }

        assertThat(run(Load.class, Map.of())).contains(LOADED, BLAS_LOADED);
        assertThat(marker).doesNotExist();
    }

    @Test
    void aPartOfAFileIsReplacedAndNotLoaded() throws Exception {
        run(Load.class, Map.of());
        for (var part : PARTS) {
            cut(find(cache(), part));
            Files.write(temporary().resolve(part), new byte[100]);
        }

        assertThat(run(Load.class, Map.of())).contains(LOADED, BLAS_LOADED);
    }

    @Test
    void processesMayStartForTheFirstTimeAtOnce() throws Exception {
        int processes = 16;
        try (var pool = Executors.newFixedThreadPool(processes)) {
            var starts =
                    pool.invokeAll(
                            IntStream.range(0, processes)
                                    .mapToObj(
                                            _ -> (Callable<String>) () -> run(Load.class, Map.of()))
                                    .toList());
            for (var start : starts) {
                assertThat(start.get()).contains(LOADED, BLAS_LOADED);
            }
        }
        assertThat(filesIn(cache())).noneMatch(name -> name.endsWith(".part"));
        assertThat(filesIn(temporary())).isEmpty();
    }

    @Test
    void aSecondClassLoaderOfAProcessLoadsThemToo() throws Exception {
        var lines = run(TwoLoaders.class, Map.of()).lines().toList();

        assertThat(lines.stream().filter(LOADED::equals)).hasSize(2);
        assertThat(lines.stream().filter(BLAS_LOADED::equals)).hasSize(2);
        assertThat(filesIn(temporary())).isEmpty();
    }

    @Test
    void withoutADriverJcudaIsNotTouched() throws Exception {
        var output =
                run(
                        Best.class,
                        Map.of("LD_LIBRARY_PATH", ""),
                        "-Xlog:class+load",
                        "-Dexplain=true");

        assertUntouched(output);
        assertThat(said(output))
                .contains("best: reference")
                .anyMatch(line -> line.contains("name=cuda-jcuda, available=false"));
    }

    @Test
    void withoutADeviceJcudaIsNotTouched() throws Exception {
        var output =
                run(
                        Best.class,
                        Map.of("PANOPTIM_VIRTUAL_DEVICES", "0"),
                        "-Xlog:class+load",
                        "-Dexplain=true");

        assertUntouched(output);
        assertThat(said(output))
                .contains("best: reference")
                .anyMatch(line -> line.contains("summary=the driver finds no device"))
                .noneMatch(line -> line.contains("WARNING"));
    }

    @Test
    void aDeviceThatCannotBeUsedIsSaidOnce() throws Exception {
        var output = run(Best.class, Map.of("PANOPTIM_VIRTUAL_DRIVER_VERSION", "11080"));

        assertThat(said(output))
                .contains("best: reference")
                .filteredOn(line -> line.contains("WARNING"))
                .singleElement()
                .asString()
                .contains("cuda-ffm", "serves CUDA 11.8, but at least 12.0 is needed");
    }

    @Test
    void whereCudaFfmServesJcudaIsNotTouched() throws Exception {
        var kernels = Path.of(System.getProperty("basedir", "")).resolve("../../tests/virtual-gpu");
        var output =
                run(
                        Best.class,
                        Map.of(),
                        "-Dpanoptim.kernels=" + kernels.resolve("kernels.txt"),
                        "-Xlog:class+load");

        assertThat(said(output)).anyMatch(line -> line.startsWith("best: cuda-ffm"));
        assertUntouched(output);
    }

    private void assertUntouched(String output) {
        var classes = output.lines().filter(line -> line.contains("[class,load]")).toList();
        assertThat(classes)
                .anyMatch(line -> line.contains(" org.panoptim.backend.Backends "))
                .noneMatch(line -> line.contains(" jcuda."));
        assertThat(cache()).doesNotExist();
        assertThat(filesIn(temporary())).isEmpty();
    }

    /** What the program printed, without what the JVM did. */
    private static List<String> said(String output) {
        return output.lines().filter(line -> !line.startsWith("[")).toList();
    }

    private String run(Class<?> main, Map<String, String> environment, String... arguments)
            throws IOException, InterruptedException {
        var all =
                Stream.concat(
                                Stream.of(
                                        "-Djava.io.tmpdir=" + temporary(),
                                        "-Dpanoptim.cache=" + cache()),
                                Stream.of(arguments))
                        .toArray(String[]::new);
        return ChildJvm.run(main, environment, all);
    }

    private Path cache() {
        return folder.resolve("cache");
    }

    private Path temporary() {
        try {
            return Files.createDirectories(folder.resolve("tmp"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<String> filesIn(Path root) {
        try (var files = Files.walk(root)) {
            return files.filter(file -> !file.equals(root))
                    .map(file -> String.valueOf(file.getFileName()))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path find(Path root, String name) throws IOException {
        try (var files = Files.walk(root)) {
            return files.filter(file -> file.endsWith(name)).findFirst().orElseThrow();
        }
    }

    private static void cut(Path file) throws IOException {
        try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.truncate(channel.size() / 2);
        }
    }

    /** A library that writes a file as soon as it is loaded. */
    private void plant(Path library, Path marker) throws IOException, InterruptedException {
        var source = folder.resolve("planted.c");
        Files.writeString(
                source,
                """
                #include <stdio.h>
                __attribute__((constructor)) static void loaded(void) {
                    FILE *file = fopen("%s", "w");
                    if (file) fclose(file);
                }
                """
                        .formatted(marker));
        var built = folder.resolve("planted.so");
        var compiler =
                new ProcessBuilder(
                                "cc", "-shared", "-fPIC", "-o", built.toString(), source.toString())
                        .inheritIO()
                        .start();
        assumeTrue(compiler.waitFor() == 0, "needs a C compiler");
        Files.write(library, Files.readAllBytes(built));
    }
}

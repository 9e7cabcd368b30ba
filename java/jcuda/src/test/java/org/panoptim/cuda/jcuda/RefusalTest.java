package org.panoptim.cuda.jcuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.cuda.driver.ChildJvm;
import org.panoptim.cuda.driver.CudaBlas;
import org.panoptim.cuda.driver.CudaUnavailableException;
import org.panoptim.cuda.driver.FfmCuda;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** Why JCuda and JCublas2 cannot be used, in processes that lack something. */
class RefusalTest {

    /** Says what loading gave. */
    static final class Load {

        private Load() {}

        public static void main(String[] arguments) {
            try {
                System.out.println("driver: " + Jcuda.load().name());
            } catch (CudaUnavailableException e) {
                System.out.println("driver: " + e.reason());
            }
            System.out.println("jcublas: " + of(Jcuda::loadBlas));
            System.out.println("ffm: " + of(FfmCuda::loadBlas));
            System.out.println("either: " + of(Jcuda::loadBlasOrFfm));
        }

        private static String of(Supplier<CudaBlas> blas) {
            try {
                return blas.get().name();
            } catch (CudaUnavailableException e) {
                return e.reason();
            }
        }
    }

    @Test
    void whereAllIsThereAllIsLoaded() throws Exception {
        assertThat(ChildJvm.run(Load.class, Map.of()))
                .contains(
                        "driver: JCuda 12.6.0",
                        "jcublas: JCublas 12.6.0",
                        "ffm: FFM",
                        "either: JCublas 12.6.0");
    }

    @Test
    void withoutItsNativePartJcudaSaysSo(@TempDir Path folder) throws Exception {
        var classPath =
                Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                        .filter(entry -> !entry.contains("-natives-"))
                        .collect(Collectors.joining(File.pathSeparator));
        assertThat(
                        ChildJvm.run(
                                Load.class,
                                Map.of(),
                                "-cp",
                                classPath,
                                "-Djava.io.tmpdir=" + folder))
                .contains(
                        "driver: JCuda cannot be loaded: its native part is neither in"
                                + " java.library.path nor in a jar of the class path",
                        "jcublas: JCublas2 cannot be loaded: its native part");
    }

    @Test
    void withoutCublas12JcublasSaysSoAndFfmServes(@TempDir Path folder) throws Exception {
        copy(folder, "libcuda.so.1");
        copy(folder, "libcublas.so.13");
        assertThat(ChildJvm.run(Load.class, Map.of("LD_LIBRARY_PATH", folder.toString())))
                .contains(
                        "driver: JCuda 12.6.0",
                        "jcublas: JCublas2 cannot be loaded: it needs libcublas.so.12 of CUDA 12",
                        "ffm: FFM",
                        "either: FFM");
    }

    @Test
    void withoutAnyCublasBothReasonsAreGiven(@TempDir Path folder) throws Exception {
        copy(folder, "libcuda.so.1");
        assertThat(ChildJvm.run(Load.class, Map.of("LD_LIBRARY_PATH", folder.toString())))
                .contains("either: no cuBLAS can be loaded");
    }

    private static void copy(Path folder, String name) throws IOException {
        Files.copy(Path.of(System.getenv("LD_LIBRARY_PATH"), name), folder.resolve(name));
    }
}

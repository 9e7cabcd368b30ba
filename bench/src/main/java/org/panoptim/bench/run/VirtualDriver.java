package org.panoptim.bench.run;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Where the CUDA driver lies that runs kernels on the CPU, if it is built. */
final class VirtualDriver {

    /** Why there is none. */
    static final String ABSENT =
            "the virtual GPU is not built (cmake -S . -B native/target/cmake -DPANOPTIM_TESTS=ON,"
                    + " then cmake --build native/target/cmake --target virtual-cuda)";

    private static final String PROPERTY = "panoptim.virtual-gpu";

    private static final String KERNELS = "panoptim.virtual-kernels";

    private VirtualDriver() {}

    /** What a Java over it is to be started with, behind all other options. */
    static List<String> options() {
        return Optional.ofNullable(System.getProperty(KERNELS))
                .map(kernels -> "-Dpanoptim.kernels=" + kernels)
                .stream()
                .toList();
    }

    static Optional<Path> folder() {
        return Optional.ofNullable(System.getProperty(PROPERTY))
                .map(Path::of)
                .filter(folder -> Files.isRegularFile(folder.resolve("libcuda.so.1")));
    }
}

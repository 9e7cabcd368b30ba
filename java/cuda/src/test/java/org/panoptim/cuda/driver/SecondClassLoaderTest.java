package org.panoptim.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.io.File;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.function.Supplier;

/** Several copies of the library in one process, as servers and build tools load them. */
class SecondClassLoaderTest {

    /** Calls the driver and cuBLAS, and prints what they returned. */
    public static final class Calls implements Supplier<String> {

        @Override
        public String get() {
            var driver = FfmCuda.load();
            try (var device = CudaDevice.open(driver, 0)) {
                device.enter();
                var blas = FfmCuda.loadBlas();
                long handle = blas.create();
                int version = blas.version(handle);
                blas.destroy(handle);
                return driver.version() + " " + driver.deviceName(0) + " " + version;
            }
        }
    }

    @Test
    void eachCallsTheDriverAndCublas() throws Exception {
        var expected = new Calls().get();
        assertThat(expected).startsWith("13000 " + CudaDevice.VIRTUAL + " ");
        for (int i = 0; i < 2; i++) {
            try (var loader =
                    new URLClassLoader(classPath(), ClassLoader.getPlatformClassLoader())) {
                var calls =
                        (Supplier<?>)
                                loader.loadClass(Calls.class.getName())
                                        .getConstructor()
                                        .newInstance();
                assertThat(calls.getClass()).isNotEqualTo(Calls.class);
                assertThat(calls.get()).isEqualTo(expected);
            }
        }
    }

    private static URL[] classPath() throws Exception {
        var urls = new ArrayList<URL>();
        for (var entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            urls.add(Path.of(entry).toUri().toURL());
        }
        return urls.toArray(URL[]::new);
    }
}

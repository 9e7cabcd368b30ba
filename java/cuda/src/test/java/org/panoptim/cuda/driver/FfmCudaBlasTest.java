package org.panoptim.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.Map;

/** cuBLAS through FFM. */
class FfmCudaBlasTest extends CudaBlasContract {

    @Override
    protected CudaDriver loadDriver() {
        return FfmCuda.load();
    }

    @Override
    protected CudaBlas load() {
        return FfmCuda.loadBlas();
    }

    /** Prints the version of the cuBLAS that is taken, in a separate process. */
    public static final class Version {

        private Version() {}

        /** Takes no arguments. */
        public static void main(String[] arguments) {
            try (var device = CudaDevice.open(FfmCuda.load(), 0)) {
                device.enter();
                var blas = FfmCuda.loadBlas();
                long handle = blas.create();
                System.out.println("cuBLAS " + blas.version(handle) + ".");
                blas.destroy(handle);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"13000, 130100", "12040, 120600"})
    void theCublasIsOneThatTheDriverServes(String driver, String blas) throws Exception {
        var version = Map.of("PANOPTIM_VIRTUAL_DRIVER_VERSION", driver);
        assertThat(ChildJvm.run(Version.class, version)).contains("cuBLAS " + blas + ".");
    }
}

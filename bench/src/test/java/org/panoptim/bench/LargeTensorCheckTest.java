package org.panoptim.bench;

import static org.assertj.core.api.Assertions.assertThat;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.FfmCuda;
import org.panoptim.cuda.driver.ForwardingDriver;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** What is wrong far into a tensor is found; tried on the virtual GPU. */
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class LargeTensorCheckTest {

    private static final int BLOCK = 1000;
    private static final int LAST = 17;
    private static final long ELEMENTS = 30 * BLOCK + LAST;

    private static List<String> problems(CudaDriver driver) {
        try (var backend = CudaBackend.open("cuda-ffm", driver, CudaOptions.defaults())) {
            return new LargeTensorCheck(backend, ELEMENTS, BLOCK).problems();
        }
    }

    @Test
    void stepsOfTheLibraryPass() {
        assertThat(problems(FfmCuda.load())).isEmpty();
    }

    /** Leaves out kernels whose name begins with a text. */
    private static final class Omitting extends ForwardingDriver {

        private final String beginning;

        Omitting(CudaDriver driver, String beginning) {
            super(driver);
            this.beginning = beginning;
        }

        @Override
        public void launch(
                long function,
                String kernel,
                int blocks,
                int threads,
                int sharedBytes,
                long stream,
                MemorySegment argument) {
            if (!kernel.startsWith(beginning)) {
                super.launch(function, kernel, blocks, threads, sharedBytes, stream, argument);
            }
        }
    }

    @Test
    void anUpdateThatDoesNotReachTheTensorIsFound() {
        assertThat(problems(new Omitting(FfmCuda.load(), "panoptim_update_")))
                .satisfiesExactly(
                        problem -> assertThat(problem).startsWith("value: other bits"),
                        problem -> assertThat(problem).startsWith("exp_avg: other bits"),
                        problem -> assertThat(problem).startsWith("exp_avg_sq: other bits"),
                        problem -> assertThat(problem).startsWith("zeroed gradient: other bits"));
    }

    /** Spoils the last part of every array where it is read. */
    private static final class Spoiling extends ForwardingDriver {

        Spoiling(CudaDriver driver) {
            super(driver);
        }

        @Override
        public void copyToHost(long host, long device, long bytes, long stream) {
            super.copyToHost(host, device, bytes, stream);
            if (bytes == LAST * Float.BYTES) {
                super.synchronizeStream(stream);
                MemorySegment.ofAddress(host).reinterpret(bytes).set(JAVA_FLOAT, bytes - 4, 1e9f);
            }
        }
    }

    @Test
    void aWrongElementFarInIsFoundThere() {
        var others = " other bits than expected from element 30,016 on";
        assertThat(problems(new Spoiling(FfmCuda.load())))
                .containsExactly(
                        "value:" + others,
                        "exp_avg:" + others,
                        "exp_avg_sq:" + others,
                        "clipped value:" + others,
                        "zeroed gradient:" + others);
    }

    @Test
    void aNormThatMissesASumIsFound() {
        assertThat(problems(new Omitting(FfmCuda.load(), "panoptim_measure")))
                .anySatisfy(
                        problem -> assertThat(problem).startsWith("the norm of the gradient is "));
    }
}

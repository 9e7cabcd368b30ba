package org.panoptim.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.panoptim.abi.bindings.panoptim_kfac_gradients;
import org.panoptim.abi.bindings.panoptim_kfac_preconditioning;
import org.panoptim.bench.result.Results.KfacTimes;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.cuda.driver.FfmCuda;
import org.panoptim.cuda.driver.ForwardingDriver;
import org.panoptim.cuda.driver.TimingDriver;
import org.panoptim.memory.Buffer;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;

/** What is timed of K-FAC on a device is the work that is named; tried on the virtual GPU. */
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class KfacBenchmarkTest {

    @Test
    void bothImplementationsAreTimedInEveryRound() {
        for (var backend : List.of("cuda-ffm", "cuda-jcuda")) {
            var times = KfacBenchmark.measure(backend, FactorSizes.TINY, 3);

            assertThat(times)
                    .extracting(KfacTimes::work)
                    .containsExactly(KfacBenchmark.ACCUMULATE, KfacBenchmark.PRECONDITION);
            assertThat(times)
                    .allSatisfy(
                            each -> {
                                assertThat(each.backend()).isEqualTo(backend);
                                assertThat(each.seconds()).hasSize(3);
                            });
            assertThat(times.getFirst().hasProducts()).isFalse();
            assertThat(times.getLast().products()).hasSize(3);
        }
    }

    @Test
    void itIsNotRefusedWhereCublasIs() {
        assertThat(KfacBenchmark.refusal("cuda-ffm")).isEmpty();
    }

    /** X_G (∇ X_A) of layers of 30 × 21 and 7 × 30 takes four products. */
    @Test
    void theProductsAloneAreThoseOfTheWork() {
        var implementation = CudaImplementation.FFM;
        var recorders = new ArrayList<Products>();
        try (var backend =
                        implementation.open(
                                implementation.driver(),
                                () -> {
                                    recorders.add(new Products(implementation.blas()));
                                    return recorders.getFirst();
                                });
                var model = new KfacModel(FactorSizes.TINY, backend)) {
            model.update(0);
            model.refresh();
            var products = recorders.getFirst().of(model::precondition);

            assertThat(products).hasSize(4);
            // Factors of cuBLAS, by columns: X_A' and the gradient's transpose first.
            assertThat(products.get(0).a()).isEqualTo(21 * 21);
            assertThat(products.get(0).b()).isEqualTo(21 * 30);
            assertThat(products.get(0).c()).isEqualTo(21 * 30);
            assertThat(products.get(1).a()).isEqualTo(21 * 30);
            assertThat(products.get(1).b()).isEqualTo(30 * 30);
            assertThat(recorders.getFirst().of(() -> {})).isEmpty();

            var found = new float[21 * 30];
            try (var a = filled(backend, products.get(0).a(), 1 / 21f);
                    var b = filled(backend, products.get(0).b(), 3);
                    var c = filled(backend, products.get(0).c(), Float.NaN)) {
                products.get(0).repeat(address(a), address(b), address(c));
                c.read(0, MemorySegment.ofArray(found));
            }
            for (float element : found) {
                assertThat(element).isCloseTo(3, within(1e-5f));
            }
        }
    }

    private static Buffer filled(CudaBackend backend, long elements, float value) {
        var buffer = backend.allocate(elements * Float.BYTES);
        var values = new float[Math.toIntExact(elements)];
        Arrays.fill(values, value);
        buffer.write(0, MemorySegment.ofArray(values));
        return buffer;
    }

    private static long address(Buffer buffer) {
        return buffer.memory().address();
    }

    /** Over the virtual GPU, whose memory is the host's. */
    private static final class FirstGradients extends ForwardingDriver {

        private final List<Float> found = new ArrayList<>();

        FirstGradients() {
            super(FfmCuda.load());
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
            if (kernel.equals("panoptim_kfac_pack")) {
                var layer =
                        panoptim_kfac_preconditioning
                                .gradients(argument)
                                .reinterpret(panoptim_kfac_gradients.sizeof());
                found.add(
                        panoptim_kfac_gradients
                                .weight(layer)
                                .reinterpret(Float.BYTES)
                                .get(ValueLayout.JAVA_FLOAT, 0));
            }
            super.launch(function, kernel, blocks, threads, sharedBytes, stream, argument);
        }
    }

    @Test
    void theSameGradientsArePreconditionedInEveryRound() {
        var inFigures = new FirstGradients();
        KfacBenchmark.measure("cuda-ffm", inFigures, FactorSizes.TINY, 3);
        // Once to see the products, and in a round that does not count.
        assertThat(inFigures.found).hasSize(1 + 1 + 3);
        assertThat(new HashSet<>(inFigures.found)).hasSize(1);

        var inKernels = new FirstGradients();
        try (var figures = new KernelBenchmark("cuda-ffm", new TimingDriver(inKernels))) {
            figures.ofFactors(FactorSizes.TINY, 3);
        }
        assertThat(inKernels.found).hasSize(1 + 3);
        assertThat(new HashSet<>(inKernels.found)).hasSize(1);
    }

    @Test
    void gradientsDoNotRunAway() {
        try (var backend =
                        CudaImplementation.FFM.open(
                                CudaImplementation.FFM.driver(), CudaImplementation.FFM::blas);
                var model = new KfacModel(FactorSizes.TINY, backend)) {
            model.update(0);
            model.refresh();
            model.precondition();
            double once = model.engine().klCoefficient().orElseThrow();
            model.refillGradients();
            model.precondition();
            assertThat(model.engine().klCoefficient()).hasValue(once);
            model.precondition();
            assertThat(model.engine().klCoefficient().orElseThrow()).isNotEqualTo(once);
        }
    }
}

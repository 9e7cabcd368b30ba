package org.panoptim.tests.equivalence;

import org.panoptim.backend.Backend;
import org.panoptim.cuda.CudaFfmProvider;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.cuda.jcuda.CudaJcudaProvider;
import org.panoptim.simd.SimdBackend;
import org.panoptim.simd.SimdOptions;
import org.panoptim.testkit.VirtualGpu;

import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The backends that the suite compares: on the virtual GPU, if that is chosen, the CUDA backend
 * through both implementations of the driver's interface and with every order of threads, and
 * otherwise the SIMD backend.
 */
final class SuiteBackends {

    private static final int MOST_THREADS = 3;

    private SuiteBackends() {}

    /** The yardstick. */
    static SuiteBackend reference() {
        return new SuiteBackend("reference", () -> Backend.named("reference"));
    }

    /** All that must equal the reference in this run of the suite. */
    static List<SuiteBackend> others() {
        return VirtualGpu.isChosen() ? cuda(CudaOptions.defaults()) : simd(SimdOptions.defaults());
    }

    /** The reference and all that must equal it. */
    static List<SuiteBackend> all() {
        return Stream.concat(Stream.of(reference()), others().stream()).toList();
    }

    /** Every tier that can run here, with one thread, as many as a small machine has, and more. */
    private static List<SuiteBackend> simd(SimdOptions options) {
        return SimdBackend.usableTiers().stream()
                .map(options::withTier)
                .flatMap(tier -> IntStream.rangeClosed(1, MOST_THREADS).mapToObj(tier::withThreads))
                .map(
                        chosen ->
                                new SuiteBackend(
                                        "simd "
                                                + chosen.tier().orElseThrow().label()
                                                + " on "
                                                + chosen.threads(),
                                        () -> SimdBackend.open(chosen)))
                .toList();
    }

    private static List<SuiteBackend> cuda(CudaOptions options) {
        return VirtualGpu.ORDERS.stream()
                .flatMap(
                        order ->
                                Stream.of(
                                        onDevice(
                                                CudaFfmProvider.NAME,
                                                order,
                                                () -> CudaFfmProvider.open(options)),
                                        onDevice(
                                                CudaJcudaProvider.NAME,
                                                order,
                                                () -> CudaJcudaProvider.open(options))))
                .toList();
    }

    private static SuiteBackend onDevice(String name, String order, Supplier<Backend> opener) {
        return new SuiteBackend(name + ", threads " + order, opener, () -> VirtualGpu.order(order));
    }
}

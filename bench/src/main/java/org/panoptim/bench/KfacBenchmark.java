package org.panoptim.bench;

import org.panoptim.backend.Backend;
import org.panoptim.bench.result.Results.KfacTimes;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.StreamTimer;
import org.panoptim.memory.Buffer;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Times on a device what K-FAC does between refreshes, over all layers of a model: accumulating a
 * micro-batch, and preconditioning the gradients, in turn with its bare matrix products, which
 * cuBLAS takes of other numbers in matrices of the same shapes. Each is one interval of the
 * device's clock ({@link StreamTimer}). Gradients are filled anew before they are preconditioned,
 * untimed, or they would run away from step to step.
 */
public final class KfacBenchmark {

    /** Accumulating one micro-batch of every layer. */
    public static final String ACCUMULATE = "accumulate";

    /** Preconditioning the gradients of every layer. */
    public static final String PRECONDITION = "precondition";

    private static final String PRODUCTS = "products";

    private static final int MICRO_BATCH = 8192;

    /** A micro-batch of more would take minutes on the virtual GPU. */
    private static final int MICRO_BATCH_ON_VIRTUAL = KfacModel.ROWS;

    private final String name;
    private final FactorSizes sizes;

    private KfacBenchmark(String name, FactorSizes sizes) {
        this.name = name;
        this.sizes = sizes;
    }

    /** The rows of a micro-batch on a device. */
    static int microBatch(CudaBackend backend) {
        return backend.device().virtual() ? MICRO_BATCH_ON_VIRTUAL : MICRO_BATCH;
    }

    /** Why a backend cannot do this at all; empty if it can. */
    public static Optional<String> refusal(String backend) {
        try (var opened = Backend.named(backend)) {
            return KfacModel.refusal(opened);
        }
    }

    /**
     * Measures a model.
     *
     * @param backend by name, on a CUDA device
     * @param rounds that count, after one that does not
     */
    public static List<KfacTimes> measure(String backend, FactorSizes model, int rounds) {
        return measure(backend, CudaImplementation.of(backend).driver(), model, rounds);
    }

    static List<KfacTimes> measure(
            String backend, CudaDriver driver, FactorSizes model, int rounds) {
        return new KfacBenchmark(backend, model).measure(driver, rounds);
    }

    private List<KfacTimes> measure(CudaDriver driver, int rounds) {
        var implementation = CudaImplementation.of(name);
        var recorders = new ArrayList<Products>();
        try (var backend =
                        implementation.open(
                                driver,
                                () -> {
                                    recorders.add(new Products(implementation.blas()));
                                    return recorders.getFirst();
                                });
                var model = new KfacModel(sizes, backend, microBatch(backend))) {
            model.update(0);
            model.refresh();
            var products = recorders.getFirst().of(model::precondition);
            try (var alone = new Alone(backend, products)) {
                return times(backend, model, alone, rounds);
            }
        }
    }

    private List<KfacTimes> times(CudaBackend backend, KfacModel model, Alone alone, int rounds) {
        var works = new LinkedHashMap<String, Runnable>();
        works.put(ACCUMULATE, model::accumulate);
        works.put(PRECONDITION, model::precondition);
        works.put(PRODUCTS, alone::run);
        var seconds = new LinkedHashMap<String, double[]>();
        works.keySet().forEach(work -> seconds.put(work, new double[rounds]));
        backend.device().enter();
        try (var timer = new StreamTimer(backend.device().driver())) {
            for (int round = -1; round < rounds; round++) {
                for (Map.Entry<String, Runnable> work : works.entrySet()) {
                    model.refillGradients();
                    backend.device().driver().synchronizeStream(backend.stream());
                    timer.time(work.getKey(), backend.stream(), work.getValue());
                    double taken = timer.finish().getFirst().seconds();
                    if (round >= 0) {
                        seconds.get(work.getKey())[round] = taken;
                    }
                }
                // Not taken into the averages: every micro-batch finds nothing pending.
                model.engine().discard();
            }
        }
        return List.of(
                times(ACCUMULATE, model, seconds.get(ACCUMULATE), new double[0]),
                times(PRECONDITION, model, seconds.get(PRECONDITION), seconds.get(PRODUCTS)));
    }

    private KfacTimes times(String work, KfacModel model, double[] seconds, double[] products) {
        return new KfacTimes(sizes.name(), work, name, model.microBatch(), seconds, products);
    }

    /** Products by themselves, on buffers as large as the largest needs. */
    private static final class Alone implements AutoCloseable {

        private final List<Products.Product> products;
        private final List<Buffer> buffers = new ArrayList<>();

        Alone(CudaBackend backend, List<Products.Product> products) {
            this.products = products;
            try {
                allocateFilled(
                        backend,
                        products.stream().mapToLong(Products.Product::a).max().orElseThrow());
                allocateFilled(
                        backend,
                        products.stream().mapToLong(Products.Product::b).max().orElseThrow());
                allocateFilled(
                        backend,
                        products.stream().mapToLong(Products.Product::c).max().orElseThrow());
            } catch (RuntimeException | Error e) {
                close();
                throw e;
            }
        }

        private void allocateFilled(CudaBackend backend, long elements) {
            var buffer = backend.allocate(elements * Float.BYTES);
            buffers.add(buffer);
            KfacModel.fill(buffer, buffers.size());
        }

        void run() {
            for (var product : products) {
                product.repeat(address(0), address(1), address(2));
            }
        }

        private long address(int buffer) {
            return buffers.get(buffer).memory().address();
        }

        @Override
        public void close() {
            buffers.forEach(Buffer::close);
        }
    }
}

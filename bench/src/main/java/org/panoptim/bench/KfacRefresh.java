package org.panoptim.bench;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.panoptim.backend.Backend;
import org.panoptim.kfac.engine.Averages;
import org.panoptim.kfac.engine.Inversion;
import org.panoptim.kfac.engine.KroneckerEngine;
import org.panoptim.matrix.InversionMethod;
import org.panoptim.matrix.Inverted;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The inverses of all Kronecker factors of a model, each with its certificate: from scratch, or by
 * Newton's method from the inverses of ten updates ago. The peer is {@code
 * bench/peers/torch_linalg.py}.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 1)
@Measurement(iterations = 3)
public class KfacRefresh {

    private static final int UPDATES = 10;

    /** How inverses are computed. */
    public enum Method {
        /** From the Cholesky factorisation. */
        CHOLESKY,
        /**
         * From the inverses in use, to a certified error of 1e-3; where the certified error is
         * larger, from the Cholesky factorisation after all, as {@code Kfac} does.
         */
        NEWTON
    }

    /** The model. */
    @Param({"RESNET50", "GPT2_SMALL"})
    public FactorSizes model = FactorSizes.TINY;

    /** The method. */
    @Param({"CHOLESKY", "NEWTON"})
    public Method method = Method.CHOLESKY;

    /** Where. */
    @Param("simd")
    public String backend = "simd";

    private Backend opened;
    private KfacModel factors;
    private List<Inversion> inversions;

    /** Made by JMH. */
    public KfacRefresh() {}

    /** Accumulates factors and, for Newton's method, inverts them and takes ten more updates. */
    @Setup
    public void open() {
        opened = Backend.named(backend);
        factors = new KfacModel(model, opened);
        factors.update(0);
        inversions = factors.inversions(new InversionMethod.Cholesky(false));
        if (method == Method.NEWTON) {
            factors.refresh();
            double kept = 1;
            for (int update = 1; update <= UPDATES; update++) {
                factors.update(update);
                kept *= 1 - Averages.share(KfacModel.DECAY, update + 1);
            }
            inversions =
                    factors.inversions(
                            new InversionMethod.Newton(.99 * kept, KfacModel.TOLERANCE, 12));
        }
    }

    /** What it computes on. */
    Backend opened() {
        return opened;
    }

    KroneckerEngine engine() {
        return factors.engine();
    }

    /** Closes all. */
    @TearDown
    public void close() {
        factors.close();
        opened.close();
    }

    /**
     * Inverts all factors.
     *
     * @return the result for each
     * @throws IllegalStateException if one has no inverse that is good enough: then this measures
     *     nothing
     */
    @Benchmark
    public List<Inverted> refresh() {
        var engine = engine();
        var results = new ArrayList<>(engine.invert(inversions));
        var again = new ArrayList<Integer>();
        for (int i = 0; i < results.size(); i++) {
            if (KfacModel.isTooFar(results.get(i))) {
                again.add(i);
            }
        }
        if (method == Method.NEWTON && !again.isEmpty()) {
            var fromScratch = factors.inversions(new InversionMethod.Cholesky(false));
            var second = engine.invert(again.stream().map(fromScratch::get).toList());
            for (int i = 0; i < second.size(); i++) {
                results.set(again.get(i), second.get(i));
            }
        }
        factors.requireGoodEnough(results);
        return results;
    }
}

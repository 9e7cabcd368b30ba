package org.panoptim.cli.verify;

import org.panoptim.kfac.engine.FactorEngines;
import org.panoptim.kfac.engine.Inversion;
import org.panoptim.kfac.engine.KroneckerEngine;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.matrix.InversionMethod;
import org.panoptim.matrix.Inverted;
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.scenario.BackendUnderTest;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Inverts Kronecker factors on a backend, and compares the error that the backend certifies with
 * the error in double. Backends do not have each other's bits here, but none may be worse than it
 * says.
 */
public final class InverseCheck {

    private static final int[] SIZES = {1, 2, 33, 64, 65, 129, 224, 225, 300};
    private static final double[] DAMPINGS = {.1, .01, .001};

    /** A certified error beyond this is of no use, and a backend that gives it has failed. */
    private static final double USEFUL = .25;

    private InverseCheck() {}

    /**
     * The result on a backend.
     *
     * @param certified the largest error that was certified
     * @param inDouble the largest error in double
     * @param factors how many factors were inverted
     * @param wrong the factors whose error is larger than certified, or of no use
     * @param refusal why the backend inverts none, or empty
     */
    public record Result(
            String backend,
            double certified,
            double inDouble,
            int factors,
            List<String> wrong,
            String refusal) {

        /** Copies the list. */
        public Result {
            wrong = List.copyOf(wrong);
        }

        /** Whether factors were inverted, and every certificate holds. */
        public boolean passed() {
            return refusal.isEmpty() && wrong.isEmpty();
        }
    }

    /**
     * Runs it on a backend in one or several configurations, which stay the caller's.
     *
     * @param configurations at least one
     * @return the worst of them
     */
    public static Result of(String backend, List<BackendUnderTest> configurations) {
        var result = new Result(backend, 0, 0, 0, List.of(), "");
        try {
            for (var configuration : configurations) {
                for (double damping : DAMPINGS) {
                    result = join(result, of(configuration, damping));
                }
            }
            return result;
        } catch (UnsupportedPlanException e) {
            return new Result(backend, 0, 0, 0, List.of(), String.valueOf(e.getMessage()));
        }
    }

    private static Result join(Result one, Result other) {
        var wrong = new ArrayList<>(one.wrong());
        wrong.addAll(other.wrong());
        return new Result(
                one.backend(),
                Math.max(one.certified(), other.certified()),
                Math.max(one.inDouble(), other.inDouble()),
                one.factors() + other.factors(),
                wrong,
                "");
    }

    private static Result of(BackendUnderTest subject, double damping) {
        var backend = subject.backend();
        var weights = new ArrayList<Buffer>();
        try {
            var layers = new ArrayList<KroneckerLayer>();
            for (int n : SIZES) {
                var buffer = backend.allocate((long) n * Float.BYTES);
                weights.add(buffer);
                var weight = Parameter.of("n = " + n, Shape.of(1, n), buffer.memory());
                layers.add(new KroneckerLayer("n = " + n, weight, Optional.empty()));
            }
            try (var engine = FactorEngines.of(backend).open(new KroneckerPlan(layers, .95))) {
                return of(subject.name(), engine, damping);
            }
        } finally {
            weights.forEach(Buffer::close);
        }
    }

    private static Result of(String name, KroneckerEngine engine, double damping) {
        var factors = new ArrayList<TestFactor>();
        for (int layer = 0; layer < SIZES.length; layer++) {
            factors.add(TestFactor.of(SIZES[layer], 100L * layer));
            engine.average(2 * layer).set(factors.get(layer).values());
            engine.restore(layer, 1, 0);
        }
        var factorIndices = IntStream.range(0, SIZES.length).mapToObj(layer -> 2 * layer).toList();
        var results =
                engine.invert(
                        factorIndices.stream()
                                .map(
                                        factor ->
                                                new Inversion(
                                                        factor,
                                                        damping,
                                                        new InversionMethod.Cholesky(false)))
                                .toList());
        engine.adopt(factorIndices);
        double certified = 0;
        double largest = 0;
        var wrong = new ArrayList<String>();
        for (int layer = 0; layer < SIZES.length; layer++) {
            var result = results.get(layer);
            double inDouble =
                    result.status() == Inverted.Status.INVERTED
                            ? factors.get(layer).error(damping, engine.inverse(2 * layer).toArray())
                            : Double.POSITIVE_INFINITY;
            certified = Math.max(certified, result.certifiedError());
            largest = Math.max(largest, inDouble);
            if (!(inDouble <= result.certifiedError() && result.certifiedError() <= USEFUL)) {
                wrong.add(
                        "%s, n = %d, damping %.0e: %s, certified error %.1e, in double %.1e"
                                .formatted(
                                        name,
                                        SIZES[layer],
                                        damping,
                                        result.status(),
                                        result.certifiedError(),
                                        inDouble));
            }
        }
        return new Result(name, certified, largest, SIZES.length, wrong, "");
    }
}

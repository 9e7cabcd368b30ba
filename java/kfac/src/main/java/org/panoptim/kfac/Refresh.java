package org.panoptim.kfac;

import static org.panoptim.kfac.FactorReport.Side.INPUTS;
import static org.panoptim.kfac.FactorReport.Side.OUTPUT_GRADIENTS;

import org.jspecify.annotations.Nullable;
import org.panoptim.kfac.engine.FactorState;
import org.panoptim.kfac.engine.Inversion;
import org.panoptim.kfac.engine.KroneckerEngine;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.matrix.InversionMethod;
import org.panoptim.matrix.Inverted;
import org.panoptim.rule.Arithmetic;

import java.util.ArrayList;
import java.util.List;

/**
 * One refresh of inverses: damps each factor, and tries for each, until its certificate is good
 * enough, Newton's method (where requested), the Cholesky factorisation, the same with larger
 * damping and in double; then keeps the previous inverse, or its replacement. Where there is a
 * factorisation, and only its certificate is not good enough, double comes first.
 */
final class Refresh {

    /** Raised damping is this many times the requested damping. */
    private static final double[] RAISED = {10, 100};

    /** Newton's method in float is of use up to this condition. */
    private static final double NEWTON_CONDITION = 1e4;

    private static final int NEWTON_ITERATIONS = 6;

    private final KroneckerEngine engine;
    private final KroneckerPlan plan;
    private final KfacSettings settings;
    private final Fallback last;

    /** What is tried for a factor, in this order. */
    private record Attempt(double damping, InversionMethod method, Fallback fallback) {}

    /** A factor on its way through its attempts. */
    private static final class Pending {
        final int factor;
        final List<Attempt> attempts;
        int tried;

        Pending(int factor, List<Attempt> attempts) {
            this.factor = factor;
            this.attempts = attempts;
        }

        Attempt attempt() {
            return attempts.get(tried);
        }

        /** Goes on to the next attempt, if there is one. */
        boolean next(Inverted.Status status) {
            boolean inaccurate =
                    status == Inverted.Status.INVERTED
                            && attempt().method() instanceof InversionMethod.Cholesky(var precise)
                            && !precise;
            tried++;
            if (inaccurate && attempts.getLast().fallback() == Fallback.DOUBLE_PRECISION) {
                attempts.add(tried, attempts.removeLast());
            }
            return tried < attempts.size();
        }
    }

    Refresh(
            KroneckerEngine engine,
            KroneckerPlan plan,
            KfacSettings settings,
            WithoutInverse withoutInverse) {
        last = withoutInverse == WithoutInverse.IDENTITY ? Fallback.IDENTITY : Fallback.ZERO;
        this.engine = engine;
        this.plan = plan;
        this.settings = settings;
    }

    /**
     * Runs it for some layers, which have averages; their factors' histories and reports are
     * brought up to date.
     *
     * @return the updates that were dropped so far
     */
    long run(List<Integer> layers, FactorHistory[] histories, @Nullable FactorReport[] reports) {
        var states = engine.factors();
        List<Pending> pending = new ArrayList<>();
        for (int layer : layers) {
            for (int factor = 2 * layer; factor < 2 * layer + 2; factor++) {
                double damping = damping(states, factor);
                pending.add(
                        new Pending(
                                factor, attempts(damping, states.get(factor), histories[factor])));
            }
        }
        while (!pending.isEmpty()) {
            pending = round(pending, states, histories, reports);
        }
        long refused = 0;
        for (int factor = 0; factor < states.size(); factor += 2) {
            refused += states.get(factor).refused();
        }
        return refused;
    }

    /** Tries the next of every factor; returns those that have something left to try. */
    private List<Pending> round(
            List<Pending> pending,
            List<FactorState> states,
            FactorHistory[] histories,
            @Nullable FactorReport[] reports) {
        var inverted =
                engine.invert(
                        pending.stream()
                                .map(
                                        each ->
                                                new Inversion(
                                                        each.factor,
                                                        each.attempt().damping(),
                                                        each.attempt().method()))
                                .toList());
        List<Integer> adopted = new ArrayList<>();
        List<Pending> left = new ArrayList<>();
        for (int i = 0; i < pending.size(); i++) {
            var each = pending.get(i);
            var history = histories[each.factor];
            var result = inverted.get(i);
            if (result.status() == Inverted.Status.INVERTED
                    && result.relativeError() <= settings.tolerance()) {
                adopted.add(each.factor);
                history.invertedAt(
                        states.get(each.factor).updates(), each.attempt().damping(), result);
                reports[each.factor] = report(each, result, history);
            } else if (each.next(result.status())) {
                left.add(each);
            } else {
                history.keptStale();
                reports[each.factor] = stale(each.factor, history);
            }
        }
        engine.adopt(adopted);
        return left;
    }

    private List<Attempt> attempts(double damping, FactorState state, FactorHistory history) {
        var attempts = new ArrayList<Attempt>();
        double lowest = lowestEigenvalue(damping, state, history);
        boolean newton =
                settings.newtonError() > 0
                        && history.isFresh()
                        && history.condition() <= NEWTON_CONDITION
                        && lowest > 0;
        if (newton) {
            attempts.add(
                    new Attempt(
                            damping,
                            new InversionMethod.Newton(
                                    lowest, settings.newtonError(), NEWTON_ITERATIONS),
                            Fallback.NONE));
        }
        attempts.add(
                new Attempt(
                        damping,
                        new InversionMethod.Cholesky(false),
                        newton ? Fallback.CHOLESKY : Fallback.NONE));
        for (double times : RAISED) {
            attempts.add(
                    new Attempt(
                            times * damping,
                            new InversionMethod.Cholesky(false),
                            Fallback.LARGER_DAMPING));
        }
        attempts.add(
                new Attempt(
                        damping, new InversionMethod.Cholesky(true), Fallback.DOUBLE_PRECISION));
        return attempts;
    }

    /**
     * A bound from below of the eigenvalues of the inverse in use times the damped factor: of the
     * average that was inverted, this share is still in the present one, to which only positive
     * semidefinite terms were added.
     */
    private double lowestEigenvalue(double damping, FactorState state, FactorHistory history) {
        if (!history.isFresh()) {
            return 0;
        }
        double decay = settings.decayOfUpdate();
        long updates = state.updates() - history.updates();
        double kept =
                Arithmetic.power(decay, updates)
                        * (1 - Arithmetic.power(decay, history.updates()))
                        / (1 - Arithmetic.power(decay, state.updates()));
        return Math.min(kept, damping / history.damping()) * (1 - history.error());
    }

    /** √γ, shared out between the two factors by π. */
    private double damping(List<FactorState> states, int factor) {
        int inputs = factor - factor % 2;
        double root = Math.sqrt(settings.damping());
        double pi =
                Math.sqrt(
                        mean(states.get(inputs), plan.size(inputs))
                                / mean(states.get(inputs + 1), plan.size(inputs + 1)));
        if (!settings.piCorrection() || !(pi > 0 && pi < Double.POSITIVE_INFINITY)) {
            pi = 1;
        }
        return factor == inputs ? pi * root : root / pi;
    }

    private static double mean(FactorState state, int size) {
        return state.trace() / size;
    }

    private FactorReport report(Pending each, Inverted result, FactorHistory history) {
        return new FactorReport(
                plan.layerOf(each.factor).name(),
                each.factor % 2 == 0 ? INPUTS : OUTPUT_GRADIENTS,
                plan.size(each.factor),
                result.condition(),
                result.relativeError(),
                each.attempt().damping(),
                result.iterations(),
                each.attempt().fallback(),
                history.stale());
    }

    private FactorReport stale(int factor, FactorHistory history) {
        return new FactorReport(
                plan.layerOf(factor).name(),
                factor % 2 == 0 ? INPUTS : OUTPUT_GRADIENTS,
                plan.size(factor),
                Double.POSITIVE_INFINITY,
                Double.POSITIVE_INFINITY,
                0,
                0,
                history.hasInverse() ? Fallback.PREVIOUS_INVERSE : last,
                history.stale());
    }
}

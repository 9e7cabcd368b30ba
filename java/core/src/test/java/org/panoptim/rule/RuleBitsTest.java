package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.schedule.Schedule;

import java.util.Random;
import java.util.stream.Stream;

/**
 * Every rule's bits, by its formula written down once more: scalars in double and rounded once,
 * then float operations in a fixed order. Values are such that other orders round otherwise.
 */
class RuleBitsTest {

    private static final int ELEMENTS = 64;
    private static final int STEPS = 4;
    private static final double FACTOR = 0.7;

    /** One element: its value, its states, and what came in the step. */
    private static final class Cell {
        float p;
        float m;
        float v;
        float top;
        float g;
        float c;
        boolean curved;
    }

    /** A formula, with the number of the step. */
    @FunctionalInterface
    private interface Formula {
        void apply(Cell cell, int t);
    }

    private static float f(double x) {
        return (float) x;
    }

    private static float root(float x) {
        return (float) Math.sqrt(x);
    }

    private static double powered(double beta, int t) {
        // As binary exponentiation does for t up to 4.
        double square = beta * beta;
        return switch (t) {
            case 1 -> beta;
            case 2 -> square;
            case 3 -> beta * square;
            default -> square * square;
        };
    }

    private static void sgd(Cell e, int t, SGD r) {
        float g = e.g * (r.maximize() ? -1 : 1) + f(r.weightDecay()) * e.p;
        float rate = f(r.learningRate() * FACTOR);
        float mu = f(r.momentum());
        e.m = t == 1 || mu == 0 ? g : mu * e.m + f(1 - r.dampening()) * g;
        float u = r.nesterov() ? g + mu * e.m : e.m;
        e.p = e.p - rate * u;
    }

    private static float moments(
            Cell e, float g, int t, double rate, double b1, double b2, double eps, boolean ams) {
        float stepSize = f(rate / (1 - powered(b1, t)));
        float inverseRoot = f(1 / Math.sqrt(1 - powered(b2, t)));
        e.m = e.m + f(1 - b1) * (g - e.m);
        e.v = f(b2) * e.v + f(1 - b2) * (g * g);
        e.top = e.top > e.v ? e.top : e.v;
        float d = root(ams ? e.top : e.v) * inverseRoot + f(eps);
        return stepSize * (e.m / d);
    }

    private static void adam(Cell e, int t, Adam r) {
        float g = e.g * (r.maximize() ? -1 : 1) + f(r.weightDecay()) * e.p;
        double rate = r.learningRate() * FACTOR;
        e.p -= moments(e, g, t, rate, r.beta1(), r.beta2(), r.epsilon(), r.amsgrad());
    }

    private static void adamW(Cell e, int t, AdamW r) {
        float g = e.g * (r.maximize() ? -1 : 1);
        double rate = r.learningRate() * FACTOR;
        float step = moments(e, g, t, rate, r.beta1(), r.beta2(), r.epsilon(), r.amsgrad());
        e.p = e.p - (f(rate * r.weightDecay()) * e.p + step);
    }

    private static void lion(Cell e, Lion r) {
        double rate = r.learningRate() * FACTOR;
        float u = f(r.beta1()) * e.m + f(1 - r.beta1()) * e.g;
        e.p = e.p - (f(rate * r.weightDecay()) * e.p + f(rate) * Math.signum(u));
        e.m = f(r.beta2()) * e.m + f(1 - r.beta2()) * e.g;
    }

    private static void sophiaG(Cell e, SophiaG r) {
        double rate = r.learningRate() * FACTOR;
        if (e.curved) {
            e.v = f(r.beta2()) * e.v + f(1 - r.beta2()) * (e.c * e.c);
        }
        e.m = f(r.beta1()) * e.m + f(1 - r.beta1()) * (r.maximize() ? -e.g : e.g);
        float ratio = Math.min(Math.abs(e.m) / (f(r.rho() * r.batchSize()) * e.v + 1e-15f), 1);
        e.p = e.p - (f(rate * r.weightDecay()) * e.p + f(rate) * (Math.signum(e.m) * ratio));
    }

    private static void sophiaH(Cell e, SophiaH r) {
        double rate = r.learningRate() * FACTOR;
        if (e.curved) {
            e.v = f(r.beta2()) * e.v + f(1 - r.beta2()) * e.c;
        }
        e.m = f(r.beta1()) * e.m + f(1 - r.beta1()) * e.g;
        float clip = f(r.clip());
        float u = Math.clamp(e.m / Math.max(e.v, f(r.epsilon())), -clip, clip);
        e.p = e.p - (f(rate * r.weightDecay()) * e.p + f(rate) * u);
    }

    private static void adaFisher(Cell e, int t, AdaFisher r) {
        double rate = r.learningRate() * FACTOR;
        if (e.curved) {
            e.v = e.c;
        }
        e.m = f(r.beta1()) * e.m + f(1 - r.beta1()) * (r.maximize() ? -e.g : e.g);
        float u = e.m / (e.v + f(r.damping()));
        float stepSize = f(rate / (1 - powered(r.beta1(), t)));
        e.p = e.p - (f(rate * r.weightDecay()) * e.p + stepSize * u);
    }

    private static Arguments rule(UpdateRule rule, Formula formula) {
        return arguments(rule, formula);
    }

    static Stream<Arguments> rules() {
        var sgd = new SGD(0.3, 0, 0, 0.07, false, false);
        var momentum = new SGD(0.3, 0.9, 0.2, 0.07, false, true);
        var nesterov = new SGD(0.3, 0.85, 0, 0.07, true, false);
        var adam = new Adam(0.3, 0.9, 0.999, 1e-3, 0.07, false, false);
        var amsgrad = new Adam(0.3, 0.9, 0.97, 1e-3, 0.07, true, true);
        var adamW = new AdamW(0.3, 0.9, 0.999, 1e-3, 0.07, false, true);
        var amsgradW = new AdamW(0.3, 0.9, 0.97, 1e-3, 0.07, true, false);
        var lion = new Lion(0.3, 0.9, 0.99, 0.07);
        var sophiaG = new SophiaG(0.3, 0.965, 0.99, 0.4, 3, 0.07, true);
        var sophiaH = new SophiaH(0.3, 0.96, 0.99, 0.6, 1e-3, 0.07);
        var adaFisher = new AdaFisher(0.3, 0.9, 0.6, 0.07, false);
        var climbingFisher = new AdaFisher(0.3, 0.85, 0.4, 0.07, true);
        return Stream.of(
                rule(sgd, (e, t) -> sgd(e, t, sgd)),
                rule(momentum, (e, t) -> sgd(e, t, momentum)),
                rule(nesterov, (e, t) -> sgd(e, t, nesterov)),
                rule(adam, (e, t) -> adam(e, t, adam)),
                rule(amsgrad, (e, t) -> adam(e, t, amsgrad)),
                rule(adamW, (e, t) -> adamW(e, t, adamW)),
                rule(amsgradW, (e, t) -> adamW(e, t, amsgradW)),
                rule(lion, (e, _) -> lion(e, lion)),
                rule(sophiaG, (e, _) -> sophiaG(e, sophiaG)),
                rule(sophiaH, (e, _) -> sophiaH(e, sophiaH)),
                rule(adaFisher, (e, t) -> adaFisher(e, t, adaFisher)),
                rule(climbingFisher, (e, t) -> adaFisher(e, t, climbingFisher)));
    }

    @ParameterizedTest
    @MethodSource("rules")
    void theRuleHasTheBitsOfItsFormula(UpdateRule rule, Formula formula) {
        var random = new Random(5);
        var cells = Stream.generate(Cell::new).limit(ELEMENTS).toArray(Cell[]::new);
        var start = floats(random);
        for (int i = 0; i < ELEMENTS; i++) {
            cells[i].p = start[i];
        }
        try (var trial = new Trial(rule, Schedule.of(_ -> FACTOR), start)) {
            for (int t = 1; t <= STEPS; t++) {
                var gradient = floats(random);
                var curvature = floats(random);
                boolean curved = rule.takesCurvature() && t % 2 == 1;
                for (int i = 0; i < ELEMENTS; i++) {
                    cells[i].g = gradient[i];
                    cells[i].c = curvature[i];
                    cells[i].curved = curved;
                    formula.apply(cells[i], t);
                }
                if (curved) {
                    trial.step(gradient, curvature);
                } else {
                    trial.step(gradient);
                }
                assertThat(trial.value()).as("after step %d", t).containsExactly(values(cells));
            }
        }
    }

    private static float[] floats(Random random) {
        var values = new float[ELEMENTS];
        for (int i = 0; i < ELEMENTS; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static float[] values(Cell[] cells) {
        var values = new float[cells.length];
        for (int i = 0; i < cells.length; i++) {
            values[i] = cells[i].p;
        }
        return values;
    }
}

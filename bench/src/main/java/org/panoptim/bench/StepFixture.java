package org.panoptim.bench;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;

import java.util.List;

/** Panoptim's AdamW over a workload's tensors, set up for one kind of work. */
final class StepFixture implements AutoCloseable {

    private static final double LOSS_SCALE = 1024;
    private static final int REFUSED_EVERY = 10;

    private static final int STATISTICS_EVERY = 50;

    private static final double AVERAGE_DECAY = 0.999;

    private final Workload workload;
    private final Scenario scenario;
    private final String backendName;
    private final Backend backend;
    private final Model model;
    private final Optimizer optimizer;
    private final float firstGradient;
    private long steps;

    StepFixture(Workload workload, Scenario scenario, String backendName) {
        this.workload = workload;
        this.scenario = scenario;
        this.backendName = backendName;
        backend = Backend.named(backendName);
        model = Model.of(workload, scenario, backend);
        firstGradient = model.gradient(0, 0);
        optimizer = optimizer(scenario, model.groups(), backend);
    }

    /** AdamW over groups; each of several has different hyper-parameters. */
    static Optimizer optimizer(Scenario scenario, List<List<Parameter>> groups, Backend backend) {
        var builder = Optimizer.builder(AdamW.defaults()).backend(backend);
        for (int i = 0; i < groups.size(); i++) {
            int index = i;
            builder.group(
                    "group" + i,
                    groups.get(i),
                    rule ->
                            rule.atLearningRate(1e-3 / (1 + index))
                                    .withWeightDecay(1e-2 * (1 + index)));
        }
        switch (scenario) {
            case STEP, BF16, COPY -> {}
            case CLIP_STEP_ZERO -> builder.clipGlobalNorm(1).zeroGradients(true);
            case LOSS_SCALE ->
                    builder.lossScale(LossScale.fixed(LOSS_SCALE)).nonFinite(NonFinitePolicy.SKIP);
            case AVERAGE -> builder.averageDecay(AVERAGE_DECAY);
            case STATISTICS -> builder.statistics(true);
            case SOME_STATISTICS -> builder.statisticsEvery(STATISTICS_EVERY);
        }
        return builder.build();
    }

    /** Another optimizer over the same parameters, for the step alone; the caller closes it. */
    Optimizer plainOptimizer() {
        return optimizer(Scenario.STEP, model.groups(), backend);
    }

    /** The step alone over tensors of floats of its own, of the same shapes on the same backend. */
    StepFixture overFloats() {
        return new StepFixture(workload, Scenario.STEP, backendName);
    }

    Workload workload() {
        return workload;
    }

    Scenario scenario() {
        return scenario;
    }

    Model model() {
        return model;
    }

    Optimizer optimizer() {
        return optimizer;
    }

    /** How many steps were taken or refused. */
    long steps() {
        return steps;
    }

    /** Whether a step, counted from 0, has an infinite gradient. */
    static boolean isRefused(Scenario scenario, long step) {
        return scenario == Scenario.LOSS_SCALE && step % REFUSED_EVERY == REFUSED_EVERY - 1;
    }

    /**
     * Runs the scenario once, to its end, and returns how many nanoseconds it took. On a device
     * gradients are filled before each step, untimed, so that no step runs on the zeros that the
     * step before has left.
     */
    long run() {
        if (scenario == Scenario.CLIP_STEP_ZERO) {
            model.refillBeforeStep();
        }
        boolean refused = isRefused(scenario, steps);
        if (refused) {
            model.setGradient(0, 0, Float.POSITIVE_INFINITY);
        }
        long start = System.nanoTime();
        optimizer.step();
        model.awaitSteps();
        long nanos = System.nanoTime() - start;
        if (refused) {
            model.setGradient(0, 0, firstGradient);
        }
        steps++;
        return nanos;
    }

    @Override
    public void close() {
        optimizer.close();
        model.close();
        backend.close();
    }
}

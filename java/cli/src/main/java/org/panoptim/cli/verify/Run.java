package org.panoptim.cli.verify;

import org.panoptim.Backend;
import org.panoptim.NonFiniteGradientException;
import org.panoptim.Optimizer;
import org.panoptim.Parameter;
import org.panoptim.Shape;
import org.panoptim.rule.UpdateRule;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.SplittableRandom;

/** Runs a scenario on a backend. The same scenario has the same inputs on every backend. */
public final class Run implements AutoCloseable {

    private static final long SEED = 20260101;

    private record Tensor(
            Parameter parameter,
            UpdateRule rule,
            BackendTensor value,
            BackendTensor gradient,
            BackendTensor curvature) {}

    private final Scenario scenario;
    private final Backend backend;
    private final SplittableRandom random = new SplittableRandom(SEED);
    private final List<Tensor> tensors = new ArrayList<>();
    private final SequencedMap<String, Double> numbers = new LinkedHashMap<>();

    private Run(Scenario scenario, Backend backend) {
        this.scenario = scenario;
        this.backend = backend;
    }

    /** Runs all steps and takes down what they leave behind. */
    public static Snapshot of(Scenario scenario, Backend backend) {
        try (var run = new Run(scenario, backend)) {
            return run.run();
        }
    }

    private Snapshot run() {
        var builder = Optimizer.<UpdateRule>builder(scenario.groups().getFirst().rule());
        for (int g = 0; g < scenario.groups().size(); g++) {
            var group = scenario.groups().get(g);
            builder.group("g" + g, parameters(g, group), group.rule());
        }
        scenario.options().apply(builder).backend(backend);
        try (var optimizer = builder.build()) {
            for (int step = 1; step <= scenario.steps(); step++) {
                scenario.beforeStep().apply(step, optimizer);
                step(step, optimizer);
            }
            return snapshot(optimizer);
        }
    }

    private List<Parameter> parameters(int place, Scenario.Group group) {
        var parameters = new ArrayList<Parameter>();
        for (int size : group.sizes()) {
            var value = allocate(size);
            var tensor =
                    new Tensor(
                            Parameter.of(
                                    "g" + place + "." + parameters.size(),
                                    Shape.of(size),
                                    value.memory()),
                            group.rule(),
                            value,
                            allocate(size),
                            allocate(size));
            tensors.add(tensor);
            fill(value, scenario.values());
            parameters.add(tensor.parameter());
        }
        return parameters;
    }

    private BackendTensor allocate(int elements) {
        return new BackendTensor(backend, elements, scenario.unaligned() ? Float.BYTES : 0);
    }

    private void fill(BackendTensor tensor, Signal signal) {
        var values = new float[tensor.elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = signal.next(random);
        }
        tensor.write(values);
    }

    private void step(int step, Optimizer optimizer) {
        for (int i = 0; i < tensors.size(); i++) {
            var tensor = tensors.get(i);
            // Drawn in any case, so that scenarios differ in what they use only.
            fill(tensor.gradient(), scenario.gradients());
            if (scenario.gradientAt().test(step, i)) {
                tensor.parameter().gradient(tensor.gradient().memory());
            } else {
                tensor.parameter().clearGradient();
            }
            if (scenario.curvatureAt().test(step, i)) {
                fill(tensor.curvature(), scenario.curvatures());
                tensor.parameter().curvature(tensor.curvature().memory());
            }
        }
        try {
            optimizer.step();
            // A device tells of a refusal when it is asked.
            optimizer.lossScale();
            note(step, "failed", 0);
        } catch (NonFiniteGradientException _) {
            note(step, "failed", 1);
        }
        report(step, optimizer);
    }

    private void report(int step, Optimizer optimizer) {
        var report = optimizer.report();
        note(step, "accepted steps", report.step());
        note(step, "skipped steps", report.skipped());
        note(step, "accepted", report.accepted() ? 1 : 0);
        note(step, "loss scale", report.lossScale());
        note(step, "gradient norm", report.gradientNorm().orElse(-1));
        note(step, "update norm", report.updateNorm().orElse(-1));
        note(step, "clip coefficient", report.clipCoefficient());
        report.counts().forEach((name, count) -> note(step, "count of " + name, count));
    }

    private void note(int step, String what, double value) {
        numbers.put(what + " after step " + step, value);
    }

    private Snapshot snapshot(Optimizer optimizer) {
        var found = new LinkedHashMap<String, float[]>();
        for (var tensor : tensors) {
            var name = tensor.parameter().name();
            found.put("param/" + name, tensor.value().toArray());
            for (var slot : tensor.rule().slots()) {
                found.put(
                        "state/" + slot.name() + "/" + name,
                        optimizer.state(name, slot.name()).toArray());
            }
            found.put("grad/" + name, tensor.gradient().toArray());
        }
        return new Snapshot(found, numbers);
    }

    @Override
    public void close() {
        tensors.forEach(
                tensor -> {
                    tensor.value().close();
                    tensor.gradient().close();
                    tensor.curvature().close();
                });
    }
}

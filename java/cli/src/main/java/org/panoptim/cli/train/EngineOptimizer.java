package org.panoptim.cli.train;

import org.bytedeco.pytorch.AdamOptions;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Optimizer;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.panoptim.rule.Adam;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SettingText;
import org.panoptim.rule.UpdateRule;
import org.panoptim.schedule.Schedule;

import java.util.List;
import java.util.Optional;

/**
 * One of PyTorch's own optimizers. Its betas cannot be set portably from Java: they are a C++
 * tuple, whose layout in memory depends on the standard library.
 */
public final class EngineOptimizer implements AutoCloseable {

    /** What can be set: of the rule, and the largest norm of all gradients together. */
    static final List<String> SETTINGS = List.of("lr", "weight_decay", "clip_norm");

    private final Optimizer optimizer;
    private final TensorVector parameters;
    private final Optional<Double> clipNorm;
    private final Optional<Schedule> schedule;
    private final double learningRate;
    private long steps;

    /**
     * An optimizer of a net's parameters.
     *
     * @param setup Adam or AdamW, whose other settings must be their defaults
     * @param all how many steps it will take, for the schedule
     * @throws IllegalArgumentException if they are not, or of another rule
     */
    public EngineOptimizer(Module net, OptimizerSetup setup, long all) {
        parameters = net.parameters();
        clipNorm =
                Optional.ofNullable(setup.configured().options().settings().get("clip_norm"))
                        .map(SettingText::number);
        schedule = setup.schedule().map(each -> each.of(all));
        learningRate = setup.rule().learningRate();
        optimizer = optimizer(setup.rule());
    }

    private Optimizer optimizer(UpdateRule rule) {
        switch (rule) {
            case AdamW adamW -> {
                requireDefaults(
                        adamW,
                        AdamW.withLearningRate(adamW.learningRate())
                                .withWeightDecay(adamW.weightDecay()));
                var options = new AdamWOptions(adamW.learningRate());
                options.weight_decay().put(adamW.weightDecay());
                return new org.bytedeco.pytorch.AdamW(parameters, options);
            }
            case Adam adam -> {
                requireDefaults(
                        adam,
                        Adam.withLearningRate(adam.learningRate())
                                .withWeightDecay(adam.weightDecay()));
                var options = new AdamOptions(adam.learningRate());
                options.weight_decay().put(adam.weightDecay());
                return new org.bytedeco.pytorch.Adam(parameters, options);
            }
            default ->
                    throw new IllegalArgumentException(
                            "PyTorch's optimizers here are Adam and AdamW, but came " + rule);
        }
    }

    private static void requireDefaults(UpdateRule rule, UpdateRule defaults) {
        if (!rule.equals(defaults)) {
            throw new IllegalArgumentException(
                    "PyTorch's optimizer runs with its defaults but for the learning rate and the"
                            + " weight decay, but came "
                            + Rules.settings(rule));
        }
    }

    /**
     * Checks the entry of one of PyTorch's optimizers.
     *
     * @throws IllegalArgumentException if it sets what cannot be set
     */
    public static void require(OptimizerEntry entry) {
        boolean can = SETTINGS.containsAll(entry.optimizer().settings().keySet());
        if (!can || !entry.companions().isEmpty()) {
            throw OptimizerEntry.problem(
                    entry.text(),
                    "PyTorch's optimizer takes %s here, and nothing else"
                            .formatted(String.join(", ", SETTINGS)));
        }
    }

    /** Updates the net from its gradients and sets them to zero. */
    public void step() {
        steps++;
        schedule.ifPresent(each -> learningRate(learningRate * each.factor(steps)));
        clipNorm.ifPresent(norm -> torch.clip_grad_norm_(parameters, norm));
        optimizer.step().close();
        optimizer.zero_grad();
    }

    private void learningRate(double rate) {
        var groups = optimizer.param_groups();
        for (long i = 0; i < groups.size(); i++) {
            groups.get(i).options().set_lr(rate);
        }
    }

    @Override
    public void close() {
        optimizer.close();
    }
}

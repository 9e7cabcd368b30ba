package org.panoptim.djl;

import ai.djl.Model;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.Trainer;
import ai.djl.training.TrainingConfig;

import org.jspecify.annotations.Nullable;
import org.panoptim.Optimizer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.UpdateRule;

import java.util.Objects;
import java.util.function.BiConsumer;
import java.util.function.Function;

/**
 * A DJL trainer whose steps are an {@link Optimizer}'s: all parameters in one pass, in place. It
 * stands where {@code model.newTrainer(config)} stood, and {@code EasyTrain.fit} goes on as before:
 *
 * <pre>{@code
 * try (var trainer = PanoptimTrainer.of(model, config, Rules.adamW(1e-3))) {
 *     trainer.initialize(new Shape(1, 784));
 *     EasyTrain.fit(trainer, 5, train, validate);
 * }
 * }</pre>
 *
 * <p>The config's own optimizer is not used. Initializers are set, and a loaded model's parameters
 * unfrozen, as DJL does it; parameters that are frozen later are left alone from then on. Each step
 * leaves zeros in the gradients, as DJL's optimizers do. Groups, schedules, clipping, companions
 * and everything else are the builder's:
 *
 * <pre>{@code
 * PanoptimTrainer.of(model, config, Rules.adamW(1e-3), (builder, parameters) ->
 *         builder.matrixDecay(parameters.list(), 0.1)
 *                 .schedule(Schedule.warmupCosine(100, 10_000))
 *                 .clipGlobalNorm(1));
 * }</pre>
 *
 * <p>It trains on the CPU with DJL's PyTorch engine; DJL tells no addresses elsewhere. One thread
 * at a time.
 */
public final class PanoptimTrainer extends Trainer {

    private final Function<DjlParameters, Optimizer.Builder<?>> plan;
    private @Nullable DjlParameters parameters;
    private @Nullable Optimizer optimizer;
    private boolean gradientsSeen;
    private boolean closed;

    private PanoptimTrainer(
            Model model,
            TrainingConfig config,
            Function<DjlParameters, Optimizer.Builder<?>> plan) {
        super(model, config);
        this.plan = plan;
    }

    /**
     * A trainer with one group, {@code all}, of the model's parameters.
     *
     * @param rule with the learning rate
     * @throws IllegalArgumentException if the config has other devices than the CPU
     */
    public static PanoptimTrainer of(Model model, TrainingConfig config, UpdateRule rule) {
        return of(model, config, rule, (_, _) -> {});
    }

    /**
     * A trainer with groups and settings of one's own. Its optimizer is made when it is first
     * needed: when the model is initialized.
     *
     * @param rule that of the groups which bring none of their own
     * @param settings adds groups of the model's parameters, and all else, to the builder, which is
     *     built afterwards; zeroing gradients is added to it, and parameters in no group make up
     *     one more ({@link Optimizer.Builder#remaining})
     * @throws IllegalArgumentException if the config has other devices than the CPU
     */
    public static <R extends UpdateRule> PanoptimTrainer of(
            Model model,
            TrainingConfig config,
            R rule,
            BiConsumer<Optimizer.Builder<R>, DjlParameters> settings) {
        Objects.requireNonNull(model, "model");
        Objects.requireNonNull(config, "config");
        Objects.requireNonNull(rule, "rule");
        Objects.requireNonNull(settings, "settings");
        for (var device : config.getDevices()) {
            if (device.isGpu()) {
                throw new IllegalArgumentException(
                        "the config trains on %s; DJL tells addresses on the CPU alone: optDevices(new Device[] {Device.cpu()})"
                                .formatted(device));
            }
        }
        // What DJL does to a model that is about to be trained, whatever that is.
        model.newTrainer(new PreparingConfig(config)).close();
        return new PanoptimTrainer(
                model,
                config,
                parameters -> {
                    var builder = Optimizer.builder(rule);
                    settings.accept(builder, parameters);
                    return builder;
                });
    }

    /**
     * Initializes the model, and makes the optimizer.
     *
     * @throws IllegalArgumentException as {@link #optimizer}
     */
    @Override
    public void initialize(Shape... shapes) {
        super.initialize(shapes);
        optimizer();
    }

    /**
     * The optimizer, to report, to save and to load its states, or to change its groups. It is made
     * when first asked for.
     *
     * @throws IllegalArgumentException if the model is not initialized, or has parameters that
     *     cannot be stepped in place, with the reason
     * @throws IllegalStateException if the trainer is closed
     */
    public Optimizer optimizer() {
        if (closed) {
            throw new IllegalStateException("this trainer is closed");
        }
        var present = optimizer;
        if (present == null) {
            var found = DjlParameters.of(getModel().getBlock());
            try {
                present = plan.apply(found).zeroGradients(true).remaining(found.list()).build();
            } catch (RuntimeException | Error e) {
                found.close();
                throw e;
            }
            parameters = found;
            optimizer = present;
        }
        return present;
    }

    /**
     * Takes a step with the gradients that the last backward passes left.
     *
     * @throws IllegalStateException as {@link Optimizer#step} does, or if no parameter has a
     *     gradient before the first one; nothing is changed
     */
    @Override
    public void step() {
        long begin = System.nanoTime();
        var stepping = optimizer();
        requireGradients();
        stepping.step();
        addMetric("step", begin);
    }

    /** Later there are gradients always, if only of zeros. */
    private void requireGradients() {
        var found = parameters;
        if (found != null && !gradientsSeen) {
            found.refresh();
            if (found.where(Parameter::hasGradient).isEmpty()) {
                throw new IllegalStateException(
                        "no parameter has a gradient; call backward on the loss before step()");
            }
            gradientsSeen = true;
        }
    }

    /** Closes the optimizer with the trainer. */
    @Override
    public void close() {
        closed = true;
        try (var _ = parameters;
                var _ = optimizer) {
            parameters = null;
            optimizer = null;
        } finally {
            super.close();
        }
    }
}

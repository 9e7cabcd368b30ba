package org.panoptim.pytorch;

import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.panoptim.Optimizer;
import org.panoptim.checkpoint.LoadOption;
import org.panoptim.rule.UpdateRule;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.function.BiConsumer;

/**
 * An optimizer of a PyTorch module, which steps the engine's own tensors: all in one pass, in
 * place. It stands where one of {@code org.bytedeco.pytorch}'s stood, and the loop goes on as
 * before:
 *
 * <pre>{@code
 * try (var optimizer = TorchOptimizer.of(net, Rules.adamW(1e-3))) {
 *     for (var batch : batches) {
 *         optimizer.zeroGrad();
 *         loss(net, batch).backward();
 *         optimizer.step();
 *     }
 * }
 * }</pre>
 *
 * <p>Groups, schedules, clipping, companions and everything else are the builder's:
 *
 * <pre>{@code
 * TorchOptimizer.of(net, Rules.adamW(1e-3), (builder, parameters) ->
 *         builder.matrixDecay(parameters.list(), 0.1)
 *                 .schedule(Schedule.warmupCosine(100, 10_000))
 *                 .clipGlobalNorm(1)
 *                 .zeroGradients(true)); // in the step, instead of zeroGrad()
 * }</pre>
 *
 * <p>Each step follows the engine by itself, as {@link TorchParameters} says, which has also what
 * is expected of tensors. The backend is the builder's; by default the best one is opened, and
 * closed with this. Close it before the module. One thread at a time.
 */
public final class TorchOptimizer implements AutoCloseable {

    private final TorchParameters parameters;
    private final Optimizer optimizer;

    private TorchOptimizer(TorchParameters parameters, Optimizer optimizer) {
        this.parameters = parameters;
        this.optimizer = optimizer;
    }

    /**
     * An optimizer with one group, {@code all}, of the module's parameters.
     *
     * @param module what to train; frozen tensors are left alone until they require a gradient
     * @param rule with the learning rate
     * @throws IllegalArgumentException if a tensor that requires a gradient cannot be stepped in
     *     place, with the reason; nothing is changed
     */
    public static TorchOptimizer of(Module module, UpdateRule rule) {
        return of(module, rule, (_, _) -> {});
    }

    /**
     * An optimizer with groups and settings of one's own.
     *
     * @param module what to train; frozen tensors are left alone until they require a gradient
     * @param rule that of the groups which bring none of their own
     * @param settings adds groups of the module's parameters, and all else, to the builder, which
     *     is built afterwards; parameters in no group make up one more ({@link
     *     Optimizer.Builder#remaining})
     * @throws IllegalArgumentException if a tensor that requires a gradient cannot be stepped in
     *     place, with the reason; nothing is changed but gradients, which may be zeros then where
     *     there were none
     */
    public static <R extends UpdateRule> TorchOptimizer of(
            Module module, R rule, BiConsumer<Optimizer.Builder<R>, TorchParameters> settings) {
        Objects.requireNonNull(module, "module");
        Objects.requireNonNull(rule, "rule");
        Objects.requireNonNull(settings, "settings");
        var parameters = TorchParameters.of(module);
        try {
            var builder = Optimizer.builder(rule);
            settings.accept(builder, parameters);
            return new TorchOptimizer(parameters, builder.remaining(parameters.list()).build());
        } catch (RuntimeException | Error e) {
            parameters.close();
            throw e;
        }
    }

    /**
     * Takes a step with the gradients that the engine has now. A tensor without one, or one that
     * requires none, is left alone.
     *
     * @throws IllegalStateException as {@link Optimizer#step} does, such as for a tensor that was
     *     moved; nothing is changed
     */
    public void step() {
        try {
            optimizer.step();
        } catch (RuntimeException | Error e) {
            // What was refused or failed is no longer on its way.
            parameters.forgetPass();
            throw e;
        }
    }

    /**
     * Takes up the gradients of a micro-batch after its backward pass, for a {@linkplain
     * Optimizer.Builder#shards team}, and leaves zeros in their place.
     *
     * @throws IllegalStateException as {@link Optimizer#accumulate} does, such as where there is no
     *     team; nothing is changed
     */
    public void accumulate() {
        optimizer.accumulate();
    }

    /**
     * Runs the backward pass of a micro-batch's loss and takes up its gradients, for a {@linkplain
     * Optimizer.Builder#shards team}: in place of {@code loss.backward()} and {@link #accumulate}.
     * Those of the last micro-batch of a step leave for their owners while the pass goes on, as
     * {@link Optimizer#backward} says; on a device they leave with the step.
     *
     * <p>Gradients are not to be changed between this and the step, which leaves zeros in them.
     * What K-FAC is to be shown of a micro-batch is known only after the pass: use {@code
     * loss.backward()} and {@link #accumulate} there. Without a team this is {@code
     * loss.backward()}.
     *
     * @param loss a scalar; {@linkplain #scale scaled}, where there is a loss scale
     * @throws IllegalStateException as {@link Optimizer#accumulate} does, or if the pass added to a
     *     gradient again after it had been completed, as a backward pass inside of it may; that
     *     ends the team
     */
    public void backward(Tensor loss) {
        Objects.requireNonNull(loss, "loss");
        if (optimizer.team().isEmpty()) {
            loss.backward();
            return;
        }
        try {
            optimizer.backward(complete -> parameters.backward(loss, complete));
        } catch (RuntimeException | Error e) {
            parameters.forgetPass();
            throw e;
        }
    }

    /**
     * Drops this member's micro-batches that {@link #accumulate} has taken up since the last step,
     * so that their batch can be begun anew. Gradients that the parameters hold stay ({@link
     * #zeroGrad}).
     *
     * @throws IllegalStateException if there is no team
     */
    public void discard() {
        optimizer.discard();
    }

    /**
     * Sets the gradients to zero where they lie. Not needed where the builder was told {@code
     * zeroGradients(true)}, which costs less, or where {@code Module.zero_grad} is called.
     */
    public void zeroGrad() {
        optimizer.zeroGrad();
    }

    /**
     * The loss to call {@code backward} on under a {@linkplain Optimizer.Builder#lossScale loss
     * scale}: multiplied by the present factor, which the step divides the gradients by. With
     * {@link org.panoptim.step.LossScale#dynamic} this and {@link #step} are what PyTorch's {@code
     * GradScaler} does: a step whose gradients are not finite is left out, and the factor halved.
     * On a device this waits for the last step.
     *
     * @return a new tensor, or the loss itself if the factor is 1
     */
    public Tensor scale(Tensor loss) {
        Objects.requireNonNull(loss, "loss");
        double factor = optimizer.lossScale();
        return factor == 1 ? loss : loss.mul(new Scalar(factor));
    }

    /**
     * A copy of a state, as {@code state_dict} has it in PyTorch.
     *
     * @param parameter the parameter's name
     * @param slot the state's name, for example {@code "exp_avg"}
     * @return a new tensor on the CPU, laid out as the parameter's tensor where it has a value for
     *     each element
     * @throws IllegalArgumentException if there is no such parameter or state
     */
    public Tensor state(String parameter, String slot) {
        return parameters.copyOf(optimizer.state(parameter, slot));
    }

    /**
     * Copies of all states that parameters have, as the {@code state} of PyTorch's {@code
     * state_dict}: by parameter, and there by the state's name, with the parameter's number of
     * steps as {@code step}. States of companions and of a group's rule as a whole are not in it;
     * {@link #save} writes everything.
     *
     * @return in registration order, with tensors as {@link #state} gives them
     */
    public SequencedMap<String, SequencedMap<String, Tensor>> stateDict() {
        var counts = optimizer.report().counts();
        var all = new LinkedHashMap<String, SequencedMap<String, Tensor>>();
        for (var group : optimizer.groups()) {
            for (var parameter : group.parameters()) {
                var states = new LinkedHashMap<String, Tensor>();
                long count = Objects.requireNonNull(counts.get(parameter.name()));
                states.put("step", torch.tensor((float) count));
                for (var slot : group.rule().slots(parameter.shape())) {
                    if (slot.isKept() && slot.extent().isOfParameter()) {
                        states.put(slot.name(), state(parameter.name(), slot.name()));
                    }
                }
                all.put(parameter.name(), states);
            }
        }
        return all;
    }

    /**
     * Writes states, counts, step, groups and rules to a file, as {@link Optimizer#save} does. The
     * module's values are not in it: save them with {@code Module.save} at the same time.
     *
     * @throws IOException if writing fails; an old file is then as it was
     */
    public void save(Path file) throws IOException {
        optimizer.save(file);
    }

    /**
     * Goes on from a file that {@link #save} wrote, as {@link Optimizer#load} does; the module's
     * values, which are not in it, must be those of that time.
     *
     * @throws IOException if the file cannot be read, is damaged, or is one of another optimizer;
     *     nothing is changed
     */
    public void load(Path file, LoadOption... options) throws IOException {
        optimizer.load(file, options);
    }

    /** The parameters that stand for the module's tensors. */
    public TorchParameters parameters() {
        return parameters;
    }

    /** The optimizer itself, for reports, groups, passes and everything else. */
    public Optimizer optimizer() {
        return optimizer;
    }

    /** Frees the states, and lets go of the engine's tensors; closing twice is harmless. */
    @Override
    public void close() {
        optimizer.close();
        parameters.close();
    }
}

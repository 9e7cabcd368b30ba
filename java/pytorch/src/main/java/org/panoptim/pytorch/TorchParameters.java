package org.panoptim.pytorch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.panoptim.parameter.NamedParameters;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.Arena;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * The parameters of a PyTorch module, for an optimizer that steps them in place, without copies. A
 * {@link TorchOptimizer} makes them; by themselves they are for optimizers that are built
 * otherwise, as {@link org.panoptim.LBFGS} is.
 *
 * <pre>{@code
 * try (var parameters = TorchParameters.of(net);
 *         var optimizer =
 *                 Optimizer.builder(Rules.adamW(1e-3))
 *                         .group("all", parameters.list())
 *                         .zeroGradients(true)
 *                         .build()) {
 *     for (var batch : batches) {
 *         loss(net, batch).backward();
 *         optimizer.step();
 *     }
 * }
 * }</pre>
 *
 * <p><b>Gradients.</b> All tensors that require a gradient get one at once: views of one flat
 * buffer of zeros, into which the engine accumulates, so that addresses stay and zeroing is part of
 * the step. Therefore a tensor that took no part in a backward pass has a gradient of zeros, not
 * none, as after PyTorch's {@code zero_grad(set_to_none=False)}. Whoever wants it to have none
 * calls {@code Module.zero_grad(true)} before each backward pass.
 *
 * <p><b>Steps.</b> Before an optimizer takes a step, zeroes gradients, or captures or launches a
 * captured step, it lets its parameters follow the engine, as {@link #refresh} does: a gradient at
 * another address is used there, one that is gone is none, and a gradient that was set by hand is
 * replaced by the engine's. A step is refused with an {@link IllegalStateException}, and nothing is
 * changed, as long as a value is not where and how it was when the parameters were made (after
 * {@code Module.to} or {@code set_data}). What a step wrote counts as changed in place: a backward
 * pass over a graph that needs the value or gradient of before is the engine's error, as with
 * Python's {@code torch.optim}. On a device, which is not waited for, a refused step counts as one
 * that wrote; replays of a framework's capture are not known.
 *
 * <p><b>Frozen tensors.</b> A tensor that requires no gradient is left alone with its states, its
 * count and its gradient, from the first step after {@code requires_grad_(false)} to the first one
 * after {@code requires_grad_(true)}. One that could not be stepped if it required one (of another
 * type, layout or device, or in memory that others use) is not in {@link #list}; should it require
 * a gradient later, steps are refused with the reason.
 *
 * <p><b>Lifetimes.</b> Values and gradients are the engine's memory. This object holds a reference
 * to each tensor until it is closed, so values live that long at least. Close the optimizer first,
 * then this, which leaves the engine's tensors and gradients as they are. A step after it throws an
 * {@link IllegalStateException}.
 *
 * <p>Dense float32 tensors on the CPU or on one CUDA device are supported, the latter with a CUDA
 * backend on the engine's stream (by default both use the legacy default stream); anything else
 * that requires a gradient is refused with its name and the reason. One thread at a time, except
 * that optimizers of different parameters may step in different threads.
 */
public final class TorchParameters implements NamedParameters, AutoCloseable {

    private final Arena arena = Arena.ofShared();
    private final TensorQueries queries = new TensorQueries(arena);
    private final TensorList tensors;
    private final Map<Parameter, TrackedTensor> byParameter = new IdentityHashMap<>();
    private final List<Parameter> parameters;
    private final TensorWatch all;
    private final GradientHooks hooks = new GradientHooks();

    private TorchParameters(Map<String, Tensor> named) {
        tensors = new TensorList(arena, queries, this::watch);
        try {
            tensors.add(named);
            var tracked = tensors.tracked();
            var trainable = tracked.stream().filter(TrackedTensor::requiresGradient).toList();
            trainable.forEach(TrackedTensor::findGradient);
            GradientBuffer.install(trainable);
            parameters = tracked.stream().map(TrackedTensor::parameter).toList();
            tracked.forEach(tensor -> byParameter.put(tensor.parameter(), tensor));
            all = watch(parameters);
            refresh();
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private TensorWatch watch(List<Parameter> some) {
        return new TensorWatch(this::check, queries, some.stream().map(byParameter::get).toList());
    }

    private void check() {
        if (!arena.scope().isAlive()) {
            throw new IllegalStateException("these parameters are closed");
        }
        tensors.checkLeftAlone();
    }

    /**
     * The parameters of a module and all modules in it, in {@code named_parameters}' order and with
     * its names. A tensor that is registered more than once (tied weights) counts once, under its
     * first name.
     *
     * @param module what to train; tensors in it that require no gradient are left alone until they
     *     do and have one
     * @throws IllegalArgumentException if a tensor that requires a gradient cannot be stepped in
     *     place, with the reason; nothing is changed
     * @throws IllegalStateException if a gradient already there cannot; nothing is changed
     */
    public static TorchParameters of(Module module) {
        try (var _ = new PointerScope()) {
            var named = new LinkedHashMap<String, Tensor>();
            var namedParameters = module.named_parameters();
            for (long i = 0; i < namedParameters.size(); i++) {
                var item = namedParameters.get(i);
                named.put(item.key().getString(), item.access());
            }
            return new TorchParameters(named);
        }
    }

    /**
     * Tensors by name, in the map's order; otherwise as {@link #of(Module)}.
     *
     * @param tensors leaves, by name; those that require no gradient are left alone
     */
    public static TorchParameters of(Map<String, Tensor> tensors) {
        try (var _ = new PointerScope()) {
            return new TorchParameters(tensors);
        }
    }

    /**
     * The parameters in the engine's order, for the optimizer's groups: those that require a
     * gradient, and those that could.
     *
     * <p>Of a tensor whose memory is dense but not row by row (such as {@code channels_last}), the
     * parameter's {@linkplain Parameter#shape shape} is that of the memory, the dimensions from the
     * widest stride to the narrowest, and its {@linkplain Parameter#order order} says which of the
     * tensor's dimensions they are. States have the same order, in {@link
     * org.panoptim.Optimizer#state} and in checkpoints, which are refused for a tensor that is laid
     * out otherwise.
     */
    @Override
    public List<Parameter> list() {
        return parameters;
    }

    /**
     * Lets every parameter have the gradient that the engine has for it now: at its present address
     * if the engine replaced it, none if the engine has none or the tensor requires none. Steps do
     * so by themselves for the parameters that they use; call it to find a problem earlier, or to
     * read {@link Parameter#gradient}.
     *
     * @throws IllegalStateException if a gradient is sparse, of another type or device, or lies in
     *     memory otherwise than its value (transposed, say), or if a value was moved or permuted
     *     where it lies; no parameter is changed
     */
    public void refresh() {
        all.refresh();
    }

    /**
     * Moves the gradients that the engine has now into separate buffers, as the {@linkplain
     * Parameter#curvature curvature} of the coming step, and leaves zeros instead. A parameter
     * without a gradient gets no curvature.
     *
     * <p>For {@link org.panoptim.rule.SophiaG}: on every k-th step, first the backward pass of the
     * loss on labels sampled from the model, then this, then the backward pass of the loss and the
     * step. For {@link org.panoptim.rule.SophiaH}, what is moved is the estimate v ⊙ Hv.
     *
     * @throws IllegalStateException as {@link #refresh}
     */
    public void takeGradientsAsCurvature() {
        refresh();
        tensors.tracked().forEach(TrackedTensor::takeGradientAsCurvature);
    }

    /** Runs a backward pass, and tells which gradients it has completed. */
    void backward(Tensor loss, Consumer<Parameter> complete) {
        hooks.run(loss, tensors.tracked(), complete);
    }

    /** What a backward pass has completed may be changed again. */
    void forgetPass() {
        tensors.tracked().forEach(TrackedTensor::forgetPass);
    }

    /** A copy of a state of one of these parameters, on the CPU, laid out as its tensor. */
    Tensor copyOf(StateTensor state) {
        check();
        return tensors.named(state.parameter()).copyOf(state);
    }

    /** Lets go of the engine's tensors; closing twice is harmless. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
            hooks.remove();
            tensors.release();
        }
    }
}

package org.panoptim.pytorch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.panoptim.Parameter;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The parameters of a PyTorch module, for an optimizer that steps them in place, without copies.
 *
 * <pre>{@code
 * try (var parameters = TorchParameters.of(net);
 *         var optimizer =
 *                 Optimizer.builder(AdamW.withLearningRate(1e-3))
 *                         .group("all", parameters.list())
 *                         .zeroGradients(true)
 *                         .build()) {
 *     for (var batch : batches) {
 *         loss(net, batch).backward();
 *         parameters.refresh();
 *         optimizer.step();
 *     }
 * }
 * }</pre>
 *
 * <p><b>Gradients.</b> All tensors that require a gradient get one at once: views of one flat
 * buffer of zeros, into which the engine accumulates, so that addresses stay and zeroing is part of
 * the step. Therefore a tensor that took no part in a backward pass has a gradient of zeros, not
 * none, as after PyTorch's {@code zero_grad(set_to_none=False)}. Whoever wants it to have none
 * calls {@code Module.zero_grad(true)} before each backward pass: {@link #refresh} follows whatever
 * the engine does with its gradients, new addresses included.
 *
 * <p><b>Lifetimes.</b> Values and gradients are the engine's memory. This object holds a reference
 * to each tensor until it is closed, so values live that long at least; a gradient must not be
 * replaced between {@link #refresh} and the step. Close the optimizer first, then this, which
 * leaves the engine's tensors and gradients as they are. A step after it throws an {@link
 * IllegalStateException}, as does one after the engine moved a tensor (as {@code Module.to} does)
 * and {@link #refresh} found it.
 *
 * <p>Dense float32 tensors on the CPU or on one CUDA device are supported, the latter with a CUDA
 * backend on the engine's stream (by default both use the legacy default stream); anything else is
 * refused with its name and the reason. One thread at a time.
 */
public final class TorchParameters implements AutoCloseable {

    private final Arena arena = Arena.ofShared();
    private final List<TrackedTensor> tensors = new ArrayList<>();
    private final List<Parameter> parameters;
    private final long[] gradients;

    private TorchParameters(Map<String, Tensor> named) {
        try {
            var seen = new HashSet<Long>();
            named.forEach(
                    (name, tensor) -> {
                        if (seen.add(tensor.unsafeGetTensorImpl().address())) {
                            tensors.add(new TrackedTensor(name, tensor, arena));
                        }
                    });
            requireOneDevice();
            var trainable = tensors.stream().filter(TrackedTensor::requiresGradient).toList();
            trainable.forEach(TrackedTensor::findGradient);
            GradientBuffer.install(trainable);
            parameters = tensors.stream().map(TrackedTensor::parameter).toList();
            gradients = new long[parameters.size()];
            refresh();
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private void requireOneDevice() {
        for (var tensor : tensors) {
            var first = tensors.getFirst();
            if (!tensor.device().equals(first.device())) {
                throw new IllegalArgumentException(
                        "all tensors must be on one device, but '%s' is on %s and '%s' on %s"
                                .formatted(
                                        first.parameter().name(),
                                        first.device(),
                                        tensor.parameter().name(),
                                        tensor.device()));
            }
        }
    }

    /**
     * The parameters of a module and all modules in it, in {@code named_parameters}' order and with
     * its names. A tensor that is registered more than once (tied weights) counts once, under its
     * first name.
     *
     * @param module what to train; tensors in it that require no gradient are left alone until they
     *     do and have one
     * @throws IllegalArgumentException if a tensor cannot be stepped in place, with the reason;
     *     nothing is changed
     * @throws IllegalStateException if a gradient already there cannot; nothing is changed
     */
    public static TorchParameters of(Module module) {
        try (var _ = new PointerScope()) {
            var named = new LinkedHashMap<String, Tensor>();
            var found = module.named_parameters();
            for (long i = 0; i < found.size(); i++) {
                var item = found.get(i);
                named.put(item.key().getString(), item.access());
            }
            return new TorchParameters(named);
        }
    }

    /**
     * Tensors under names of one's own, in the map's order; otherwise as {@link #of(Module)}.
     *
     * @param tensors leaves that require a gradient, by name
     */
    public static TorchParameters of(Map<String, Tensor> tensors) {
        try (var _ = new PointerScope()) {
            return new TorchParameters(tensors);
        }
    }

    /**
     * The parameters in the engine's order, for the optimizer's groups.
     *
     * <p>Of a tensor whose memory is dense but not row by row (such as {@code channels_last}), the
     * parameter's {@linkplain Parameter#shape shape} is that of the memory, the dimensions from the
     * widest stride to the narrowest, and its {@linkplain Parameter#order order} says which of the
     * tensor's dimensions they are. States have the same order, in {@link
     * org.panoptim.Optimizer#state} and in checkpoints, which are refused for a tensor that is laid
     * out otherwise.
     */
    public List<Parameter> list() {
        return parameters;
    }

    /**
     * Lets every parameter have the gradient that the engine has for it now: at its present address
     * if the engine replaced it, none if the engine has none. Call it between the backward pass and
     * the step.
     *
     * @throws IllegalStateException if a gradient is sparse, of another type or device, or lies in
     *     memory otherwise than its value (transposed, say), or if a value was moved or permuted
     *     where it lies; no parameter is changed
     */
    public void refresh() {
        checkOpen();
        for (int i = 0; i < gradients.length; i++) {
            gradients[i] = tensors.get(i).findGradient();
        }
        for (int i = 0; i < gradients.length; i++) {
            tensors.get(i).follow(gradients[i]);
        }
    }

    /**
     * Moves the gradients that the engine has now into buffers of their own, as the {@linkplain
     * Parameter#curvature curvature} of the coming step, and leaves zeros in their place. A
     * parameter without a gradient gets no curvature.
     *
     * <p>For {@link org.panoptim.rule.SophiaG}: on every k-th step, first the backward pass of the
     * loss on labels sampled from the model, then this, then the loss's own backward pass, {@link
     * #refresh} and the step. For {@link org.panoptim.rule.SophiaH}, what is moved is the estimate
     * v ⊙ Hv.
     *
     * @throws IllegalStateException as {@link #refresh}
     */
    public void takeGradientsAsCurvature() {
        refresh();
        tensors.forEach(TrackedTensor::takeGradientAsCurvature);
    }

    private void checkOpen() {
        if (!arena.scope().isAlive()) {
            throw new IllegalStateException("these parameters are closed");
        }
    }

    /** Lets go of the engine's tensors; closing twice is harmless. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
            tensors.forEach(TrackedTensor::release);
        }
    }
}

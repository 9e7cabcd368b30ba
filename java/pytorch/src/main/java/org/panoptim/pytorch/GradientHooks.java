package org.panoptim.pytorch;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.VoidTensorHook;
import org.jspecify.annotations.Nullable;
import org.panoptim.parameter.Parameter;

import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Tells during a backward pass which gradients are complete. The engine calls a tensor's hook with
 * the whole gradient of the pass, just before it adds that to what is there. On the CPU one node
 * follows another, so the tensor whose hook was called before has its gradient when the next one is
 * called.
 */
final class GradientHooks {

    /** The engine's, and where it is to be removed. */
    private record Registration(VoidTensorHook hook, int place) {}

    private final Map<TrackedTensor, Registration> registered = new IdentityHashMap<>();
    private @Nullable Pass pass;

    /** A backward pass that is going on. */
    private static final class Pass {

        final Consumer<Parameter> complete;
        @Nullable TrackedTensor latest;
        @Nullable Throwable failure;

        Pass(Consumer<Parameter> complete) {
            this.complete = complete;
        }

        /** A tensor's gradient is about to be added. */
        synchronized void begins(TrackedTensor tensor) {
            var before = latest;
            latest = tensor;
            if (before == null || failure != null) {
                return;
            }
            try {
                if (before.markComplete()) {
                    complete.accept(before.parameter());
                }
            } catch (RuntimeException | Error e) {
                // Not through the engine.
                failure = e;
            }
        }
    }

    /**
     * Runs the backward pass of a loss.
     *
     * @param tensors those whose gradients are waited for; hooks stay there until {@link #remove}
     * @throws IllegalStateException if the pass has added to a gradient after it was complete
     */
    void run(Tensor loss, List<TrackedTensor> tensors, Consumer<Parameter> complete) {
        for (var tensor : tensors) {
            if (tensor.canBeHooked() && !registered.containsKey(tensor)) {
                var hook = hook(tensor);
                // The caller's scope may end before the next pass.
                hook.retainReference();
                registered.put(tensor, new Registration(hook, tensor.register(hook)));
            }
        }
        tensors.forEach(TrackedTensor::beginPass);
        var running = new Pass(complete);
        pass = running;
        try {
            loss.backward();
        } finally {
            pass = null;
        }
        switch (running.failure) {
            case null -> tensors.forEach(TrackedTensor::endPass);
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new AssertionError(e);
        }
    }

    private VoidTensorHook hook(TrackedTensor tensor) {
        return new VoidTensorHook() {
            @Override
            public void call(TensorBase gradient) {
                var running = pass;
                if (running != null) {
                    running.begins(tensor);
                }
            }
        };
    }

    /** Removes all hooks. */
    void remove() {
        registered.forEach(
                (tensor, registration) -> {
                    tensor.removeHook(registration.place());
                    registration.hook().close();
                });
        registered.clear();
    }
}

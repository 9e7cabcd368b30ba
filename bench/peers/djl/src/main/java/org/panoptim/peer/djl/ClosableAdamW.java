package org.panoptim.peer.djl;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.training.optimizer.AdamW;
import ai.djl.training.tracker.Tracker;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * DJL's AdamW with PyTorch's defaults. DJL detaches an optimizer's state from all that could close
 * it, and never frees it; this one remembers what it made.
 */
final class ClosableAdamW extends AdamW implements AutoCloseable {

    private final List<NDArray> states = new ArrayList<>();

    ClosableAdamW() {
        super(
                builder()
                        .optLearningRateTracker(Tracker.fixed(1e-3f))
                        .optBeta1(0.9f)
                        .optBeta2(0.999f)
                        .optEpsilon(1e-8f)
                        .optWeightDecays(0.01f));
    }

    @Override
    protected NDArray withDefaultState(
            Map<String, Map<Device, NDArray>> state,
            String parameter,
            Device device,
            Function<String, NDArray> make) {
        return super.withDefaultState(
                state,
                parameter,
                device,
                name -> {
                    var made = make.apply(name);
                    states.add(made);
                    return made;
                });
    }

    @Override
    public void close() {
        states.forEach(NDArray::close);
    }
}

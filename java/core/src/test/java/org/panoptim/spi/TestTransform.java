package org.panoptim.spi;

import org.panoptim.tensor.StateTensor;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A transform that says what it was asked, keeps what it is given, and fails where it is told to.
 */
public final class TestTransform implements CurvatureTransform {

    public final List<String> calls = new ArrayList<>();

    /** The names of calls that fail; {@code "half"}: transforming, when something was changed. */
    public final Set<String> failsAt = new HashSet<>();

    /** What it does to gradients. */
    public Runnable rewriting = () -> {};

    public Map<String, String> metadata = Map.of();
    public List<StateTensor> states = List.of();

    /** The only execution that it queues its work on. */
    public Object queuesOn = "none";

    private void call(String name) {
        calls.add(name);
        if (failsAt.contains(name)) {
            throw new ArithmeticException("planted in " + name);
        }
    }

    @Override
    public void check(StepPlan plan) {
        call("check");
    }

    @Override
    public void follow(StepPlan plan, Execution execution) {
        call("follow");
    }

    @Override
    public void release() {
        call("release");
    }

    @Override
    public boolean queuesOn(Execution execution) {
        return execution == queuesOn;
    }

    @Override
    public void enqueue(DeviceStep step) {
        call("enqueue");
        rewriting.run();
    }

    @Override
    public Map<String, String> metadata() {
        return metadata;
    }

    @Override
    public List<StateTensor> states() {
        return states;
    }

    @Override
    public void checkMetadata(Map<String, String> metadata) {
        call("checkMetadata");
    }

    @Override
    public void restore(Map<String, String> metadata) {
        call("restore");
        this.metadata = metadata;
    }

    @Override
    public void transform(StepContext step) {
        if (failsAt.contains("half")) {
            throw new PartialChangeException(
                    "a step failed half way", new ArithmeticException("planted"));
        }
        call("transform");
        rewriting.run();
    }
}

package org.panoptim.internal.shard;

import org.jspecify.annotations.Nullable;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.SharedArray;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.function.Consumer;

/**
 * Gradients that leave for their owners while a backward pass still makes others: a thread sends
 * what was said to be complete, and waits for the rest.
 */
final class Departure {

    private final List<Parameter> parameters;
    private final Map<Parameter, SharedArray> gradients = new IdentityHashMap<>();
    private final Thread thread;
    private final Set<Parameter> complete = Collections.newSetFromMap(new IdentityHashMap<>());
    private boolean allComplete;
    private boolean cancelled;
    private @Nullable Throwable failure;
    private boolean joined;

    /**
     * Begins.
     *
     * @param parameters that have a gradient
     * @param work in another thread, which waits for what it sends
     */
    Departure(List<Parameter> parameters, Consumer<Departure> work) {
        this.parameters = parameters;
        parameters.forEach(each -> gradients.put(each, SharedArray.gradient(each)));
        thread = Thread.ofPlatform().daemon().name("panoptim-gradients").unstarted(() -> run(work));
        thread.start();
    }

    private void run(Consumer<Departure> work) {
        try {
            work.accept(this);
        } catch (RuntimeException | Error e) {
            failure = e;
        }
    }

    /** The parameters that have a gradient. */
    List<Parameter> parameters() {
        return parameters;
    }

    /** A parameter's gradient. */
    SharedArray gradient(Parameter parameter) {
        return Objects.requireNonNull(gradients.get(parameter));
    }

    /** Whether it is of these parameters, and of the gradients that they have now. */
    boolean isOf(List<Parameter> present) {
        return parameters.equals(present)
                && present.stream()
                        .allMatch(each -> gradient(each).equals(SharedArray.gradient(each)));
    }

    /** A gradient is complete, and stays as it is. */
    synchronized void complete(Parameter parameter) {
        complete.add(parameter);
        notifyAll();
    }

    /** All are. */
    synchronized void completeAll() {
        allComplete = true;
        notifyAll();
    }

    /** Waits until a gradient is complete. */
    synchronized void await(Parameter parameter) {
        while (!allComplete && !cancelled && !complete.contains(parameter)) {
            try {
                wait();
            } catch (InterruptedException e) {
                // Nobody else knows this thread.
                cancelled = true;
            }
        }
        if (cancelled) {
            throw new CancellationException();
        }
    }

    /** Whether all have come where they belong. */
    boolean hasArrived() {
        return joined;
    }

    /**
     * Waits until all have come where they belong.
     *
     * @throws RuntimeException what the work has thrown
     */
    void join() {
        waitForThread();
        switch (failure) {
            case null -> joined = true;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new AssertionError(e);
        }
    }

    /** Gives up what has not left yet, and waits until nothing is under way. */
    void cancel() {
        synchronized (this) {
            cancelled = true;
            notifyAll();
        }
        waitForThread();
    }

    private void waitForThread() {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}

package org.panoptim.backend;

import org.panoptim.internal.Arguments;
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.UnsupportedPlanException;

import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Where steps are computed. All backends give the same bits, all NaNs counted as one value; what
 * {@linkplain org.panoptim.rule.MatrixRule rules on matrices} compute between phases agrees within
 * bounds of rounding. They differ in speed and in the memory they reach.
 *
 * <p>Whoever opens a backend closes it, after the optimizers that use it. Several optimizers, on
 * several threads, may share one.
 */
public interface Backend extends AutoCloseable {

    /** The name, for example {@code "simd"}. */
    String name();

    /** In one line, what it runs on: instruction set and threads, or the device. */
    String description();

    /**
     * Prepares an optimizer's step; {@link org.panoptim.Optimizer} calls it.
     *
     * @throws UnsupportedPlanException if this backend cannot run the plan, with the reason
     * @throws IllegalStateException if this backend is closed
     */
    Execution open(StepPlan plan);

    /**
     * What this backend can do beside the step, by the interface that describes it: for example
     * {@link org.panoptim.matrix.HostMatrices}. A backend that {@linkplain #on chooses} by
     * parameters has none itself; one that wraps another hands on both methods.
     *
     * @return empty if it cannot
     */
    default <T> Optional<T> extension(Class<T> type) {
        Objects.requireNonNull(type, "type");
        return Optional.empty();
    }

    /**
     * The backend that optimizers of these parameters run on: this one, unless it chooses between
     * several. It is closed with this one.
     */
    default Backend on(List<Parameter> parameters) {
        Arguments.requireElements(parameters, "parameters");
        return this;
    }

    /**
     * Whether it works on memory of the host. If not, parameters and gradients must lie on its
     * device.
     */
    default boolean usesHostMemory() {
        return true;
    }

    /**
     * Allocates memory that this backend computes on: the host's, or its device's.
     *
     * @param byteSize at least 0
     * @return all zero, aligned to 64 bytes at least
     * @throws IllegalStateException if this backend is closed
     */
    default Buffer allocate(long byteSize) {
        return Buffer.ofHost(byteSize);
    }

    /**
     * Frees the backend's resources; closing twice is harmless.
     *
     * @throws IllegalStateException if an optimizer still uses it
     */
    @Override
    void close();

    /**
     * The fastest backend that works here; the caller closes it. What was passed over, {@link
     * Backends#explain()} says; of a backend that ought to work here, the logger {@code
     * org.panoptim} says so too, once, as a warning.
     *
     * <p>Where that is a device's, optimizers whose parameters lie in host memory run on the
     * fastest backend of the host instead.
     */
    static Backend best() {
        return Backends.best();
    }

    /**
     * The fastest backend that works here and is what is required; the caller closes it. As {@link
     * #best()} otherwise.
     *
     * @throws BackendUnavailableException if there is none, with what {@link Backends#explain()}
     *     says of each that could have been
     */
    static Backend best(Require require) {
        return Backends.best(Objects.requireNonNull(require, "require"));
    }

    /**
     * The backend of that name: {@code "reference"}, {@code "simd"} and what else is on the path.
     *
     * @throws IllegalArgumentException if there is none of that name; the message lists the names
     * @throws BackendUnavailableException if it does not work here, with the reason
     */
    static Backend named(String name) {
        return Backends.named(Objects.requireNonNull(name, "name"));
    }
}

package org.panoptim.micrometer;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;

import org.panoptim.monitor.Monitor;
import org.panoptim.monitor.Observation;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Keeps the numbers of observations in a registry of Micrometer, from which Prometheus and other
 * systems are served:
 *
 * <pre>{@code
 * try (var monitor = MeterMonitor.of(registry)) {
 *     for (var batch : batches) {
 *         double loss = model.backward(batch);
 *         optimizer.step();
 *         monitor.write(Observation.of(optimizer.report()).with("loss", loss));
 *     }
 * }
 * }</pre>
 *
 * <table>
 * <caption>Meters</caption>
 * <tr><th>meter<th>kind<th>what it is
 * <tr><td>{@code panoptim.step}<td>counter<td>accepted steps
 * <tr><td>{@code panoptim.skipped}<td>counter<td>refused steps
 * <tr><td>{@code panoptim.step.time}<td>timer<td>from one observation to the next, by the steps
 *     between them: backward passes, and whatever else is done meanwhile, included
 * <tr><td>{@code panoptim.gradient.norm}, {@code panoptim.loss}, …<td>gauge<td>{@code
 *     gradient_norm}, {@code loss} and so on of the observation
 * <tr><td>{@code panoptim.group.learning.rate}, …<td>gauge, tag {@code group}<td>{@code
 *     learning_rate/GROUP} and so on: of what has a slash in its name the part behind it counts as
 *     a group
 * <tr><td>{@code panoptim.parameter.update.ratio}, …<td>gauge, tag {@code parameter}<td>{@code
 *     parameter_update_ratio/PARAMETER} and so on, of those {@linkplain Builder#parameters asked
 *     for}
 * </table>
 *
 * <p>Of several optimizers each has a monitor, with a name for the tag {@code optimizer}; {@link
 * Observation#under} is for files.
 *
 * <p>A gauge has the last number that there was: one that a step did not take (statistics of one
 * step in fifty) stays, and is NaN before the first. A number that is NaN or infinite is so in its
 * gauge. Counters are the optimizer's, and go back with a checkpoint that is loaded.
 *
 * <p>{@link #close} removes the meters, so a registry that is pushed at the end is pushed before.
 * One thread at a time writes; any may read the registry meanwhile.
 */
public final class MeterMonitor implements Monitor {

    private static final String STEP = "step";
    private static final String SKIPPED = "skipped";

    private final MeterRegistry registry;
    private final Tags tags;
    private final Predicate<String> parameters;
    private final int limit;
    private final StepTimer timer;

    private final List<Meter> meters = new ArrayList<>();
    private final Map<String, LastValue> values = new HashMap<>();

    /** Which number a meter has. */
    private final Map<MeterName, String> names = new HashMap<>();

    private final Set<String> leftOut = new HashSet<>();
    private boolean toldOfLimit;
    private boolean closed;

    private MeterMonitor(Builder builder) {
        registry = builder.registry;
        tags = builder.tags;
        parameters = builder.parameters;
        limit = builder.limit;
        var time = new MeterName(StepTimer.NAME, tags);
        names.put(time, "step.time");
        timer = StepTimer.register(registry, time);
        meters.add(timer.meter());
    }

    /**
     * A monitor of the only optimizer that the registry has, without its parameters.
     *
     * @param registry stays the caller's
     * @throws IllegalArgumentException as {@link Builder#open}
     */
    public static MeterMonitor of(MeterRegistry registry) {
        return builder(registry).open();
    }

    /**
     * Describes a monitor before it is opened.
     *
     * @param registry stays the caller's
     */
    public static Builder builder(MeterRegistry registry) {
        return new Builder(Objects.requireNonNull(registry, "registry"));
    }

    /** Describes a monitor before it is opened. */
    public static final class Builder {

        /** As many as 140 parameters have with statistics. */
        private static final int USUAL_LIMIT = 1000;

        private final MeterRegistry registry;
        private Tags tags = Tags.empty();
        private Predicate<String> parameters = _ -> false;
        private int limit = USUAL_LIMIT;

        private Builder(MeterRegistry registry) {
            this.registry = registry;
        }

        /**
         * Gives all meters the tag {@code optimizer}. Where there are several optimizers give each
         * a name: Prometheus takes no meters of one name that have a tag and that have not.
         */
        public Builder optimizer(String name) {
            tags = Tags.of("optimizer", Objects.requireNonNull(name, "name"));
            return this;
        }

        /**
         * Takes numbers of parameters too, which are in {@link Observation#ofParameters}; by
         * default none, since each parameter has half a dozen of them.
         *
         * @param wanted whether a parameter of a name is asked for
         */
        public Builder parameters(Predicate<String> wanted) {
            parameters = Objects.requireNonNull(wanted, "wanted");
            return this;
        }

        /**
         * Bounds the number of meters, 1000 by default. What comes beyond is left out, and one
         * warning goes to {@link System.Logger} {@code org.panoptim}.
         *
         * @param meters at least 1
         */
        public Builder limit(int meters) {
            if (meters < 1) {
                throw new IllegalArgumentException(
                        "limit: there must be 1 meter at least, but is " + meters);
            }
            limit = meters;
            return this;
        }

        /**
         * Opens the monitor.
         *
         * @throws IllegalArgumentException if another one has put its meters there under the same
         *     name, and was not closed
         */
        public MeterMonitor open() {
            return new MeterMonitor(this);
        }
    }

    /**
     * Takes down an observation.
     *
     * @throws IllegalStateException if it is closed
     * @throws IllegalArgumentException if two of its names become one meter ({@code a_b} and {@code
     *     a.b}), or the registry has a meter of another kind under the name of one; numbers before
     *     it are taken down
     */
    @Override
    public void write(Observation observation) {
        Objects.requireNonNull(observation, "observation");
        if (closed) {
            throw new IllegalStateException("this monitor is closed");
        }
        take(STEP, OptionalDouble.of(observation.step()));
        observation.values().forEach(this::take);
        timer.take(observation.step());
    }

    private void take(String number, OptionalDouble value) {
        var known = values.get(number);
        if (known != null) {
            value.ifPresent(known::set);
        } else if (!leftOut.contains(number)) {
            add(number, value);
        }
    }

    private void add(String number, OptionalDouble value) {
        if (MeterName.isOfParameter(number) && !parameters.test(MeterName.owner(number))) {
            leftOut.add(number);
        } else if (meters.size() >= limit) {
            leftOut.add(number);
            tellOfLimit(number);
        } else {
            var name = MeterName.of(number).with(tags);
            var other = names.putIfAbsent(name, number);
            if (other != null) {
                throw new IllegalArgumentException(
                        "'%s' has the meter (%s) that '%s' would have too"
                                .formatted(other, name, number));
            }
            boolean counts = number.equals(STEP) || number.equals(SKIPPED);
            var last = new LastValue(value.orElse(counts ? 0 : Double.NaN));
            meters.add(counts ? counter(name, last) : gauge(name, last));
            values.put(number, last);
        }
    }

    private Meter counter(MeterName name, LastValue last) {
        return FunctionCounter.builder(name.name(), last, LastValue::get)
                .tags(name.tags())
                .register(registry);
    }

    private Meter gauge(MeterName name, LastValue last) {
        return Gauge.builder(name.name(), last, LastValue::get)
                .tags(name.tags())
                .register(registry);
    }

    private void tellOfLimit(String number) {
        if (!toldOfLimit) {
            toldOfLimit = true;
            System.getLogger("org.panoptim")
                    .log(
                            System.Logger.Level.WARNING,
                            "An observation has more numbers than the "
                                    + limit
                                    + " meters that its monitor may have; '"
                                    + number
                                    + "' and those after it are left out. limit(…) of its builder"
                                    + " allows more, parameters(…) chooses parameters.");
        }
    }

    /** Removes the meters from the registry; closing twice is harmless. */
    @Override
    public void close() {
        closed = true;
        meters.forEach(registry::remove);
        meters.clear();
    }
}

package org.panoptim.testkit.scenario;

import org.panoptim.rule.UpdateRule;
import org.panoptim.schedule.ReduceOnPlateau;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.Clipping;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A whole run of an optimizer, described so that a failing one can be read and typed in again.
 *
 * @param title what is special about it
 * @param settings what all groups share
 * @param companions rules beside those of the groups
 * @param groups the groups at the start, at least one
 * @param actions what happens, in order
 */
public record Scenario(
        String title,
        Settings settings,
        List<UpdateRule> companions,
        List<Group> groups,
        List<Action> actions) {

    /** A schedule that sets the momentum cannot go with a rule that has none. */
    public Scenario {
        companions = List.copyOf(companions);
        groups = List.copyOf(groups);
        actions = List.copyOf(actions);
        var added =
                actions.stream()
                        .filter(Add.class::isInstance)
                        .map(action -> ((Add) action).group());
        if (settings.schedule() == ScheduleKind.ONE_CYCLE
                && !Stream.concat(groups.stream(), added)
                        .allMatch(group -> group.rule().takesMomentum())) {
            settings = settings.withSchedule(ScheduleKind.COSINE);
        }
    }

    /** Without companions. */
    public Scenario(String title, Settings settings, List<Group> groups, List<Action> actions) {
        this(title, settings, List.of(), groups, actions);
    }

    /** The name of the first group's rule. */
    public String rule() {
        return groups.getFirst().rule().name();
    }

    /** The name of what it is about: the first companion's, or else the first group's rule's. */
    public String subject() {
        return companions.stream().findFirst().map(UpdateRule::name).orElseGet(this::rule);
    }

    /**
     * What all groups share.
     *
     * @param halving whether a transform halves every gradient of an accepted step
     * @param flushing whether the smallest states become 0
     */
    public record Settings(
            NonFinitePolicy policy,
            Clipping clipping,
            LossScale lossScale,
            ScheduleKind schedule,
            boolean zeroGradients,
            boolean statistics,
            boolean halving,
            boolean flushing) {

        /** Nothing but steps. */
        public static final Settings PLAIN =
                new Settings(
                        NonFinitePolicy.PROPAGATE,
                        Clipping.none(),
                        LossScale.none(),
                        ScheduleKind.CONSTANT,
                        false,
                        false,
                        false,
                        false);

        /** A dynamic loss scale cannot go with PROPAGATE. */
        public Settings {
            if (lossScale instanceof LossScale.Dynamic && policy == NonFinitePolicy.PROPAGATE) {
                policy = NonFinitePolicy.SKIP;
            }
        }

        /** These settings with another policy. */
        public Settings withPolicy(NonFinitePolicy other) {
            return new Settings(
                    other,
                    clipping,
                    lossScale,
                    schedule,
                    zeroGradients,
                    statistics,
                    halving,
                    flushing);
        }

        /** These settings with gradients clipped to a global norm. */
        public Settings withClipNorm(double other) {
            return withClipping(Clipping.globalNorm(other));
        }

        /** These settings with gradients clipped. */
        public Settings withClipping(Clipping other) {
            return new Settings(
                    policy,
                    other,
                    lossScale,
                    schedule,
                    zeroGradients,
                    statistics,
                    halving,
                    flushing);
        }

        /** These settings with another loss scale. */
        public Settings withLossScale(LossScale other) {
            return new Settings(
                    policy,
                    clipping,
                    other,
                    schedule,
                    zeroGradients,
                    statistics,
                    halving,
                    flushing);
        }

        /** These settings with another schedule. */
        public Settings withSchedule(ScheduleKind other) {
            return new Settings(
                    policy,
                    clipping,
                    lossScale,
                    other,
                    zeroGradients,
                    statistics,
                    halving,
                    flushing);
        }

        /** These settings with gradients zeroed by each step. */
        public Settings zeroing() {
            return new Settings(
                    policy, clipping, lossScale, schedule, true, statistics, halving, flushing);
        }

        /** These settings with statistics. */
        public Settings measuring() {
            return new Settings(
                    policy, clipping, lossScale, schedule, zeroGradients, true, halving, flushing);
        }

        /** These settings with the smallest states becoming 0. */
        public Settings flushingStates() {
            return new Settings(
                    policy,
                    clipping,
                    lossScale,
                    schedule,
                    zeroGradients,
                    statistics,
                    halving,
                    true);
        }
    }

    /** Schedules, each to be made anew for every optimizer, since some have state. */
    public enum ScheduleKind {
        CONSTANT(Schedule::constant),
        STEP(() -> Schedule.step(2, 0.3)),
        COSINE(() -> Schedule.cosine(5, 0.1)),
        LINEAR_WARMUP(() -> Schedule.linearWarmup(3)),
        WARMUP_COSINE(() -> Schedule.warmupCosine(2, 5)),
        ONE_CYCLE(() -> Schedule.oneCycle(6)),
        REDUCE_ON_PLATEAU(() -> new ReduceOnPlateau(0.5, 0, 0.01, 0, 0)),
        FUNCTION(() -> Schedule.of(step -> 1.0 / step)),
        ZERO(() -> Schedule.of(_ -> 0));

        private final Supplier<Schedule> maker;

        ScheduleKind(Supplier<Schedule> maker) {
            this.maker = maker;
        }

        /** Makes one. */
        public Schedule make() {
            return maker.get();
        }
    }

    /** A group as it is registered. */
    public record Group(UpdateRule rule, List<Tensor> tensors) {
        /** Copies the list. */
        public Group {
            tensors = List.copyOf(tensors);
        }
    }

    /**
     * A parameter.
     *
     * @param shape its dimensions
     * @param offset how many elements its value begins after a multiple of 64 bytes
     * @param start its value before the first step
     * @param types what its arrays are
     */
    public record Tensor(Shape shape, int offset, Values start, Types types) {

        /** A vector of floats, without outputs. */
        public Tensor(long elements, int offset, Values start) {
            this(vector(elements), offset, start, Types.FLOATS);
        }

        /** The shape of so many elements in a row: of no dimension if there is one. */
        public static Shape vector(long elements) {
            return elements == 1 ? Shape.of() : Shape.of(elements);
        }

        /** How many elements it has. */
        public long elements() {
            return shape.elements();
        }

        @Override
        public String toString() {
            var text = shape + " at +" + offset + " " + start;
            return types.equals(Types.FLOATS) ? text : text + " " + types;
        }
    }

    /**
     * The arrays of a parameter.
     *
     * @param value of value, gradient and curvature
     * @param copy of the copy that steps leave, if they do
     * @param average of the moving average, if there is one
     */
    public record Types(DType value, Optional<DType> copy, Optional<DType> average) {

        /** Nothing but floats. */
        public static final Types FLOATS = of(DType.F32);

        /** Without outputs. */
        public static Types of(DType value) {
            return new Types(value, Optional.empty(), Optional.empty());
        }

        /** With both outputs. */
        public static Types of(DType value, DType copy, DType average) {
            return new Types(value, Optional.of(copy), Optional.of(average));
        }

        /** These with an average. */
        public Types averaged() {
            return new Types(value, copy, average.or(() -> Optional.of(DType.F32)));
        }
    }

    /** Something done to the optimizer; groups and tensors are named modulo their number. */
    public sealed interface Action {}

    /** A step; tensor i gets the gradient with index i modulo their number. */
    public record Step(List<Gradient> gradients) implements Action {
        /** Copies the list. */
        public Step {
            gradients = List.copyOf(gradients);
        }
    }

    /** Other hyper-parameters for a group, those that its rule has. */
    public record Retune(int group, double rate, double weightDecay, double beta)
            implements Action {}

    /**
     * A named pass, and perhaps the one that closes it.
     *
     * @param gradients tensor i gets the gradient with index i modulo their number before the pass
     * @param between the same before the pass that closes it
     */
    public record Passes(
            String name, List<Gradient> gradients, Optional<String> closing, List<Gradient> between)
            implements Action {
        /** Copies the lists. */
        public Passes {
            gradients = List.copyOf(gradients);
            between = List.copyOf(between);
        }
    }

    /** Another learning rate for a group. */
    public record Rate(int group, double rate) implements Action {}

    /** A further group. */
    public record Add(Group group) implements Action {}

    /** A group is frozen, or taken up again. */
    public record Freeze(int group, boolean frozen) implements Action {}

    /** The states of a tensor are set. */
    public record SetStates(int tensor, Values values) implements Action {}

    /** Gradients are zeroed by a call. */
    public record ZeroGradients() implements Action {}

    /** A metric for schedules that watch one. */
    public record Observe(double metric) implements Action {}

    /** All backends save; each goes on in a new optimizer with the file of its neighbour. */
    public record SaveAndSwap() implements Action {}

    /** Where the gradient of a tensor comes from. */
    public enum Source {
        /** None in this step. */
        ABSENT,
        /** The one of the step before, where it lies, if there was one. */
        KEPT,
        /** A new one at another address. */
        FRESH
    }

    /**
     * The gradient of one tensor in one step.
     *
     * @param offset how many elements it begins after a multiple of 64 bytes
     * @param curvature curvature for rules that take it
     */
    public record Gradient(Source source, int offset, Values values, Optional<Values> curvature) {
        @Override
        public String toString() {
            var text = source == Source.FRESH ? values + " at +" + offset : source.toString();
            return text + curvature.map(values -> " curved by " + values).orElse("");
        }
    }

    @Override
    public String toString() {
        return subject() + ", " + title;
    }

    /** All of it, line by line. */
    public String description() {
        return this
                + "\n  "
                + settings
                + lines("\n  beside ", companions)
                + lines("\n  group ", groups)
                + lines("\n  then ", actions);
    }

    private static String lines(String start, List<?> items) {
        return items.stream().map(item -> start + item).collect(Collectors.joining());
    }
}

package org.panoptim.rule;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * What there is to know of a rule without running it: its hyper-parameters with their names, ranges
 * and defaults, and where it comes from. Everything that lists rules is derived from this: checks,
 * traces, checkpoints, the kernels' tables, tests and documentation.
 *
 * @param <R> the rule
 */
public final class RuleDescriptor<R extends UpdateRule> {

    private final String label;
    private final String source;
    private final List<RuleSetting> settings;
    private final List<Function<? super R, ?>> getters;
    private final Function<Values, R> factory;

    private RuleDescriptor(
            String label,
            String source,
            List<RuleSetting> settings,
            List<Function<? super R, ?>> getters,
            Function<Values, R> factory) {
        this.label = label;
        this.source = source;
        this.settings = List.copyOf(settings);
        this.getters = List.copyOf(getters);
        this.factory = factory;
    }

    /**
     * Begins the descriptor of a rule. Hyper-parameters follow in the order of its constructor.
     *
     * @param source the program or paper that it is taken from, for example {@code "PyTorch,
     *     torch.optim.AdamW"}
     */
    public static <R extends UpdateRule> Builder<R> of(Class<R> type, String source) {
        return new Builder<>(Objects.requireNonNull(type, "type").getSimpleName(), source);
    }

    /** The values of a rule's hyper-parameters, which its constructor takes one after another. */
    public static final class Values {

        private final Object[] values;
        private int next;

        private Values(Object[] values) {
            this.values = values;
        }

        /** The next value, a number. */
        public double number() {
            return (double) values[next++];
        }

        /** The next value, true or false. */
        public boolean flag() {
            return (boolean) values[next++];
        }

        /** The next value, a whole number. */
        public long count() {
            return (long) values[next++];
        }

        /** The next value, whatever it is. */
        Object next() {
            return values[next++];
        }
    }

    /**
     * Collects a rule's hyper-parameters.
     *
     * @param <R> the rule
     */
    public static final class Builder<R extends UpdateRule> {

        private final String label;
        private final String source;
        private final List<RuleSetting> settings = new ArrayList<>();
        private final List<Function<? super R, ?>> getters = new ArrayList<>();

        Builder(String label, String source) {
            this.label = label;
            this.source = Objects.requireNonNull(source, "source");
        }

        /** The learning rate, {@code "lr"}. */
        public Builder<R> learningRate(double initial, Function<? super R, Double> getter) {
            return add("learningRate", "lr", RuleSetting.Range.RATE, initial, getter);
        }

        /** The weight decay, coupled or not. */
        public Builder<R> weightDecay(double initial, Function<? super R, Double> getter) {
            return add("weight_decay", RuleSetting.Range.WEIGHT_DECAY, initial, getter);
        }

        /** What keeps a denominator from 0, {@code "eps"}. */
        public Builder<R> epsilon(double initial, Function<? super R, Double> getter) {
            return add("epsilon", "eps", RuleSetting.Range.NON_NEGATIVE, initial, getter);
        }

        /** The same, which the rule cannot do without. */
        public Builder<R> positiveEpsilon(double initial, Function<? super R, Double> getter) {
            return add("epsilon", "eps", RuleSetting.Range.POSITIVE, initial, getter);
        }

        /** A decay of an average, in [0, 1). */
        public Builder<R> decay(String name, double initial, Function<? super R, Double> getter) {
            return add(name, RuleSetting.Range.DECAY, initial, getter);
        }

        /**
         * A decay β, in [0, 1), of an average that the rule corrects for its beginning: divides by
         * 1 − βⁿ, with n the parameter's count of steps. In the place of {@code beta1} a schedule
         * may set the momentum.
         */
        public Builder<R> correctedDecay(
                String name, double initial, Function<? super R, Double> getter) {
            settings.add(
                    new RuleSetting(
                            camelCase(name), name, RuleSetting.Range.DECAY, initial, true, false));
            getters.add(Objects.requireNonNull(getter, "getter"));
            return this;
        }

        /** A number in a range. */
        public Builder<R> number(
                String name,
                RuleSetting.Range range,
                double initial,
                Function<? super R, Double> getter) {
            return add(name, range, initial, getter);
        }

        /** A whole number, at least 0. */
        public Builder<R> count(String name, long initial, Function<? super R, Long> getter) {
            return add(name, RuleSetting.Range.COUNT, initial, getter);
        }

        /** A whole number, at least 1. */
        public Builder<R> positiveCount(
                String name, long initial, Function<? super R, Long> getter) {
            return add(name, RuleSetting.Range.POSITIVE_COUNT, initial, getter);
        }

        /** How many iterations a step takes, from 1 to 99. */
        public Builder<R> iterations(String name, long initial, Function<? super R, Long> getter) {
            return add(name, RuleSetting.Range.ITERATIONS, initial, getter);
        }

        /** A switch, off by default. */
        public Builder<R> flag(String name, Function<? super R, Boolean> getter) {
            return flag(name, false, getter);
        }

        /** A switch. */
        public Builder<R> flag(String name, boolean initial, Function<? super R, Boolean> getter) {
            return add(name, RuleSetting.Range.FLAG, initial, getter);
        }

        private Builder<R> add(
                String name,
                RuleSetting.Range range,
                Object initial,
                Function<? super R, ?> getter) {
            return add(camelCase(name), name, range, initial, getter);
        }

        /** A hyper-parameter whose PyTorch name is not that of its component. */
        Builder<R> add(
                String component,
                String name,
                RuleSetting.Range range,
                Object initial,
                Function<? super R, ?> getter) {
            settings.add(new RuleSetting(component, name, range, initial, false, false));
            getters.add(Objects.requireNonNull(getter, "getter"));
            return this;
        }

        /**
         * Lets a companion take the hyper-parameter that was named last from the rule that it goes
         * with ({@link Companion#beside}): nobody sets it.
         */
        public Builder<R> takenFromRule() {
            settings.add(settings.removeLast().takenFromRule());
            return this;
        }

        private static String camelCase(String name) {
            var words = Objects.requireNonNull(name, "name").split("_");
            var result = new StringBuilder(words[0]);
            for (int i = 1; i < words.length; i++) {
                result.append(Character.toUpperCase(words[i].charAt(0)))
                        .append(words[i].substring(1));
            }
            return result.toString();
        }

        /**
         * The descriptor.
         *
         * @param factory calls the rule's constructor with the values in order
         * @throws IllegalArgumentException if two hyper-parameters have one name
         */
        public RuleDescriptor<R> build(Function<Values, R> factory) {
            Objects.requireNonNull(factory, "factory");
            var names = new HashSet<String>();
            for (var setting : settings) {
                if (!names.add(setting.name())) {
                    throw new IllegalArgumentException(
                            label + " has two settings '" + setting.name() + "'");
                }
            }
            return new RuleDescriptor<>(label, source, settings, getters, factory);
        }
    }

    /** The program or paper that the rule is taken from. */
    public String source() {
        return source;
    }

    /** The hyper-parameters, in order. */
    public List<RuleSetting> settings() {
        return settings;
    }

    /** Those that are set, in order: not what a companion takes from the rule that it goes with. */
    public List<RuleSetting> ownSettings() {
        return settings.stream().filter(setting -> !setting.fromRule()).toList();
    }

    /** The rule with its defaults. */
    public R defaults() {
        return factory.apply(new Values(settings.stream().map(RuleSetting::initial).toArray()));
    }

    /**
     * Checks the values of a rule that is being made.
     *
     * @param values all of them, in order
     * @throws IllegalArgumentException if one is out of range; the message names the rule, the
     *     component, the range and the value
     */
    public void check(Object... values) {
        Objects.requireNonNull(values, "values");
        int rate = -1;
        for (int i = 0; i < settings.size(); i++) {
            var setting = settings.get(i);
            setting.check(label, Objects.requireNonNull(values[i], setting.component()));
            if (setting.range() == RuleSetting.Range.RATE) {
                rate = i;
            } else if (setting.range() == RuleSetting.Range.WEIGHT_DECAY && rate >= 0) {
                RuleSetting.checkProduct(
                        label,
                        settings.get(rate),
                        RuleSetting.number(values[rate]),
                        setting,
                        RuleSetting.number(values[i]));
            }
        }
    }

    /**
     * Checks what some values of a rule that is being made amount to.
     *
     * @param what the message's name for it, for example {@code "rho times batchSize"}
     * @throws IllegalArgumentException if it is out of range
     */
    public void check(String what, RuleSetting.Range range, double value) {
        Objects.requireNonNull(what, "what");
        Objects.requireNonNull(range, "range");
        RuleSetting.check(label, what, range, value);
    }

    /**
     * A hyper-parameter of a rule, as a kernel takes it: booleans are 0 or 1.
     *
     * @param index its place in {@link #settings()}
     */
    public double number(UpdateRule rule, int index) {
        return RuleSetting.number(value(rule, index));
    }

    /** A hyper-parameter of a rule: a {@link Double}, {@link Boolean} or {@link Long}. */
    @SuppressWarnings("unchecked")
    public Object value(UpdateRule rule, int index) {
        return getters.get(index).apply((R) Objects.requireNonNull(rule, "rule"));
    }

    /** A rule's hyper-parameters by PyTorch's names, as text that {@link #with} reads back. */
    public Map<String, String> text(UpdateRule rule) {
        Objects.requireNonNull(rule, "rule");
        var result = new LinkedHashMap<String, String>();
        for (int i = 0; i < settings.size(); i++) {
            result.put(settings.get(i).name(), String.valueOf(value(rule, i)));
        }
        return Collections.unmodifiableMap(result);
    }

    /**
     * A rule with one hyper-parameter changed.
     *
     * @param name PyTorch's name
     * @param value a {@link Double}, {@link Boolean} or {@link Long}, as the rule has it
     * @throws IllegalArgumentException for an unknown name, another type, or a value out of range
     */
    public R with(UpdateRule rule, String name, Object value) {
        Objects.requireNonNull(rule, "rule");
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(value, "value");
        var values = values(rule);
        for (int i = 0; i < settings.size(); i++) {
            var setting = settings.get(i);
            if (setting.name().equals(name)) {
                if (value.getClass() != setting.initial().getClass()) {
                    throw new IllegalArgumentException(
                            "%s: %s is a %s, not a %s"
                                    .formatted(
                                            rule.name(),
                                            name,
                                            setting.initial().getClass().getSimpleName(),
                                            value.getClass().getSimpleName()));
                }
                values[i] = value;
                return factory.apply(new Values(values));
            }
        }
        throw unknown(rule, name);
    }

    /**
     * A rule with some of its hyper-parameters changed.
     *
     * @param changes new values as text by PyTorch's names; those left out keep what the rule has
     * @throws IllegalArgumentException for an unknown name, a value that is no number or boolean,
     *     or one out of range; the message names the rule, the setting, the range and the value
     */
    public R with(UpdateRule rule, Map<String, String> changes) {
        Objects.requireNonNull(rule, "rule");
        Objects.requireNonNull(changes, "changes");
        var unknown = new TreeSet<>(changes.keySet());
        var values = values(rule);
        for (int i = 0; i < values.length; i++) {
            var setting = settings.get(i);
            unknown.remove(setting.name());
            var text = changes.get(setting.name());
            if (text != null) {
                values[i] = setting.parse(rule.name(), text.strip());
            }
        }
        if (!unknown.isEmpty()) {
            throw unknown(rule, String.join(", ", unknown));
        }
        return factory.apply(new Values(values));
    }

    private Object[] values(UpdateRule rule) {
        var values = new Object[settings.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = value(rule, i);
        }
        return values;
    }

    private IllegalArgumentException unknown(UpdateRule rule, String names) {
        return new IllegalArgumentException(
                rule.name()
                        + " has no setting "
                        + names
                        + "; it has "
                        + String.join(
                                ", ", ownSettings().stream().map(RuleSetting::name).toList()));
    }
}

package org.panoptim.monitor;

import org.panoptim.StepReport;
import org.panoptim.StepStatistics;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.SequencedMap;

/**
 * Numbers that belong to a step, by name. A name may have parts, from the general to the
 * particular, with slashes between them: {@code learning_rate/decay} is that of group {@code
 * decay}, and TensorBoard shows all learning rates together.
 *
 * @param step the number of accepted steps, at least 0
 * @param values the numbers in their order, which may be infinite or NaN; empty where there is none
 *     in this step, so that the names can be the same in all
 */
public record Observation(long step, SequencedMap<String, OptionalDouble> values) {

    /** The name of the step's number where it is written beside the values. */
    static final String STEP = "step";

    /**
     * Checks the names, and copies the map.
     *
     * @throws IllegalArgumentException if the step is negative, or a name is {@code "step"}, empty,
     *     no Unicode text, or has control characters, which would break lines
     */
    public Observation {
        if (step < 0) {
            throw new IllegalArgumentException("the step must be at least 0, but is " + step);
        }
        Objects.requireNonNull(values, "values");
        var copy = new LinkedHashMap<String, OptionalDouble>();
        values.forEach(
                (name, value) -> {
                    check(name);
                    copy.put(name, Objects.requireNonNull(value, name));
                });
        values = Collections.unmodifiableSequencedMap(copy);
    }

    /** An observation without numbers, for {@link #with}. */
    public Observation(long step) {
        this(step, new LinkedHashMap<>());
    }

    /**
     * What a report says: {@code accepted} (1 or 0), {@code skipped}, {@code loss_scale}, {@code
     * learning_rate/GROUP} for each group, {@code gradient_norm}, {@code update_norm} and {@code
     * clip_coefficient}; all as {@link StepReport} has them. The counts of parameters are left out.
     *
     * <p>With {@linkplain org.panoptim.Optimizer.Builder#statistics statistics} there are, of each
     * group, {@code gradient_norm/GROUP}, {@code value_norm/GROUP}, {@code update_norm/GROUP},
     * {@code update_ratio/GROUP}, {@code effective_learning_rate/GROUP} and {@code
     * held_share/GROUP}, as {@link StepStatistics} has them, and its numbers, such as {@code
     * d/GROUP}.
     *
     * <p>The names are the same whatever step the report is of, before the first one too, until a
     * group is added; a number that this step did not take is empty.
     *
     * <p>On a device the report waits for its step, so that training is fastest where it is asked
     * for in those steps alone that are to be written.
     */
    public static Observation of(StepReport report) {
        Objects.requireNonNull(report, "report");
        var values = new LinkedHashMap<String, OptionalDouble>();
        values.put("accepted", OptionalDouble.of(report.accepted() ? 1 : 0));
        values.put("skipped", OptionalDouble.of(report.skipped()));
        values.put("loss_scale", OptionalDouble.of(report.lossScale()));
        report.learningRates()
                .forEach(
                        (group, rate) ->
                                values.put("learning_rate/" + group, OptionalDouble.of(rate)));
        values.put("gradient_norm", report.gradientNorm());
        values.put("update_norm", report.updateNorm());
        values.put("clip_coefficient", OptionalDouble.of(report.clipCoefficient()));
        report.groups().forEach((group, found) -> put(values, "", group, found));
        return new Observation(report.step(), values);
    }

    /**
     * The same and, with statistics, what there is of groups of each parameter too: {@code
     * parameter_gradient_norm/PARAMETER} and so on, and its numbers, such as {@code
     * parameter_trust_ratio/PARAMETER}.
     */
    public static Observation ofParameters(StepReport report) {
        var values = new LinkedHashMap<>(of(report).values());
        report.parameters().forEach((name, found) -> put(values, "parameter_", name, found));
        return new Observation(report.step(), values);
    }

    private static void put(
            Map<String, OptionalDouble> values, String kind, String owner, StepStatistics found) {
        var statistics = new LinkedHashMap<String, OptionalDouble>();
        statistics.put("gradient_norm", found.gradientNorm());
        statistics.put("value_norm", found.valueNorm());
        statistics.put("update_norm", found.updateNorm());
        statistics.put("update_ratio", found.updateRatio());
        statistics.put("effective_learning_rate", found.effectiveLearningRate());
        statistics.put("held_share", found.heldShare());
        statistics.putAll(found.numbers());
        statistics.forEach((name, value) -> values.put(kind + name + "/" + owner, value));
    }

    /**
     * This observation with one more number at its end, {@code loss} for example, or with another
     * one under a name that it has.
     *
     * @throws IllegalArgumentException as the constructor
     */
    public Observation with(String name, double value) {
        return with(name, OptionalDouble.of(value));
    }

    /**
     * The same with a number that there may be: a validation loss that is taken now and then, for
     * example, whose name all observations should have.
     *
     * @throws IllegalArgumentException as the constructor
     */
    public Observation with(String name, OptionalDouble value) {
        var extended = new LinkedHashMap<>(values);
        extended.put(name, value);
        return new Observation(step, extended);
    }

    /**
     * The same with the numbers of another observation at its end: of several optimizers in one
     * line. The step stays this one's.
     */
    public Observation with(Observation other) {
        Objects.requireNonNull(other, "other");
        var extended = new LinkedHashMap<>(values);
        extended.putAll(other.values);
        return new Observation(step, extended);
    }

    /**
     * The same under names with a part in front, {@code encoder/learning_rate/all}, which tells
     * several optimizers apart.
     *
     * @throws IllegalArgumentException as the constructor
     */
    public Observation under(String part) {
        Objects.requireNonNull(part, "part");
        var renamed = new LinkedHashMap<String, OptionalDouble>();
        values.forEach((name, value) -> renamed.put(part + "/" + name, value));
        return new Observation(step, renamed);
    }

    private static void check(String name) {
        Objects.requireNonNull(name, "name");
        if (name.isEmpty()) {
            throw new IllegalArgumentException("the name of a value must not be empty");
        }
        if (name.equals(STEP)) {
            throw new IllegalArgumentException(
                    "no value can be named 'step': that is the observation's own number");
        }
        int index = 0;
        while (index < name.length()) {
            int codePoint = name.codePointAt(index);
            int type = Character.getType(codePoint);
            if (type == Character.CONTROL || type == Character.SURROGATE) {
                throw new IllegalArgumentException(
                        "the name '%s' of a value has U+%04X at index %d, which is no text"
                                .formatted(printable(name), codePoint, index));
            }
            index += Character.charCount(codePoint);
        }
    }

    private static String printable(String name) {
        return name.replaceAll("[\\p{Cc}\\p{Cs}]", "?");
    }
}

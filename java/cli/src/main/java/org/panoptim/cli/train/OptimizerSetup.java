package org.panoptim.cli.train;

import org.panoptim.Optimizer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SAM;
import org.panoptim.rule.UpdateRule;
import org.panoptim.testkit.trace.ConfiguredRule;
import org.panoptim.testkit.trace.TraceOptions;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * How one of Panoptim's optimizers is made.
 *
 * @param configured its rule and further settings
 * @param sam with the rule, if at all
 * @param schedule of its learning rate, if any
 */
public record OptimizerSetup(
        ConfiguredRule configured, Optional<SAM> sam, Optional<ScheduleChoice> schedule) {

    /** What trains the parameters that a rule on matrices refuses: of these nets the biases. */
    private static final AdamW OF_BIASES = AdamW.withLearningRate(0.002).withWeightDecay(0);

    /** A rule alone. */
    public OptimizerSetup(UpdateRule rule) {
        this(new ConfiguredRule(rule), Optional.empty(), Optional.empty());
    }

    /** The rule. */
    public UpdateRule rule() {
        return configured.rule();
    }

    /**
     * This with the settings of an entry, and with its companion.
     *
     * @throws IllegalArgumentException if a setting or a companion is none; the message says which,
     *     and what there is
     */
    public OptimizerSetup with(OptimizerEntry entry) {
        try {
            // PyTorch's tensors, which are trained here, have no averages.
            var changed = configured.withoutAverages(entry.optimizer().settings());
            return new OptimizerSetup(changed, sam(entry), schedule);
        } catch (IllegalArgumentException e) {
            throw OptimizerEntry.problem(entry.text(), e.getMessage());
        }
    }

    private static Optional<SAM> sam(OptimizerEntry entry) {
        if (entry.companions().size() > 1) {
            throw new IllegalArgumentException("one companion is the most");
        }
        return entry.companions().stream().findFirst().map(OptimizerSetup::sam);
    }

    private static SAM sam(OptimizerEntry.Part part) {
        return Rules.companions().stream()
                .filter(companion -> companion.name().equals(part.name()))
                .filter(SAM.class::isInstance)
                .map(SAM.class::cast)
                .findFirst()
                .map(companion -> Rules.with(companion, part.settings()))
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "there is no companion '"
                                                + part.name()
                                                + "' for the training; there is "
                                                + names()));
    }

    private static String names() {
        return Rules.companions().stream()
                .filter(SAM.class::isInstance)
                .map(UpdateRule::name)
                .collect(Collectors.joining(", "));
    }

    /** Whether there is such a setting, of the rule or of any optimizer. */
    boolean has(String setting) {
        return Rules.settings(rule()).containsKey(setting)
                || TraceOptions.names().contains(setting);
    }

    /**
     * This with a setting changed.
     *
     * @throws IllegalArgumentException if the value is none for it
     */
    OptimizerSetup with(String setting, String value) {
        return new OptimizerSetup(
                configured.withoutAverages(Map.of(setting, value)), sam, schedule);
    }

    /** This under another schedule. */
    OptimizerSetup with(ScheduleChoice other) {
        return new OptimizerSetup(configured, sam, Optional.of(other));
    }

    /**
     * The settings that are not off, by PyTorch's names; SAM's begin with {@code sam.}. Where the
     * rule takes matrices alone, they say what becomes of biases.
     */
    public SequencedMap<String, String> settings() {
        var settings = new LinkedHashMap<>(configured.settings());
        if (rule() instanceof MatrixRule) {
            settings.put("biases", OF_BIASES.name() + "@" + OF_BIASES.learningRate());
        }
        sam.ifPresent(
                companion ->
                        Rules.settings(companion)
                                .forEach(
                                        (name, value) ->
                                                settings.put(
                                                        companion.name() + "." + name, value)));
        settings.values().removeIf("false"::equals);
        return settings;
    }

    /**
     * Begins an optimizer of parameters that leaves zeros in the gradients. Those that a rule on
     * matrices refuses are trained by AdamW, at {@code lr=0.002:weight_decay=0}.
     *
     * @param steps how many it will take, for the schedule
     */
    public Optimizer.Builder<UpdateRule> optimizer(long steps, List<Parameter> parameters) {
        var builder = configured.optimizer().zeroGradients(true);
        if (rule() instanceof MatrixRule matrices) {
            Predicate<Parameter> taken = each -> matrices.refusal(each.shape()).isEmpty();
            builder.group("all", parameters.stream().filter(taken).toList())
                    .group(
                            "biases",
                            parameters.stream().filter(taken.negate()).toList(),
                            OF_BIASES);
        } else {
            builder.group("all", parameters);
        }
        schedule.ifPresent(each -> builder.schedule(each.of(steps)));
        sam.ifPresent(builder::companion);
        return builder;
    }
}

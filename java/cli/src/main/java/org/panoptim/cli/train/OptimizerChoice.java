package org.panoptim.cli.train;

import org.panoptim.rule.AdamW;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SophiaG;
import org.panoptim.rule.UpdateRule;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * An optimizer to train the classifier with.
 *
 * @param name what the command line and the report call it
 * @param rule the rule; for PyTorch's optimizer the one that it implements
 * @param ofEngine whether PyTorch's optimizer takes the steps
 */
public record OptimizerChoice(String name, UpdateRule rule, boolean ofEngine) {

    private static final String ENGINE_ADAMW = "torch-adamw";

    /** Settings that do well on this task, where a rule's defaults are meant for others. */
    private static final Map<String, String> SETTINGS =
            Map.of(
                    "sgd", "lr=0.05,momentum=0.9",
                    "adam", "lr=0.002",
                    "adamw", "lr=0.002",
                    "lion", "lr=0.001,weight_decay=0.3",
                    "sophia-g", "lr=0.0005");

    /**
     * The choice of that name, with settings for this task.
     *
     * @param batch examples a step, which Sophia-G needs to know
     * @throws IllegalArgumentException if there is none; the message lists the names
     */
    public static OptimizerChoice named(String name, int batch) {
        if (name.equals(ENGINE_ADAMW)) {
            return new OptimizerChoice(name, named("adamw", batch).rule(), true);
        }
        if (!names().contains(name)) {
            throw new IllegalArgumentException(
                    "there is no optimizer '"
                            + name
                            + "'; there are "
                            + String.join(", ", names()));
        }
        var rule = Rules.with(Rules.named(name), settings(name));
        return new OptimizerChoice(
                name, rule instanceof SophiaG sophia ? sophia.withBatchSize(batch) : rule, false);
    }

    private static Map<String, String> settings(String name) {
        return Stream.of(SETTINGS.getOrDefault(name, "").split(","))
                .filter(setting -> !setting.isEmpty())
                .map(setting -> setting.split("="))
                .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
    }

    /** All valid names: of the rules whose curvature can be estimated here. */
    public static List<String> names() {
        var rules = Rules.all().stream().filter(Curvature::serves).map(UpdateRule::name);
        return Stream.concat(rules, Stream.of(ENGINE_ADAMW)).toList();
    }

    /** This choice at another learning rate. */
    public OptimizerChoice atLearningRate(double learningRate) {
        return new OptimizerChoice(name, rule.atLearningRate(learningRate), ofEngine);
    }

    /** The rule's settings that are not off, by PyTorch's names. */
    public Map<String, String> settings() {
        var settings = new LinkedHashMap<>(Rules.settings(rule));
        settings.values().removeIf("false"::equals);
        return settings;
    }

    /** The rule of an engine's AdamW. */
    AdamW engineRule() {
        return (AdamW) rule;
    }
}

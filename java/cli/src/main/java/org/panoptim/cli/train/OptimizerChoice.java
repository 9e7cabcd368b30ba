package org.panoptim.cli.train;

import org.panoptim.rule.Rules;
import org.panoptim.rule.SophiaG;
import org.panoptim.rule.UpdateRule;

import java.util.List;
import java.util.SequencedMap;
import java.util.stream.Stream;

/**
 * An optimizer to train the classifier with.
 *
 * @param name what the command line and the report call it
 * @param setup its rule and settings; for PyTorch's optimizer those that it implements
 * @param ofEngine whether PyTorch's optimizer takes the steps
 */
public record OptimizerChoice(String name, OptimizerSetup setup, boolean ofEngine)
        implements SetupChoice<OptimizerChoice> {

    private static final String ENGINE_ADAMW = "torch-adamw";

    /**
     * Settings for this task of rules whose defaults are meant for others: chosen, among a few, by
     * the loss after the usual number of epochs.
     */
    public static final TaskSettings SETTINGS =
            TaskSettings.of(
                    "sgd:lr=0.05:momentum=0.9",
                    "adam:lr=0.002",
                    "adamw:lr=0.002",
                    "lion:lr=0.001:weight_decay=0.3",
                    "sophia-g:lr=0.0005",
                    "lamb:lr=0.01",
                    "lars:lr=3:momentum=0.9:weight_decay=0.001",
                    "tiger:lr=0.003",
                    "dadapt-sgd:momentum=0.9:d0=0.001:growth_rate=1.02",
                    "muon:lr=0.01");

    /**
     * The choice of an entry, with settings for this task where it has none.
     *
     * @param batch examples a step, which Sophia-G needs to know
     * @throws IllegalArgumentException if there is none; the message says what of it, and what
     *     there is
     */
    public static OptimizerChoice of(OptimizerEntry entry, int batch) {
        var name = entry.name();
        if (!names().contains(name)) {
            throw TaskSettings.unknown(name, "the classifier", names());
        }
        if (name.equals(ENGINE_ADAMW)) {
            EngineOptimizer.require(entry);
            return new OptimizerChoice(entry.text(), setup("adamw", batch).with(entry), true);
        }
        return new OptimizerChoice(entry.text(), setup(name, batch).with(entry), false);
    }

    private static OptimizerSetup setup(String name, int batch) {
        var rule = SETTINGS.applyTo(Rules.named(name));
        return new OptimizerSetup(
                rule instanceof SophiaG sophia ? sophia.withBatchSize(batch) : rule);
    }

    /** All valid names: of the rules whose curvature can be estimated here. */
    public static List<String> names() {
        var rules = Rules.all().stream().filter(Curvature::serves).map(UpdateRule::name);
        return Stream.concat(rules, Stream.of(ENGINE_ADAMW)).toList();
    }

    @Override
    public OptimizerChoice with(OptimizerSetup other) {
        return new OptimizerChoice(name, other, ofEngine);
    }

    @Override
    public SequencedMap<String, String> settings() {
        return setup.settings();
    }
}

package org.panoptim.cli.train.autoencoder;

import org.panoptim.cli.train.EngineOptimizer;
import org.panoptim.cli.train.OptimizerEntry;
import org.panoptim.cli.train.OptimizerSetup;
import org.panoptim.cli.train.SetupChoice;
import org.panoptim.cli.train.TaskSettings;
import org.panoptim.rule.Adam;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.stream.Stream;

/**
 * An optimizer to train the autoencoder with.
 *
 * @param name what the command line and the report call it
 * @param kind which implementation takes the steps
 * @param setup rule and settings; under K-FAC of the rule that applies the preconditioned gradients
 * @param iterations how many steps it takes
 */
public record AutoencoderChoice(String name, Kind kind, OptimizerSetup setup, int iterations)
        implements SetupChoice<AutoencoderChoice> {

    /** Which implementation takes the steps. */
    public enum Kind {
        /** Panoptim's rule, as it is. */
        FUSED,
        /** Panoptim's rule on gradients that K-FAC has preconditioned. */
        KFAC,
        /** PyTorch's Adam. */
        ENGINE
    }

    private static final String KFAC = "kfac";
    private static final String ENGINE_ADAM = "torch-adam";

    private static final int FIRST_ORDER_ITERATIONS = 1000;
    private static final int KFAC_ITERATIONS = 300;

    /**
     * Settings for this task of rules whose defaults are meant for others: chosen, among a few, by
     * the squared error at the end.
     */
    public static final TaskSettings SETTINGS =
            TaskSettings.of(
                    "sgd:lr=0.03:momentum=0.9",
                    "adam:lr=0.01",
                    "adamw:lr=0.01:weight_decay=0",
                    "lion:lr=0.001",
                    "lamb:lr=0.01",
                    "lars:lr=3:momentum=0.9:weight_decay=0.001",
                    "tiger:lr=0.003",
                    "dadapt-sgd:momentum=0.9:d0=0.001:growth_rate=1.02",
                    "muon:lr=0.03:weight_decay=0");

    /** All valid names: K-FAC, the rules that take gradients alone, and PyTorch's Adam. */
    public static List<String> names() {
        return Stream.of(
                        Stream.of(KFAC),
                        Rules.all().stream()
                                .filter(rule -> !rule.takesCurvature())
                                .map(UpdateRule::name),
                        Stream.of(ENGINE_ADAM))
                .flatMap(names -> names)
                .toList();
    }

    /**
     * The choice of an entry, with settings for this task where it has none.
     *
     * @throws IllegalArgumentException if there is none; the message says what of it, and what
     *     there is
     */
    public static AutoencoderChoice of(OptimizerEntry entry) {
        var name = entry.name();
        if (!names().contains(name)) {
            throw TaskSettings.unknown(name, "the autoencoder", names());
        }
        return switch (name) {
            case KFAC -> kfac(entry);
            case ENGINE_ADAM -> {
                EngineOptimizer.require(entry);
                yield firstOrder(entry, Kind.ENGINE, Adam.defaults());
            }
            default -> firstOrder(entry, Kind.FUSED, Rules.named(name));
        };
    }

    private static AutoencoderChoice kfac(OptimizerEntry entry) {
        if (!entry.companions().isEmpty()) {
            throw new IllegalArgumentException(
                    "'" + entry.text() + "': no companion goes with kfac here");
        }
        var setup = new OptimizerSetup(KfacTrainer.RULE).with(entry);
        return new AutoencoderChoice(entry.text(), Kind.KFAC, setup, KFAC_ITERATIONS);
    }

    private static AutoencoderChoice firstOrder(OptimizerEntry entry, Kind kind, UpdateRule rule) {
        var setup = new OptimizerSetup(SETTINGS.applyTo(rule)).with(entry);
        return new AutoencoderChoice(entry.text(), kind, setup, FIRST_ORDER_ITERATIONS);
    }

    /** Whether it uses gradients only. */
    public boolean isFirstOrder() {
        return kind != Kind.KFAC;
    }

    @Override
    public boolean ofEngine() {
        return kind == Kind.ENGINE;
    }

    @Override
    public AutoencoderChoice with(OptimizerSetup other) {
        return new AutoencoderChoice(name, kind, other, iterations);
    }

    /** This choice with another number of steps. */
    public AutoencoderChoice withIterations(int value) {
        return new AutoencoderChoice(name, kind, setup, value);
    }

    /** Also K-FAC's. */
    @Override
    public SequencedMap<String, String> settings() {
        var settings = new LinkedHashMap<>(setup.settings());
        if (kind == Kind.KFAC) {
            settings.putAll(KfacTrainer.SETTINGS);
        }
        return settings;
    }
}

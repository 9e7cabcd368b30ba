package org.panoptim.cli.train.autoencoder;

import org.panoptim.rule.Adam;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Lion;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * An optimizer to train the autoencoder with.
 *
 * @param name what the command line and the report call it
 * @param kind which implementation takes the steps
 * @param rule the rule; under K-FAC the one that applies the preconditioned gradients
 * @param iterations how many steps it takes
 */
public record AutoencoderChoice(String name, Kind kind, UpdateRule rule, int iterations) {

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
    private static final char RATE_MARK = '@';

    private static final int FIRST_ORDER_ITERATIONS = 1000;
    private static final int KFAC_ITERATIONS = 300;

    /** First-order rules, at learning rates that do well on this task. */
    private static final Map<String, UpdateRule> RULES = new LinkedHashMap<>();

    static {
        RULES.put("adam", Adam.withLearningRate(.01));
        RULES.put("adamw", AdamW.withLearningRate(.01).withWeightDecay(0));
        RULES.put("lion", Lion.withLearningRate(.001));
        RULES.put("sgd", SGD.withLearningRate(.03).withMomentum(.9));
    }

    /** All valid names. */
    public static List<String> names() {
        return List.of(KFAC, "adam", "adamw", "lion", "sgd", ENGINE_ADAM);
    }

    /**
     * The choice of a name, which {@code @RATE}, a learning rate, may follow.
     *
     * @throws IllegalArgumentException if there is none, with the names there are, or the rate
     *     cannot be one
     */
    public static AutoencoderChoice named(String text) {
        int mark = text.indexOf(RATE_MARK);
        if (mark < 0) {
            return plain(text);
        }
        double rate;
        try {
            rate = Double.parseDouble(text.substring(mark + 1));
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    "'" + text + "': what follows " + RATE_MARK + " must be a learning rate", e);
        }
        var choice = plain(text.substring(0, mark)).atLearningRate(rate);
        return new AutoencoderChoice(text, choice.kind(), choice.rule(), choice.iterations());
    }

    private static AutoencoderChoice plain(String name) {
        var rule = RULES.get(name);
        if (rule != null) {
            return new AutoencoderChoice(name, Kind.FUSED, rule, FIRST_ORDER_ITERATIONS);
        }
        return switch (name) {
            case KFAC -> new AutoencoderChoice(name, Kind.KFAC, KfacTrainer.RULE, KFAC_ITERATIONS);
            case ENGINE_ADAM ->
                    new AutoencoderChoice(
                            name, Kind.ENGINE, Adam.withLearningRate(.01), FIRST_ORDER_ITERATIONS);
            default ->
                    throw new IllegalArgumentException(
                            "there is no optimizer '"
                                    + name
                                    + "' for the autoencoder; there are "
                                    + String.join(", ", names()));
        };
    }

    /** Whether it uses gradients only. */
    public boolean isFirstOrder() {
        return kind != Kind.KFAC;
    }

    /** This choice at another learning rate. */
    public AutoencoderChoice atLearningRate(double rate) {
        return new AutoencoderChoice(name, kind, rule.atLearningRate(rate), iterations);
    }

    /** This choice with another number of steps. */
    public AutoencoderChoice withIterations(int value) {
        return new AutoencoderChoice(name, kind, rule, value);
    }

    /** Settings that are not off, as {@code name = value}. */
    List<String> settings() {
        var settings = new LinkedHashMap<>(Rules.settings(rule));
        settings.values().removeIf("false"::equals);
        if (kind == Kind.KFAC) {
            settings.putAll(KfacTrainer.SETTINGS);
        }
        return settings.entrySet().stream()
                .map(entry -> entry.getKey() + " = " + entry.getValue())
                .toList();
    }
}

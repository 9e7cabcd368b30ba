package org.panoptim.rule;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The rules that come with the library, by name, and their settings by the names that PyTorch gives
 * them; for traces, checkpoints and the command line.
 */
public final class Rules {

    private static final List<UpdateRule> ALL =
            List.of(
                    SGD.defaults(),
                    Adam.defaults(),
                    AdamW.defaults(),
                    Lion.defaults(),
                    SophiaG.defaults(),
                    SophiaH.defaults(),
                    AdaFisher.defaults(),
                    Adagrad.defaults(),
                    NAdam.defaults(),
                    LAMB.defaults(),
                    Prodigy.defaults(),
                    Adadelta.defaults());

    private Rules() {}

    /** Every rule of the library, with its defaults. */
    public static List<UpdateRule> all() {
        return ALL;
    }

    /**
     * The rule of that name, with its defaults.
     *
     * @param name for example {@code "sophia-g"}
     * @throws IllegalArgumentException if there is none; the message lists the names
     */
    public static UpdateRule named(String name) {
        return ALL.stream()
                .filter(rule -> rule.name().equals(name))
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "there is no rule '"
                                                + name
                                                + "'; the rules are "
                                                + names()));
    }

    private static String names() {
        return ALL.stream().map(UpdateRule::name).collect(Collectors.joining(", "));
    }

    /**
     * Finds out whether {@link #settings} could list the rule's hyper-parameters.
     *
     * @throws IllegalArgumentException as {@link #settings}
     */
    public static void requireSettings(UpdateRule rule) {
        rule.descriptor();
    }

    /**
     * The rule's hyper-parameters by their PyTorch names, as text that {@link #with} reads back to
     * the same bits.
     *
     * @throws IllegalArgumentException if the rule has no {@linkplain UpdateRule#descriptor
     *     descriptor}
     */
    public static Map<String, String> settings(UpdateRule rule) {
        return rule.descriptor().text(rule);
    }

    /**
     * The rule with some of its hyper-parameters changed.
     *
     * @param settings new values by PyTorch name; those left out keep what {@code rule} has
     * @throws IllegalArgumentException for an unknown name, a value that is no number or boolean,
     *     or one out of range
     */
    @SuppressWarnings("unchecked")
    public static <R extends UpdateRule> R with(R rule, Map<String, String> settings) {
        return (R) rule.descriptor().with(rule, settings);
    }
}

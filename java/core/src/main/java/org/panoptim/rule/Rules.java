package org.panoptim.rule;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

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
                    Adadelta.defaults(),
                    RMSprop.defaults(),
                    Adamax.defaults(),
                    RAdam.defaults(),
                    AdaBound.defaults(),
                    AdaBelief.defaults(),
                    SWATS.defaults(),
                    Adan.defaults(),
                    Yogi.defaults(),
                    LaProp.defaults(),
                    ADOPT.defaults(),
                    AdEMAMix.defaults(),
                    StableAdamW.defaults(),
                    MARS.defaults(),
                    Signum.defaults(),
                    NovoGrad.defaults(),
                    LARS.defaults(),
                    Tiger.defaults(),
                    DAdaptAdam.defaults(),
                    DAdaptSGD.defaults(),
                    ScheduleFreeAdamW.defaults(),
                    ScheduleFreeSGD.defaults(),
                    Adafactor.defaults());

    private static final List<UpdateRule> COMPANIONS =
            List.of(
                    SAM.defaults(),
                    LookSAM.defaults(),
                    Lookahead.defaults(),
                    new AverageSwap(),
                    Accumulation.defaults(),
                    new SVRG(),
                    Cautious.ofUpdates(),
                    Hypergradient.defaults(),
                    new Centralize(),
                    AdaptiveClip.defaults());

    private static final List<UpdateRule> OWN =
            Stream.concat(ALL.stream(), COMPANIONS.stream()).toList();

    private Rules() {}

    /** Every rule of the library that steps, with its defaults. */
    public static List<UpdateRule> all() {
        return ALL;
    }

    /** The companions of the library, rules with passes alone, with their defaults. */
    public static List<UpdateRule> companions() {
        return COMPANIONS;
    }

    /**
     * The rule of that name, with its defaults.
     *
     * @param name for example {@code "sophia-g"}
     * @throws IllegalArgumentException if there is none; the message lists the names
     */
    public static UpdateRule named(String name) {
        Objects.requireNonNull(name, "name");
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

    /** Whether a rule is one of the library's own. */
    public static boolean isOfLibrary(UpdateRule rule) {
        Objects.requireNonNull(rule, "rule");
        return rule.getClass().getPackageName().equals(UpdateRule.class.getPackageName());
    }

    /**
     * Finds out whether a rule that is not the library's could be taken for one that is: by the
     * name that checkpoints keep, or by the one that native kernels have.
     *
     * @throws IllegalArgumentException if it has the name of one of the library's rules
     */
    public static void requireOtherName(UpdateRule rule) {
        Objects.requireNonNull(rule, "rule");
        for (var own : OWN) {
            if (kernelName(own).equals(kernelName(rule)) && rule.getClass() != own.getClass()) {
                throw new IllegalArgumentException(
                        "rule %s of %s has the name of the library's rule %s; give it another one"
                                .formatted(rule.name(), rule.getClass().getName(), own.name()));
            }
        }
    }

    /**
     * Whether a rule that is not the library's has got the name of one of its kernels by chance,
     * {@code "adamw-amsgrad"} for example: by its own name, not by overriding {@link
     * UpdateRule#kernelName()}.
     */
    public static boolean isTakenFor(UpdateRule rule, String kernel) {
        Objects.requireNonNull(rule, "rule");
        Objects.requireNonNull(kernel, "kernel");
        if (!kernel.equals(kernelName(rule))) {
            return false;
        }
        for (var own : OWN) {
            if (kernel.startsWith(kernelName(own) + "_")) {
                return true;
            }
        }
        return false;
    }

    private static String kernelName(UpdateRule rule) {
        return rule.name().replace('-', '_');
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
        Objects.requireNonNull(rule, "rule").descriptor();
    }

    /**
     * The rule's hyper-parameters by their PyTorch names, as text that {@link #with} reads back to
     * the same bits.
     *
     * @throws IllegalArgumentException if the rule has no {@linkplain UpdateRule#descriptor
     *     descriptor}
     */
    public static Map<String, String> settings(UpdateRule rule) {
        return Objects.requireNonNull(rule, "rule").descriptor().text(rule);
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
        Objects.requireNonNull(rule, "rule");
        Objects.requireNonNull(settings, "settings");
        return (R) rule.descriptor().with(rule, settings);
    }
}

package org.panoptim.rule;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The rules that come with the library: a factory of each, {@code Rules.adamW(1e-3)}, so that no
 * import of a class is needed which a framework has too; all of them by name, and their settings by
 * the names that PyTorch gives them.
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
                    Adafactor.defaults(),
                    Muon.defaults());

    private static final List<UpdateRule> EXACT =
            ALL.stream().filter(rule -> !(rule instanceof MatrixRule)).toList();

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

    /** {@link SGD} with PyTorch's defaults and this learning rate. */
    public static SGD sgd(double learningRate) {
        return SGD.withLearningRate(learningRate);
    }

    /** {@link Adam} with PyTorch's defaults and this learning rate. */
    public static Adam adam(double learningRate) {
        return Adam.withLearningRate(learningRate);
    }

    /** {@link AdamW} with PyTorch's defaults and this learning rate. */
    public static AdamW adamW(double learningRate) {
        return AdamW.withLearningRate(learningRate);
    }

    /** {@link Lion} with its authors' defaults and this learning rate. */
    public static Lion lion(double learningRate) {
        return Lion.withLearningRate(learningRate);
    }

    /** {@link SophiaG} with its authors' defaults and this learning rate. */
    public static SophiaG sophiaG(double learningRate) {
        return SophiaG.withLearningRate(learningRate);
    }

    /** {@link SophiaH} with its authors' defaults and this learning rate. */
    public static SophiaH sophiaH(double learningRate) {
        return SophiaH.withLearningRate(learningRate);
    }

    /** {@link AdaFisher} with the paper's defaults and this learning rate. */
    public static AdaFisher adaFisher(double learningRate) {
        return AdaFisher.withLearningRate(learningRate);
    }

    /** {@link Adagrad} with PyTorch's defaults and this learning rate. */
    public static Adagrad adagrad(double learningRate) {
        return Adagrad.withLearningRate(learningRate);
    }

    /** {@link NAdam} with PyTorch's defaults and this learning rate. */
    public static NAdam nAdam(double learningRate) {
        return NAdam.withLearningRate(learningRate);
    }

    /** {@link LAMB} with Apex's defaults and this learning rate. */
    public static LAMB lamb(double learningRate) {
        return LAMB.withLearningRate(learningRate);
    }

    /** {@link Prodigy} with its authors' defaults and this learning rate. */
    public static Prodigy prodigy(double learningRate) {
        return Prodigy.defaults().atLearningRate(learningRate);
    }

    /** {@link Adadelta} with PyTorch's defaults and this learning rate. */
    public static Adadelta adadelta(double learningRate) {
        return Adadelta.withLearningRate(learningRate);
    }

    /** {@link RMSprop} with PyTorch's defaults and this learning rate. */
    public static RMSprop rmsprop(double learningRate) {
        return RMSprop.withLearningRate(learningRate);
    }

    /** {@link Adamax} with PyTorch's defaults and this learning rate. */
    public static Adamax adamax(double learningRate) {
        return Adamax.withLearningRate(learningRate);
    }

    /** {@link RAdam} with PyTorch's defaults and this learning rate. */
    public static RAdam rAdam(double learningRate) {
        return RAdam.withLearningRate(learningRate);
    }

    /** {@link AdaBound} with its authors' defaults and this learning rate. */
    public static AdaBound adaBound(double learningRate) {
        return AdaBound.withLearningRate(learningRate);
    }

    /** {@link AdaBelief} with its authors' defaults and this learning rate. */
    public static AdaBelief adaBelief(double learningRate) {
        return AdaBelief.withLearningRate(learningRate);
    }

    /** {@link SWATS} with the source's defaults and this learning rate. */
    public static SWATS swats(double learningRate) {
        return SWATS.withLearningRate(learningRate);
    }

    /** {@link Adan} with its authors' defaults and this learning rate. */
    public static Adan adan(double learningRate) {
        return Adan.withLearningRate(learningRate);
    }

    /** {@link Yogi} with optax's defaults and this learning rate. */
    public static Yogi yogi(double learningRate) {
        return Yogi.withLearningRate(learningRate);
    }

    /** {@link LaProp} with its authors' defaults and this learning rate. */
    public static LaProp laProp(double learningRate) {
        return LaProp.withLearningRate(learningRate);
    }

    /** {@link ADOPT} with its authors' defaults and this learning rate. */
    public static ADOPT adopt(double learningRate) {
        return ADOPT.withLearningRate(learningRate);
    }

    /** {@link AdEMAMix} with its authors' defaults and this learning rate. */
    public static AdEMAMix adEMAMix(double learningRate) {
        return AdEMAMix.withLearningRate(learningRate);
    }

    /** {@link StableAdamW} with optimi's defaults and this learning rate. */
    public static StableAdamW stableAdamW(double learningRate) {
        return StableAdamW.withLearningRate(learningRate);
    }

    /** {@link MARS} with timm's defaults and this learning rate. */
    public static MARS mars(double learningRate) {
        return MARS.withLearningRate(learningRate);
    }

    /** {@link Signum} with its source's defaults and this learning rate. */
    public static Signum signum(double learningRate) {
        return Signum.withLearningRate(learningRate);
    }

    /** {@link NovoGrad} with timm's defaults and this learning rate. */
    public static NovoGrad novoGrad(double learningRate) {
        return NovoGrad.withLearningRate(learningRate);
    }

    /** {@link LARS} with timm's defaults and this learning rate. */
    public static LARS lars(double learningRate) {
        return LARS.withLearningRate(learningRate);
    }

    /** {@link Tiger} with its author's defaults and this learning rate. */
    public static Tiger tiger(double learningRate) {
        return Tiger.withLearningRate(learningRate);
    }

    /** {@link DAdaptAdam} with its authors' defaults and this learning rate. */
    public static DAdaptAdam dAdaptAdam(double learningRate) {
        return DAdaptAdam.defaults().atLearningRate(learningRate);
    }

    /** {@link DAdaptSGD} with its authors' defaults and this learning rate. */
    public static DAdaptSGD dAdaptSGD(double learningRate) {
        return DAdaptSGD.defaults().atLearningRate(learningRate);
    }

    /** {@link ScheduleFreeAdamW} with its authors' defaults and this learning rate. */
    public static ScheduleFreeAdamW scheduleFreeAdamW(double learningRate) {
        return ScheduleFreeAdamW.withLearningRate(learningRate);
    }

    /** {@link ScheduleFreeSGD} with its authors' defaults and this learning rate. */
    public static ScheduleFreeSGD scheduleFreeSGD(double learningRate) {
        return ScheduleFreeSGD.withLearningRate(learningRate);
    }

    /** {@link Adafactor} with PyTorch's defaults and this learning rate. */
    public static Adafactor adafactor(double learningRate) {
        return Adafactor.withLearningRate(learningRate);
    }

    /** {@link Muon} with PyTorch's defaults and this learning rate. */
    public static Muon muon(double learningRate) {
        return Muon.withLearningRate(learningRate);
    }

    /** Every rule of the library that steps, with its defaults. */
    public static List<UpdateRule> all() {
        return ALL;
    }

    /**
     * Those of {@link #all} on which all backends agree bit for bit, for parameters of any shape:
     * no {@link MatrixRule}, on which they agree within bounds.
     */
    public static List<UpdateRule> exact() {
        return EXACT;
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

package org.panoptim;

import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Arithmetic;
import org.panoptim.rule.Companion;
import org.panoptim.rule.Pass;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.RuleSetting;
import org.panoptim.rule.Sentence;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.Counters;
import org.panoptim.spi.StepPlan;
import org.panoptim.step.Clipping;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What the next step does with a parameter, in words: from the plan and what rules say of
 * themselves ({@link UpdateRule#explain}).
 */
final class Explanation {

    /** Settings that have sentences of their own. */
    private static final String RATE = "lr";

    private static final String WEIGHT_DECAY = "weight_decay";

    private final StepPlan plan;
    private final ParameterGroup group;
    private final Parameter parameter;
    private final UpdateRule rule;
    private final List<UpdateRule> companions;
    private final double companionFactor;
    private final Preparation next;
    private final Counters counters;
    private final long step;
    private final long count;
    private final List<String> lines = new ArrayList<>();

    /**
     * Explains a step.
     *
     * @param companions their rules, as they go with the parameter's group
     * @param companionFactor what they multiply the group's learning rate by
     * @param next the step as the rule prepares it
     * @param counters those after the last step
     * @param count the parameter's count after it
     */
    Explanation(
            StepPlan plan,
            ParameterGroup group,
            Parameter parameter,
            List<UpdateRule> companions,
            double companionFactor,
            Preparation next,
            Counters counters,
            long count) {
        this.plan = plan;
        this.group = group;
        this.parameter = parameter;
        this.rule = group.rule();
        this.companions = companions;
        this.companionFactor = companionFactor;
        this.next = next;
        this.counters = counters;
        this.step = counters.step() + 1;
        this.count = count + 1;
    }

    /**
     * The text, a sentence a line.
     *
     * @param last what the last step did to the parameter, if statistics say so
     * @param ofGroup the same of its group
     */
    String text(
            Optional<Pass> open, Optional<StepStatistics> last, Optional<StepStatistics> ofGroup) {
        describe();
        last.ifPresent(this::sayLast);
        ofGroup.ifPresent(found -> sayNumbers("the group", found));
        open.ifPresent(this::sayOpen);
        sayWhetherItIsUpdated();
        sayPasses(Pass.Timing.GIVING_GRADIENTS, "Before the step");
        sayPasses(Pass.Timing.BEFORE_STEP, "Before the step");
        if (isUpdated()) {
            explainGradient();
            explainSettings();
            sayPasses(Pass.Timing.COMPLETING_STEP, "To complete the step");
            explainOutputs();
        }
        explainAverage();
        if (plan.zeroGradients() && parameter.hasGradient()) {
            say("The gradient is set to zero, whether or not the step is accepted.");
        }
        sayPasses(Pass.Timing.AFTER_STEP, "After the step");
        sayNamedPasses();
        return String.join("\n", lines);
    }

    private void say(String sentence, Object... values) {
        lines.add(Sentence.of(sentence, values));
    }

    private boolean isUpdated() {
        return !group.frozen() && parameter.hasGradient() && parameter.elements() > 0;
    }

    private void describe() {
        say(
                "Parameter '%s' has shape %s and type %s, and is in group '%s'.",
                parameter.name(), parameter.shape(), parameter.dtype(), group.name());
        say(
                "The group's rule is %s, taken from %s.",
                nameWithSettings(rule), rule.descriptor().source());
        if (rule.maximize()) {
            say("The rule climbs: it turns the sign of the gradient first.");
        }
    }

    private void sayLast(StepStatistics last) {
        if (last.updateNorm().isPresent()) {
            say(
                    "The rule's last update of it, in step %d, has norm %s%s, for a gradient of"
                            + " norm %s.",
                    step - 1,
                    last.updateNorm().getAsDouble(),
                    relative(last),
                    last.gradientNorm().orElse(Double.NaN));
            sayWhatCameBehind();
            last.effectiveLearningRate()
                    .ifPresent(
                            rate ->
                                    say(
                                            "Plain gradient descent would have gone as far at a"
                                                    + " learning rate of %s.",
                                            rate));
        } else if (last.gradientNorm().isPresent()) {
            say(
                    "The last attempt at a step was refused; its gradient of this parameter had"
                            + " norm %s.",
                    last.gradientNorm().getAsDouble());
        }
        double held = last.heldShare().orElse(0);
        if (held > 0) {
            say("A bound held %s%% of its elements in it.", 100 * held);
        }
        sayNumbers("it", last);
    }

    private static String relative(StepStatistics last) {
        if (last.updateRatio().isEmpty()) {
            return "";
        }
        return Sentence.of(
                " (%s of its new values' norm, which is %s)",
                last.updateRatio().getAsDouble(), last.valueNorm().orElseThrow());
    }

    /** Norms are of the rule's own update: what makes something else of it is told. */
    private void sayWhatCameBehind() {
        var behind = new ArrayList<String>();
        if (parameter.dtype() != DType.F32) {
            behind.add("it is rounded to " + parameter.dtype());
        }
        for (var each : companions) {
            for (var pass : each.passes()) {
                if (pass.writes() == Pass.Writes.PARAMETER
                        && (pass.timing() == Pass.Timing.COMPLETING_STEP
                                || pass.timing() == Pass.Timing.AFTER_STEP)) {
                    behind.add("pass '%s' of %s".formatted(pass.name(), each.name()));
                }
            }
        }
        if (!behind.isEmpty()) {
            say("This is the update before %s.", listed(behind));
        }
    }

    private void sayNumbers(String owner, StepStatistics found) {
        var known = new ArrayList<String>();
        found.numbers()
                .forEach(
                        (name, value) ->
                                value.ifPresent(
                                        number -> known.add(Sentence.of("%s %s", name, number))));
        if (!known.isEmpty()) {
            say("The rules tell of %s: %s.", owner, String.join(", ", known));
        }
    }

    private void sayOpen(Pass open) {
        say(
                "No step is taken until pass '%s' has closed pass '%s'.",
                open.closing().orElseThrow(), open.name());
    }

    private void sayWhetherItIsUpdated() {
        var next = "the next step, number %d, ".formatted(step);
        if (isUpdated()) {
            say("It has a gradient, so %supdates it; its count becomes %d.", next, count);
        } else {
            say(
                    "%s, so %sleaves its value, its states and its count of %d alone.",
                    whyNot(), next, count - 1);
        }
        if (plan.policy() != NonFinitePolicy.PROPAGATE) {
            say(
                    "If a gradient of any parameter that is not frozen is infinite or NaN, the step"
                            + " %s (%d so far).",
                    plan.policy() == NonFinitePolicy.FAIL
                            ? "is refused with an exception"
                            : "is skipped",
                    counters.skipped());
        }
    }

    private String whyNot() {
        if (group.frozen()) {
            return "The group is frozen";
        }
        return parameter.hasGradient() ? "It has no elements" : "It has no gradient";
    }

    private void explainGradient() {
        if (!plan.lossScale().equals(LossScale.none())) {
            say(
                    "The gradient comes multiplied by the loss scale, %s, and is divided by it.",
                    Sentence.number(counters.lossScale()));
        }
        if (plan.lossScale() instanceof LossScale.Dynamic dynamic) {
            say(
                    "The loss scale is multiplied by %s after a skipped step, and by %s after %d"
                            + " accepted steps in a row, of which %d are done.",
                    Sentence.number(dynamic.backoffFactor()),
                    Sentence.number(dynamic.growthFactor()),
                    dynamic.growthInterval(),
                    counters.growthTracker());
        }
        if (plan.transform().isPresent()) {
            say("A transform may rewrite the gradient before it is clipped and used.");
        }
        explainClipping(plan.clipping());
        if (rule.takesCurvature()) {
            say(
                    parameter.hasCurvature()
                            ? "Curvature was handed in, and the rule takes it up before it updates."
                            : "The rule takes curvature, but none was handed in for this step.");
        }
    }

    private void explainClipping(Clipping clipping) {
        if (clipping.boundsNorms()) {
            var clipped =
                    switch (clipping.scope()) {
                        case GLOBAL ->
                                "The gradients of all groups that are not frozen are clipped"
                                        + " together";
                        case GROUP -> "The gradients of the group are clipped together";
                        case PARAMETER -> "The gradient is clipped";
                    };
            say("%s to a norm of %s.", clipped, Sentence.number(clipping.norm()));
        }
        if (clipping.boundsValues()) {
            var bound = Sentence.number(clipping.value());
            say("Each element of the gradient is clipped to [-%s, %s].", bound, bound);
        }
    }

    /** What the rule says of a setting itself goes before what is usual. */
    private void explainSettings() {
        var own = rule.explain(RATE, next);
        own.ifPresentOrElse(this::add, this::explainRate);
        if (!Double.isNaN(plan.momentum(step))) {
            say("The schedule sets the momentum, or beta1, to %s.", plan.momentum(step));
        }
        var settings = rule.descriptor().settings();
        for (int i = 0; i < settings.size(); i++) {
            var setting = settings.get(i);
            if (setting.name().equals(RATE)) {
                continue;
            }
            int index = i;
            rule.explain(setting.name(), next)
                    .ifPresentOrElse(this::add, () -> explainUsually(setting, index));
        }
    }

    private void add(String sentences) {
        if (!sentences.isEmpty()) {
            lines.add(sentences);
        }
    }

    private void explainUsually(RuleSetting setting, int index) {
        if (setting.corrected()) {
            explainCorrection(setting, rule.descriptor().number(rule, index));
        } else if (setting.name().equals(WEIGHT_DECAY)) {
            explainDecay(rule.descriptor().number(rule, index));
        }
    }

    private void explainRate() {
        double factor = plan.rateFactor(step);
        say(
                "The learning rate is %s: %s of the rule, times %s of the schedule in step %d%s.",
                rule.learningRate() * factor * companionFactor,
                rule.learningRate(),
                factor,
                step,
                rateOfCompanion());
    }

    /** There is at most one. */
    private String rateOfCompanion() {
        for (var each : companions) {
            if (each instanceof Companion companion && companion.rateSlot().isPresent()) {
                return ", times %s of companion %s, which may change that before the step"
                        .formatted(Sentence.number(companionFactor), companion.name());
            }
        }
        return "";
    }

    private void explainCorrection(RuleSetting setting, double own) {
        double decay = setting.name().equals("beta1") ? next.momentum(own) : own;
        say(
                "The average with %s is corrected for its beginning: divided by 1 - %s^%d = %s.",
                setting.name(), decay, count, 1 - Arithmetic.power(decay, count));
    }

    private void explainDecay(double decay) {
        if (decay == 0) {
            say("There is no weight decay.");
        } else if (rule.decoupledDecay().isPresent()) {
            say(
                    "Weight decay is decoupled: it takes %s%s of the value away, the learning rate"
                            + " times %s.",
                    completesStep() ? "up to " : "",
                    Sentence.number(
                            rule.learningRate() * plan.rateFactor(step) * companionFactor * decay),
                    Sentence.number(decay));
        } else {
            say("Weight decay of %s is part of the rule's formula.", Sentence.number(decay));
        }
    }

    /** Whether a companion decides what becomes of the rule's update and its weight decay. */
    private boolean completesStep() {
        return companions.stream()
                .anyMatch(each -> each instanceof Companion own && own.updateSlot().isPresent());
    }

    private void explainOutputs() {
        if (parameter.dtype() != DType.F32) {
            say("The new value is computed in F32 and rounded to %s.", parameter.dtype());
        }
        parameter
                .copy()
                .ifPresent(copy -> say("Its copy in %s becomes the new value.", copy.type()));
    }

    private void explainAverage() {
        if (parameter.average().isEmpty() || plan.averaging().isEmpty()) {
            return;
        }
        double weight = plan.averaging().get().weight(step);
        var goal = isUpdated() ? "the new value" : "the value, which stays";
        if (weight == 0) {
            say("Its moving average stays as it is in this step.");
        } else if (weight == 1) {
            say("Its moving average becomes %s.", goal);
        } else {
            say("Its moving average moves by %s of the way to %s.", Sentence.number(weight), goal);
        }
    }

    /** Tells of those that go with every step, the group's own first. */
    private void sayPasses(Pass.Timing timing, String when) {
        for (var each : rules()) {
            for (var pass : each.passes()) {
                if (pass.timing() == timing && goesOverIt(pass)) {
                    say(
                            "%s, %s runs pass '%s', which %s.",
                            when, kindAndName(each), pass.name(), writes(pass));
                }
            }
        }
    }

    private boolean goesOverIt(Pass pass) {
        return !group.frozen() && (pass.everyParameter() || parameter.hasGradient());
    }

    private static String writes(Pass pass) {
        if (pass.timing() == Pass.Timing.COMPLETING_STEP) {
            return "takes the rule's update and writes the value";
        }
        return switch (pass.writes()) {
            case PARAMETER -> "may write the value";
            case GRADIENT -> "may rewrite the gradient";
            case NOTHING -> "writes nothing but states of its own";
        };
    }

    private void sayNamedPasses() {
        for (var each : rules()) {
            var names =
                    each.passes().stream()
                            .filter(pass -> pass.timing() == Pass.Timing.REQUESTED)
                            .map(pass -> "'" + pass.name() + "'")
                            .toList();
            if (!names.isEmpty()) {
                say(
                        "Of %s, %s %s only when named.",
                        kindAndName(each), listed(names), names.size() == 1 ? "runs" : "run");
            }
        }
    }

    private List<UpdateRule> rules() {
        return Stream.concat(Stream.of(rule), companions.stream()).toList();
    }

    private String kindAndName(UpdateRule each) {
        return each == rule ? "rule " + rule.name() : "companion " + nameWithSettings(each);
    }

    private static String nameWithSettings(UpdateRule rule) {
        var descriptor = rule.descriptor();
        var settings = new ArrayList<String>();
        for (int i = 0; i < descriptor.settings().size(); i++) {
            var setting = descriptor.settings().get(i);
            boolean said = setting.name().equals(RATE) || setting.name().equals(WEIGHT_DECAY);
            if (!said && !setting.fromRule()) {
                settings.add(setting.name() + " " + shown(descriptor.value(rule, i)));
            }
        }
        return settings.isEmpty()
                ? rule.name()
                : rule.name() + " (" + String.join(", ", settings) + ")";
    }

    private static String listed(List<String> names) {
        int last = names.size() - 1;
        return last == 0
                ? names.getFirst()
                : String.join(", ", names.subList(0, last)) + " and " + names.get(last);
    }

    private static String shown(Object value) {
        return switch (value) {
            case Boolean flag -> flag ? "on" : "off";
            case Double number -> Sentence.number(number);
            default -> value.toString();
        };
    }
}

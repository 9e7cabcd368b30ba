package org.panoptim;

import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Arithmetic;
import org.panoptim.rule.Companion;
import org.panoptim.rule.Pass;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.Counters;
import org.panoptim.spi.StepPlan;
import org.panoptim.step.Clipping;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What the next step does with a parameter, in words: from the plan and what rules say of
 * themselves. What a rule computes is its own.
 */
final class Explanation {

    /** Settings that have sentences of their own. */
    private static final String RATE = "lr";

    private static final String WEIGHT_DECAY = "weight_decay";

    private static final MathContext SHOWN = new MathContext(6);

    /** From here on whole numbers have an exponent, too. */
    private static final double LONG_NUMBER = 1e9;

    private final StepPlan plan;
    private final ParameterGroup group;
    private final Parameter parameter;
    private final UpdateRule rule;
    private final List<UpdateRule> companions;
    private final double companionFactor;
    private final Counters counters;
    private final long step;
    private final long count;
    private final List<String> lines = new ArrayList<>();

    /**
     * Explains a step.
     *
     * @param companions their rules, as they go with the parameter's group
     * @param companionFactor what they multiply the group's learning rate by
     * @param counters those after the last step
     * @param count the parameter's count after it
     */
    Explanation(
            StepPlan plan,
            ParameterGroup group,
            Parameter parameter,
            List<UpdateRule> companions,
            double companionFactor,
            Counters counters,
            long count) {
        this.plan = plan;
        this.group = group;
        this.parameter = parameter;
        this.rule = group.rule();
        this.companions = companions;
        this.companionFactor = companionFactor;
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
            explainRate();
            explainCorrections();
            explainDecay();
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
        lines.add(sentence.formatted(values));
    }

    private boolean isUpdated() {
        return !group.frozen() && parameter.hasGradient();
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
                    "The last step, number %d, moved it by %s%s, for a gradient of norm %s.",
                    step - 1,
                    number(last.updateNorm().getAsDouble()),
                    relative(last),
                    number(last.gradientNorm().orElse(Double.NaN)));
            say(
                    "Plain gradient descent would have gone as far at a learning rate of %s.",
                    number(last.effectiveLearningRate().orElse(Double.NaN)));
        }
        double held = last.heldShare().orElse(0);
        if (held > 0) {
            say("A bound held %s%% of its elements in it.", number(100 * held));
        }
        sayNumbers("it", last);
    }

    private static String relative(StepStatistics last) {
        if (last.valueNorm().isEmpty()) {
            return "";
        }
        return " (%s of its norm, which is %s)"
                .formatted(
                        number(last.updateRatio().orElse(Double.NaN)),
                        number(last.valueNorm().getAsDouble()));
    }

    private void sayNumbers(String owner, StepStatistics found) {
        if (!found.numbers().isEmpty()) {
            say(
                    "The rules keep these numbers of %s: %s.",
                    owner,
                    found.numbers().entrySet().stream()
                            .map(entry -> entry.getKey() + " " + number(entry.getValue()))
                            .collect(Collectors.joining(", ")));
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
                    group.frozen() ? "The group is frozen" : "It has no gradient", next, count - 1);
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

    private void explainGradient() {
        if (!plan.lossScale().equals(LossScale.none())) {
            say(
                    "The gradient comes multiplied by the loss scale, %s, and is divided by it.",
                    number(counters.lossScale()));
        }
        if (plan.lossScale() instanceof LossScale.Dynamic dynamic) {
            say(
                    "The loss scale is multiplied by %s after a skipped step, and by %s after %d"
                            + " accepted steps in a row, of which %d are done.",
                    number(dynamic.backoffFactor()),
                    number(dynamic.growthFactor()),
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
            say("%s to a norm of %s.", clipped, number(clipping.norm()));
        }
        if (clipping.boundsValues()) {
            var bound = number(clipping.value());
            say("Each element of the gradient is clipped to [-%s, %s].", bound, bound);
        }
    }

    private void explainRate() {
        double factor = plan.rateFactor(step);
        say(
                "The learning rate is %s: %s of the rule, times %s of the schedule in step %d%s.",
                number(rule.learningRate() * factor * companionFactor),
                number(rule.learningRate()),
                number(factor),
                step,
                rateOfCompanion());
        double momentum = plan.momentum(step);
        if (!Double.isNaN(momentum)) {
            say("The schedule sets the momentum, or beta1, to %s.", number(momentum));
        }
    }

    /** There is at most one. */
    private String rateOfCompanion() {
        for (var each : companions) {
            if (each instanceof Companion companion && companion.rateSlot().isPresent()) {
                return ", times %s of companion %s, which may change that before the step"
                        .formatted(number(companionFactor), companion.name());
            }
        }
        return "";
    }

    private void explainCorrections() {
        double momentum = plan.momentum(step);
        var descriptor = rule.descriptor();
        for (int i = 0; i < descriptor.settings().size(); i++) {
            var setting = descriptor.settings().get(i);
            if (!setting.corrected()) {
                continue;
            }
            boolean scheduled = setting.name().equals("beta1") && !Double.isNaN(momentum);
            double decay = scheduled ? momentum : descriptor.number(rule, i);
            say(
                    "The average with %s is corrected for its beginning: divided by 1 - %s^%d ="
                            + " %s.",
                    setting.name(),
                    number(decay),
                    count,
                    number(1 - Arithmetic.power(decay, count)));
        }
    }

    private void explainDecay() {
        var descriptor = rule.descriptor();
        for (int i = 0; i < descriptor.settings().size(); i++) {
            if (descriptor.settings().get(i).name().equals(WEIGHT_DECAY)) {
                explainDecay(descriptor.number(rule, i));
            }
        }
    }

    private void explainDecay(double decay) {
        if (decay == 0) {
            say("There is no weight decay.");
        } else if (rule.decoupledDecay().isPresent()) {
            say(
                    "Weight decay is decoupled: it takes %s%s of the value away, the learning rate"
                            + " times %s.",
                    completesStep() ? "up to " : "",
                    number(rule.learningRate() * plan.rateFactor(step) * companionFactor * decay),
                    number(decay));
        } else {
            say("Weight decay of %s is part of the rule's formula.", number(decay));
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
            say("Its moving average moves by %s of the way to %s.", number(weight), goal);
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
            case Double number -> number(number);
            default -> value.toString();
        };
    }

    /** Whole numbers in full, and others with six digits. */
    private static String number(double value) {
        if (!Double.isFinite(value)) {
            return Double.toString(value);
        }
        if (value == Math.rint(value) && Math.abs(value) < LONG_NUMBER) {
            return Long.toString((long) value);
        }
        var rounded = new BigDecimal(value).round(SHOWN).stripTrailingZeros();
        return rounded.toString().replace("E+", "e").replace('E', 'e');
    }
}

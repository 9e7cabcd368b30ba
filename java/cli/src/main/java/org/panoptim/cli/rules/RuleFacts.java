package org.panoptim.cli.rules;

import org.panoptim.rule.Pass;
import org.panoptim.rule.RuleSetting;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.testkit.rule.RuleTraffic;
import org.panoptim.testkit.scenario.RuleVariants;

import java.math.BigDecimal;
import java.util.List;
import java.util.Locale;

/**
 * What all lists say of a rule, of which nothing is written down here: it follows from descriptor,
 * slots, passes and formula.
 *
 * @param rule with its defaults
 */
record RuleFacts(UpdateRule rule) {

    private static final double SMALL = 0.01;

    String name() {
        return rule.name();
    }

    /** The class's name without its package. */
    String className() {
        return rule.getClass().getSimpleName();
    }

    List<RuleSetting> settings() {
        return rule.descriptor().settings();
    }

    List<Slot> slots() {
        return rule.slots();
    }

    List<Pass> passes() {
        return rule.passes();
    }

    /** A companion has passes alone. */
    boolean hasStep() {
        return rule.phases() > 0;
    }

    RuleTraffic step() {
        return RuleTraffic.ofStep(rule);
    }

    RuleTraffic pass(Pass pass) {
        return RuleTraffic.ofPass(rule, pass.name());
    }

    /** What states take for each float32 parameter; what is not one for each element is nothing. */
    int stateBytes() {
        return Slot.elementBytes(rule.slots());
    }

    /** The rule with each setting changed that brings it other states, of elements or numbers. */
    List<RuleVariants.Variant> variants() {
        if (!hasStep()) {
            return List.of();
        }
        return RuleVariants.of(rule.name()).stream()
                .filter(variant -> variant.title().contains("="))
                .filter(variant -> !Slot.sameStates(variant.rule().slots(), rule.slots()))
                .toList();
    }

    String source() {
        return rule.descriptor().source();
    }

    /** A state's extent where it is not the usual one, and that it is for one step: or nothing. */
    static String extent(Slot slot) {
        var extent =
                slot.extent() == Slot.Extent.ELEMENT
                        ? ""
                        : slot.extent().name().toLowerCase(Locale.ROOT);
        if (slot.isKept()) {
            return extent;
        }
        return extent.isEmpty() ? "for one step" : extent + ", for one step";
    }

    /** A number as people write it: 1e-3, 0.9, 5120; or Infinity. */
    static String number(Number value) {
        double number = value.doubleValue();
        if (value instanceof Long || Double.isInfinite(number)) {
            return value.toString();
        }
        var decimal = new BigDecimal(Double.toString(number)).stripTrailingZeros();
        if (number == 0 || Math.abs(number) >= SMALL) {
            return decimal.toPlainString();
        }
        int exponent = decimal.precision() - decimal.scale() - 1;
        return decimal.movePointRight(-exponent).toPlainString() + "e" + exponent;
    }

    /** A value as traces and the command line take it. */
    static String typed(Object value) {
        return value instanceof Number number ? number(number) : value.toString();
    }
}

package org.panoptim.cli.rules;

import org.panoptim.rule.Pass;
import org.panoptim.rule.RuleSetting;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.testkit.rule.RuleTraffic;
import org.panoptim.testkit.scenario.RuleVariants;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

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

    /** Those that are set; a companion takes others from the rule that it goes with. */
    List<RuleSetting> settings() {
        return rule.descriptor().ownSettings();
    }

    /** Those of a matrix, and then those that parameters of fewer dimensions have besides. */
    List<Slot> slots() {
        return Stream.concat(rule.slots(RuleTraffic.MATRIX).stream(), rule.slots().stream())
                .distinct()
                .toList();
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

    /**
     * What states take for each float32 parameter of a matrix; what is not one for each element is
     * nothing.
     */
    int stateBytes() {
        return Slot.elementBytes(rule.slots(RuleTraffic.MATRIX));
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

    /**
     * A state's extent where it is not the usual one, which shapes it is for if not for all, and
     * whether it is for one step: or nothing.
     */
    String extent(Slot slot) {
        var facts = new ArrayList<String>();
        if (slot.extent() != Slot.Extent.ELEMENT) {
            facts.add(slot.extent().name().toLowerCase(Locale.ROOT));
        }
        shapes(slot).ifPresent(facts::add);
        if (!slot.isKept()) {
            facts.add("for one step");
        }
        return String.join(", ", facts);
    }

    /** Which parameters have a state, if not all. */
    Optional<String> shapes(Slot slot) {
        if (!rule.slots(RuleTraffic.MATRIX).contains(slot)) {
            return Optional.of("of vectors");
        }
        return rule.slots().contains(slot) ? Optional.empty() : Optional.of("of matrices");
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

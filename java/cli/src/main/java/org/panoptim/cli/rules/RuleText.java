package org.panoptim.cli.rules;

import org.panoptim.cli.terminal.Paragraph;
import org.panoptim.cli.terminal.Table;
import org.panoptim.cli.terminal.Terminal;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.Pass;
import org.panoptim.rule.RuleSetting;
import org.panoptim.rule.SAM;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.rule.RuleTraffic;
import org.panoptim.testkit.scenario.RuleVariants;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Rules as text for a terminal. */
public final class RuleText {

    private static final String INDENT = "  ";
    private static final int LABEL = 10;

    private final List<String> lines = new ArrayList<>();

    private RuleText() {}

    /**
     * All that is said of each rule, in a few lines.
     *
     * @param rules those that step
     * @param companions those that have passes alone
     */
    public static List<String> list(List<UpdateRule> rules, List<UpdateRule> companions) {
        var text = new RuleText();
        text.paragraph(
                "",
                "Rules, with PyTorch's names of their settings, the defaults and the ranges. Bytes"
                        + " are of one element of a float32 parameter, at the defaults: what a step"
                        + " reads and writes, the gradient included, and what states keep."
                        + " 'panoptim rules NAME' tells more of one.");
        rules.stream().map(RuleFacts::new).forEach(text::summary);
        text.lines.add("");
        text.paragraph(
                "",
                "Companions, which have passes beside the step of any rule, and no step of their"
                        + " own:");
        companions.stream().map(RuleFacts::new).forEach(text::summary);
        return text.lines;
    }

    /** All that is known of a rule. */
    public static List<String> detail(UpdateRule rule) {
        var text = new RuleText();
        text.all(new RuleFacts(rule));
        return text.lines;
    }

    private void summary(RuleFacts facts) {
        lines.add("");
        lines.add(facts.name() + " (" + facts.className() + ")");
        items("settings", facts.settings().stream().map(RuleText::setting).toList());
        items("states", facts.slots().stream().map(slot -> state(facts, slot)).toList());
        items("bytes", List.of(bytes(facts)));
        items("passes", facts.passes().stream().map(pass -> pass(facts, pass)).toList());
        paragraph("source", facts.source());
    }

    private static String setting(RuleSetting setting) {
        var text = setting.name() + " " + RuleFacts.typed(setting.initial());
        var range = range(setting.range());
        return range.isEmpty() ? text : text + " " + range;
    }

    /** As an interval or a set; nothing where the values speak for themselves. */
    private static String range(RuleSetting.Range range) {
        return switch (range) {
            case RATE -> "[0, 2^100]";
            case OPEN_FRACTION -> "(0, 1)";
            case WEIGHT_DECAY, NON_NEGATIVE -> "[0, ∞)";
            case POSITIVE -> "(0, ∞)";
            case NON_POSITIVE -> "(-∞, 0]";
            case DECAY -> "[0, 1)";
            case FRACTION -> "[0, 1]";
            case GROWTH -> "[1, ∞]";
            case FINITE -> "(-∞, ∞)";
            case COUNT -> "{0, 1, …}";
            case POSITIVE_COUNT -> "{1, 2, …}";
            case ITERATIONS -> "{1, …, 99}";
            case FLAG, ANY -> "";
        };
    }

    private static String state(RuleFacts facts, Slot slot) {
        var extent = facts.extent(slot);
        return extent.isEmpty() ? slot.name() : slot.name() + " (" + extent + ")";
    }

    private static String bytes(RuleFacts facts) {
        var kept = facts.stateBytes() + " kept";
        return facts.hasStep()
                ? "%d moved by a step of %s, %s"
                        .formatted(facts.step().bytes(), phases(facts.rule().phases()), kept)
                : kept;
    }

    private static String phases(int number) {
        return number == 1 ? "one phase" : number + " phases";
    }

    private static String pass(RuleFacts facts, Pass pass) {
        return pass.name() + " (" + facts.pass(pass).bytes() + " bytes)";
    }

    private void all(RuleFacts facts) {
        lines.add(facts.name() + " (" + facts.rule().getClass().getName() + ")");
        lines.add("");
        paragraph("source", facts.source());
        if (facts.hasStep()) {
            items(
                    "step",
                    List.of(phases(facts.rule().phases()), traffic(facts.step()) + " a parameter"));
        }
        for (var pass : facts.passes()) {
            paragraph("pass", pass.name() + ": " + passDetail(facts, pass));
        }
        items("states", List.of(facts.stateBytes() + " bytes a parameter"));
        facts.variants().forEach(variant -> paragraph("with", variant(facts, variant)));
        items("takes", takes(facts.rule()));
        if (!facts.settings().isEmpty()) {
            lines.add("");
            table(settings(facts));
        }
        if (!facts.slots().isEmpty()) {
            lines.add("");
            table(states(facts));
        }
        lines.add("");
        paragraph(
                "",
                "Bytes are of a float32 parameter, at the defaults; a step's include those of the"
                        + " gradient. "
                        + use(facts));
    }

    private static String use(RuleFacts facts) {
        return facts.hasStep() || facts.rule() instanceof SAM
                ? "./panoptim train takes settings as" + example(facts)
                : "Optimizer.builder(…).companion(…) puts it beside a rule.";
    }

    private static String example(RuleFacts facts) {
        var settings = new StringBuilder();
        facts.settings().stream()
                .filter(setting -> !setting.name().equals("lr"))
                .limit(1)
                .forEach(
                        setting ->
                                settings.append(":")
                                        .append(setting.name())
                                        .append("=")
                                        .append(RuleFacts.typed(setting.initial())));
        return facts.hasStep()
                ? " --optimizer %s@%s%s."
                        .formatted(
                                facts.name(),
                                RuleFacts.number(facts.rule().learningRate()),
                                settings)
                : " --optimizer sgd+%s%s.".formatted(facts.name(), settings);
    }

    private static String traffic(RuleTraffic traffic) {
        return "%d bytes read and %d written".formatted(traffic.read(), traffic.written());
    }

    private static String passDetail(RuleFacts facts, Pass pass) {
        return phases(pass.phases())
                + ", "
                + traffic(facts.pass(pass))
                + (pass.everyParameter() ? ", whether there is a gradient or not" : "")
                + pass.closing().map(closing -> "; '" + closing + "' closes it").orElse("");
    }

    /** What other states a setting brings. */
    private static String variant(RuleFacts facts, RuleVariants.Variant variant) {
        var changed = new RuleFacts(variant.rule());
        var more = new ArrayList<>(changed.slots());
        more.removeAll(facts.slots());
        return "%s: %s; %d bytes read and %d written a parameter, states %d"
                .formatted(
                        variant.title(),
                        more.isEmpty()
                                ? "fewer states"
                                : "also "
                                        + more.stream()
                                                .map(slot -> state(changed, slot))
                                                .collect(Collectors.joining(", ")),
                        changed.step().read(),
                        changed.step().written(),
                        changed.stateBytes());
    }

    private static List<String> takes(UpdateRule rule) {
        var takes = new ArrayList<String>();
        if (rule.takesCurvature()) {
            takes.add("curvature on some steps");
        }
        if (rule instanceof MatrixRule matrices && matrices.refusal(Shape.of(1)).isPresent()) {
            takes.add("parameters of two dimensions or more");
        }
        if (rule.takesMomentum()) {
            takes.add("a momentum that a schedule sets");
        }
        return takes;
    }

    private static Table settings(RuleFacts facts) {
        var table = new Table("setting", "default", "values", "in Java").flushLeft();
        for (var setting : facts.settings()) {
            table.row(
                    setting.name(),
                    RuleFacts.typed(setting.initial()),
                    values(setting),
                    setting.component());
        }
        return table;
    }

    private static String values(RuleSetting setting) {
        return setting.isFlag() ? "true, false" : range(setting.range());
    }

    private static Table states(RuleFacts facts) {
        var table = new Table("state", "of each", "type", "begins as").flushLeft();
        for (var slot : facts.slots()) {
            table.row(
                    slot.name(),
                    slot.extent().name().toLowerCase(Locale.ROOT)
                            + facts.shapes(slot).map(shapes -> " " + shapes).orElse(""),
                    slot.extent().dtype() == DType.F64 ? "float64" : "float32",
                    switch (slot.initial()) {
                        case Slot.Initial.Constant(double value) -> RuleFacts.number(value);
                        case Slot.Initial.ParameterValue _ -> "the parameter";
                        case Slot.Initial.None _ -> "nothing: it is for one step";
                    });
        }
        return table;
    }

    private void table(Table table) {
        table.lines().forEach(line -> lines.add(INDENT + line));
    }

    private void items(String label, List<String> items) {
        if (!items.isEmpty()) {
            lines.addAll(Paragraph.ofItems(start(label), items, Terminal.WIDTH));
        }
    }

    private void paragraph(String label, String words) {
        lines.addAll(Paragraph.ofWords(label.isEmpty() ? "" : start(label), words, Terminal.WIDTH));
    }

    private static String start(String label) {
        return INDENT + label + " ".repeat(LABEL - label.length());
    }
}

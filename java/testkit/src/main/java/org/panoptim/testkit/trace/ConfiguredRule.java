package org.panoptim.testkit.trace;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.RuleSetting;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeSet;

/**
 * A rule and what else an optimizer is told, as the settings of a trace or of the command line say
 * it.
 *
 * @param rule the rule with its own settings
 * @param options the settings that go with any rule
 */
public record ConfiguredRule(UpdateRule rule, TraceOptions options) {

    /** A rule alone. */
    public ConfiguredRule(UpdateRule rule) {
        this(rule, TraceOptions.NONE);
    }

    /**
     * This with some settings changed, the rule's or others.
     *
     * @param settings new values as text, by PyTorch's names
     * @throws IllegalArgumentException for an unknown name, with those that there are, or a value
     *     that is none, or out of range
     */
    public ConfiguredRule with(Map<String, String> settings) {
        return with(settings, TraceOptions.names());
    }

    /**
     * The same where parameters have no moving averages, so that there is no setting for these.
     *
     * @throws IllegalArgumentException as {@link #with(Map)}
     */
    public ConfiguredRule withoutAverages(Map<String, String> settings) {
        return with(settings, TraceOptions.namesWithoutAverages());
    }

    private ConfiguredRule with(Map<String, String> settings, List<String> ofAnyRule) {
        var own = rule.descriptor().settings().stream().map(RuleSetting::name).toList();
        var unknown = new TreeSet<>(settings.keySet());
        unknown.removeAll(own);
        unknown.removeAll(ofAnyRule);
        if (!unknown.isEmpty()) {
            throw new IllegalArgumentException(
                    "%s has no setting %s; it has %s, and every rule %s"
                            .formatted(
                                    rule.name(),
                                    String.join(", ", unknown),
                                    String.join(", ", own),
                                    String.join(", ", ofAnyRule)));
        }
        var ofRule = new LinkedHashMap<>(settings);
        ofRule.keySet().retainAll(own);
        // A rule's own setting goes before one that any optimizer has.
        var further = new LinkedHashMap<>(options.settings());
        further.putAll(settings);
        further.keySet().removeAll(own);
        var changed = new ConfiguredRule(Rules.with(rule, ofRule), TraceOptions.among(further));
        changed.check();
        return changed;
    }

    /** Builds an optimizer of one number, which is refused here if a larger one would be later. */
    private void check() {
        var number = MemorySegment.ofArray(new float[1]);
        var shape = rule instanceof MatrixRule ? Shape.of(1, 1) : Shape.of(1);
        var parameter = Parameter.of("p", shape, number);
        if (options.averages()) {
            var average = MemorySegment.ofArray(new float[1]);
            parameter = parameter.averagedIn(new Output(DType.F32, average));
        }
        try (var backend = Backend.named("reference")) {
            optimizer().group("all", List.of(parameter)).backend(backend).build().close();
        }
    }

    /** All settings by their names, as text: the rule's, and the others that are given. */
    public SequencedMap<String, String> settings() {
        var settings = new LinkedHashMap<>(Rules.settings(rule));
        settings.putAll(options.settings());
        return Collections.unmodifiableSequencedMap(settings);
    }

    /**
     * Begins an optimizer of the rule with the options. Where {@link TraceOptions#averages}, its
     * parameters need an average.
     */
    public Optimizer.Builder<UpdateRule> optimizer() {
        var builder = Optimizer.builder(rule);
        options.applyTo(builder);
        return builder;
    }
}

package org.panoptim.cli.rules;

import com.google.gson.stream.JsonWriter;

import org.panoptim.rule.Pass;
import org.panoptim.rule.RuleSetting;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.testkit.rule.RuleTraffic;

import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Locale;

/**
 * Rules as JSON. A default that is infinite is the string {@code "Infinity"}, for JSON has no such
 * number; a state that begins as its parameter has the string {@code "parameter"}, and one that is
 * for one step {@code null}.
 */
public final class RuleJson {

    private final JsonWriter json;

    private RuleJson(JsonWriter json) {
        this.json = json;
    }

    /**
     * The text of an object with two lists.
     *
     * @param rules those that step
     * @param companions those that have passes alone
     * @param version Panoptim's
     */
    public static String of(List<UpdateRule> rules, List<UpdateRule> companions, String version) {
        var text = new StringWriter();
        try (var json = new JsonWriter(text)) {
            json.setIndent("  ");
            json.setHtmlSafe(false);
            json.beginObject().name("version").value(version);
            new RuleJson(json).rules("rules", rules).rules("companions", companions);
            json.endObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }

    private RuleJson rules(String name, List<UpdateRule> rules) throws IOException {
        json.name(name).beginArray();
        for (var rule : rules) {
            rule(new RuleFacts(rule));
        }
        json.endArray();
        return this;
    }

    private void rule(RuleFacts facts) throws IOException {
        json.beginObject();
        json.name("name").value(facts.name());
        json.name("class").value(facts.rule().getClass().getName());
        json.name("source").value(facts.source());
        json.name("settings").beginArray();
        for (var setting : facts.settings()) {
            setting(setting);
        }
        json.endArray();
        json.name("states").beginArray();
        for (var slot : facts.slots()) {
            state(slot);
        }
        json.endArray();
        json.name("stateBytesPerParameter").value(facts.stateBytes());
        json.name("phases").value(facts.rule().phases());
        traffic(facts.step());
        json.name("passes").beginArray();
        for (var pass : facts.passes()) {
            pass(facts, pass);
        }
        json.endArray();
        json.name("takesCurvature").value(facts.rule().takesCurvature());
        json.name("takesMomentum").value(facts.rule().takesMomentum());
        json.endObject();
    }

    private void setting(RuleSetting setting) throws IOException {
        json.beginObject();
        json.name("name").value(setting.name());
        json.name("component").value(setting.component());
        json.name("type").value(type(setting.initial()));
        json.name("range").value(setting.range().toString());
        json.name("default");
        switch (setting.initial()) {
            case Boolean flag -> json.value(flag);
            case Double number when number.isInfinite() -> json.value(number.toString());
            case Number number -> json.value(number);
            default -> throw new IllegalStateException("a setting is a number or a switch");
        }
        json.endObject();
    }

    private static String type(Object initial) {
        return switch (initial) {
            case Boolean _ -> "boolean";
            case Long _ -> "integer";
            default -> "number";
        };
    }

    private void state(Slot slot) throws IOException {
        json.beginObject();
        json.name("name").value(slot.name());
        json.name("extent").value(slot.extent().name().toLowerCase(Locale.ROOT));
        json.name("type").value(slot.extent().dtype().toString());
        json.name("kept").value(slot.isKept());
        json.name("initial");
        switch (slot.initial()) {
            case Slot.Initial.Constant(double value) -> json.value(value);
            case Slot.Initial.ParameterValue _ -> json.value("parameter");
            case Slot.Initial.None _ -> json.nullValue();
        }
        json.endObject();
    }

    private void pass(RuleFacts facts, Pass pass) throws IOException {
        json.beginObject();
        json.name("name").value(pass.name());
        json.name("phases").value(pass.phases());
        json.name("everyParameter").value(pass.everyParameter());
        json.name("closedBy");
        if (pass.closing().isPresent()) {
            json.value(pass.closing().get());
        } else {
            json.nullValue();
        }
        traffic(facts.pass(pass));
        json.endObject();
    }

    private void traffic(RuleTraffic traffic) throws IOException {
        json.name("bytesReadPerParameter").value(traffic.read());
        json.name("bytesWrittenPerParameter").value(traffic.written());
    }
}

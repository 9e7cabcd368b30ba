package org.panoptim.testkit.trace;

import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;
import org.panoptim.safetensors.SafetensorsException;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The contents of a trace's metadata.
 *
 * @param rule the rule with its settings, and those that go with any rule
 * @param steps how many steps the trace has, at least 1
 */
record TraceHeader(ConfiguredRule rule, long steps) {

    private static final String RULE = "rule";
    private static final String SET = "set";
    private static final String STEPS = "steps";

    static TraceHeader parse(Path file, Map<String, String> metadata) throws SafetensorsException {
        var name = require(file, metadata, RULE, "the name of a rule");
        var steps = steps(file, require(file, metadata, STEPS, "the number of steps"));
        UpdateRule named;
        try {
            named = Rules.named(name);
        } catch (IllegalArgumentException e) {
            throw problem(file, RULE, e);
        }
        var settings = settings(file, metadata.getOrDefault(SET, ""));
        try {
            return new TraceHeader(new ConfiguredRule(named).with(settings), steps);
        } catch (IllegalArgumentException e) {
            throw problem(file, SET, e);
        }
    }

    private static String require(
            Path file, Map<String, String> metadata, String key, String expected)
            throws SafetensorsException {
        var value = metadata.get(key);
        if (value == null) {
            throw new SafetensorsException(
                    file, location(key), "expected " + expected + ", found none");
        }
        return value;
    }

    private static long steps(Path file, String text) throws SafetensorsException {
        try {
            long steps = Long.parseLong(text);
            if (steps >= 1) {
                return steps;
            }
        } catch (NumberFormatException _) {
            // Reported below, as is a number that is too small.
        }
        throw new SafetensorsException(
                file,
                location(STEPS),
                "expected a whole number of at least 1, found '" + text + "'");
    }

    private static Map<String, String> settings(Path file, String text)
            throws SafetensorsException {
        var settings = new LinkedHashMap<String, String>();
        if (text.isBlank()) {
            return settings;
        }
        for (var setting : text.split(",", -1)) {
            int equals = setting.indexOf('=');
            if (equals < 0) {
                throw new SafetensorsException(
                        file, location(SET), "expected key=value, found '" + setting + "'");
            }
            var key = setting.substring(0, equals).strip();
            if (settings.putIfAbsent(key, setting.substring(equals + 1).strip()) != null) {
                throw new SafetensorsException(
                        file, location(SET), "expected each key once, found '" + key + "' twice");
            }
        }
        return settings;
    }

    private static SafetensorsException problem(
            Path file, String key, IllegalArgumentException cause) {
        return new SafetensorsException(file, location(key), String.valueOf(cause.getMessage()));
    }

    private static String location(String key) {
        return "metadata '" + key + "'";
    }
}

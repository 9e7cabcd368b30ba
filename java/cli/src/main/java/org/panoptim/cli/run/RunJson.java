package org.panoptim.cli.run;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;

import org.panoptim.cli.page.Samples;

import java.time.DateTimeException;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Function;

/**
 * A run as JSON. Numbers are whole doubles; what is not finite is text, since JSON has no such
 * numbers.
 */
final class RunJson {

    /** Raised whenever an older program could misread what is written. */
    private static final int FORMAT = 1;

    private static final Gson GSON =
            new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();

    private RunJson() {}

    static String write(RunRecord run) {
        var origin = run.origin();
        var object = new JsonObject();
        object.addProperty("format", FORMAT);
        object.addProperty("task", run.task());
        object.addProperty("began", run.began().toString());
        object.addProperty("version", origin.version());
        object.addProperty("command", origin.command());
        object.addProperty("backend", origin.backend());
        object.addProperty("processor", origin.processor());
        object.addProperty("system", origin.system());
        object.addProperty("java", origin.java());
        object.add("options", texts(run.options()));
        object.add("optimizers", array(run.contenders(), RunJson::contender));
        return GSON.toJson(object) + "\n";
    }

    private static JsonObject contender(Contender contender) {
        var object = new JsonObject();
        object.addProperty("name", contender.entry());
        object.addProperty("pytorch", contender.ofEngine());
        object.add("settings", texts(contender.settings()));
        object.add("runs", array(contender.runs(), RunJson::run));
        return object;
    }

    private static JsonObject run(Run run) {
        var figures = new JsonObject();
        run.figures().forEach((name, value) -> figures.add(name, number(value)));
        var object = new JsonObject();
        object.addProperty("seed", run.seed());
        object.addProperty("end", run.end().name().toLowerCase(Locale.ROOT));
        object.addProperty("note", run.note());
        object.add("figures", figures);
        object.add("curves", array(run.samples(), RunJson::samples));
        return object;
    }

    private static JsonObject samples(Samples samples) {
        var object = new JsonObject();
        samples.columns()
                .forEach(
                        (name, values) -> {
                            var column = new JsonArray(values.length);
                            for (double value : values) {
                                column.add(number(value));
                            }
                            object.add(name, column);
                        });
        return object;
    }

    private static JsonObject texts(Map<String, String> map) {
        var object = new JsonObject();
        map.forEach(object::addProperty);
        return object;
    }

    private static <T> JsonArray array(List<T> items, Function<T, JsonElement> json) {
        var array = new JsonArray(items.size());
        items.forEach(item -> array.add(json.apply(item)));
        return array;
    }

    private static JsonPrimitive number(double value) {
        if (value == (long) value) {
            return new JsonPrimitive((long) value);
        }
        return Double.isFinite(value)
                ? new JsonPrimitive(value)
                : new JsonPrimitive(String.valueOf(value));
    }

    /**
     * Reads what {@link #write} has written.
     *
     * @throws IllegalArgumentException if it is something else
     */
    static RunRecord read(String text) {
        try {
            var object = JsonParser.parseString(text).getAsJsonObject();
            int format = object.get("format").getAsInt();
            if (format != FORMAT) {
                throw new IllegalArgumentException(
                        "is of format %d, and this version reads format %d"
                                .formatted(format, FORMAT));
            }
            Function<String, String> string = name -> object.get(name).getAsString();
            return RunRecord.of(
                    string.apply("task"),
                    LocalDateTime.parse(string.apply("began")),
                    new RunRecord.Origin(
                            string.apply("version"),
                            string.apply("command"),
                            string.apply("backend"),
                            string.apply("processor"),
                            string.apply("system"),
                            string.apply("java")),
                    texts(object.getAsJsonObject("options")),
                    list(object.getAsJsonArray("optimizers"), RunJson::contender));
        } catch (JsonParseException
                | IllegalStateException
                | NullPointerException
                | ClassCastException
                | NumberFormatException
                | UnsupportedOperationException
                | DateTimeException e) {
            throw new IllegalArgumentException("is not what panoptim train writes", e);
        }
    }

    private static Contender contender(JsonElement element) {
        var object = element.getAsJsonObject();
        return Contender.of(
                object.get("name").getAsString(),
                object.get("pytorch").getAsBoolean(),
                texts(object.getAsJsonObject("settings")),
                list(object.getAsJsonArray("runs"), RunJson::run));
    }

    private static Run run(JsonElement element) {
        var object = element.getAsJsonObject();
        var figures = new LinkedHashMap<String, Double>();
        object.getAsJsonObject("figures")
                .asMap()
                .forEach((name, value) -> figures.put(name, value.getAsDouble()));
        return new Run(
                object.get("seed").getAsLong(),
                end(object.get("end").getAsString()),
                object.get("note").getAsString(),
                figures,
                list(object.getAsJsonArray("curves"), RunJson::samples));
    }

    private static Run.End end(String name) {
        for (var end : Run.End.values()) {
            if (end.name().toLowerCase(Locale.ROOT).equals(name)) {
                return end;
            }
        }
        throw new IllegalStateException("no end: " + name);
    }

    private static Samples samples(JsonElement element) {
        var columns = new LinkedHashMap<String, double[]>();
        element.getAsJsonObject()
                .asMap()
                .forEach(
                        (name, values) ->
                                columns.put(
                                        name,
                                        values.getAsJsonArray().asList().stream()
                                                .mapToDouble(JsonElement::getAsDouble)
                                                .toArray()));
        return new Samples(columns);
    }

    private static SequencedMap<String, String> texts(JsonObject object) {
        var map = new LinkedHashMap<String, String>();
        object.asMap().forEach((name, value) -> map.put(name, value.getAsString()));
        return map;
    }

    private static <T> List<T> list(JsonArray array, Function<JsonElement, T> read) {
        var items = new ArrayList<T>(array.size());
        array.forEach(element -> items.add(read.apply(element)));
        return items;
    }
}

package org.panoptim.internal.checkpoint;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.JsonWriter;

import org.panoptim.tensor.DimensionOrder;

import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The JSON in a checkpoint's metadata: the groups, and what the schedule remembers.
 *
 * <p>What is read is not trusted. It must have the members that are written, all of them and in the
 * same order, so that nothing is left at a default unseen; only the order of a contiguous tensor's
 * dimensions is absent. Numbers that may be infinite are text.
 */
final class CheckpointJson {

    private static final String ORDER = "dim_order";

    private final JsonReader reader;

    private CheckpointJson(String text) {
        reader = new JsonReader(new StringReader(text));
        reader.setStrictness(Strictness.STRICT);
    }

    /** Reads one value from a reader. */
    @FunctionalInterface
    private interface Value<T> {
        T read() throws IOException;
    }

    /** Writes to a writer that does not fail. */
    @FunctionalInterface
    private interface Content {
        void writeTo(JsonWriter json) throws IOException;
    }

    static String ofGroups(List<CheckpointHeader.Group> groups) {
        return write(
                json -> {
                    json.beginArray();
                    for (var group : groups) {
                        write(json, group);
                    }
                    json.endArray();
                });
    }

    private static void write(JsonWriter json, CheckpointHeader.Group group) throws IOException {
        json.beginObject();
        json.name("name").value(group.name());
        json.name("rule").value(group.rule());
        json.name("settings");
        write(json, group.settings());
        json.name("frozen").value(group.frozen());
        json.name("parameters").beginArray();
        for (var tensor : group.parameters()) {
            write(json, tensor);
        }
        json.endArray().endObject();
    }

    private static void write(JsonWriter json, CheckpointHeader.Tensor tensor) throws IOException {
        json.beginObject();
        json.name("name").value(tensor.name());
        json.name("shape").beginArray();
        for (long dimension : tensor.shape()) {
            json.value(dimension);
        }
        json.endArray();
        if (!tensor.order().isContiguous()) {
            json.name(ORDER).beginArray();
            for (int dimension : tensor.order().dimensions()) {
                json.value(dimension);
            }
            json.endArray();
        }
        json.name("dtype").value(tensor.dtype());
        json.name("count").value(tensor.count());
        json.endObject();
    }

    private static void write(JsonWriter json, Map<String, String> texts) throws IOException {
        json.beginObject();
        for (var text : texts.entrySet()) {
            json.name(text.getKey()).value(text.getValue());
        }
        json.endObject();
    }

    static String ofSchedule(Map<String, Double> schedule) {
        var texts = new TreeMap<String, String>();
        schedule.forEach((name, value) -> texts.put(name, String.valueOf(value)));
        return ofTexts(texts);
    }

    /** Texts by name, in one line. */
    static String ofTexts(Map<String, String> texts) {
        return write(json -> write(json, texts));
    }

    private static String write(Content content) {
        var text = new StringWriter();
        try (var json = new JsonWriter(text)) {
            content.writeTo(json);
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory does not fail", e);
        }
        return text.toString();
    }

    /**
     * Reads what {@link #ofGroups} wrote.
     *
     * @throws IOException if it is no JSON
     * @throws IllegalArgumentException if it is other JSON
     */
    static List<CheckpointHeader.Group> groups(String text) throws IOException {
        var json = new CheckpointJson(text);
        var groups = json.list(json::group);
        json.expect(JsonToken.END_DOCUMENT);
        return groups;
    }

    /**
     * Reads what {@link #ofSchedule} wrote.
     *
     * @throws IOException if it is no JSON
     * @throws IllegalArgumentException if it is other JSON
     */
    static Map<String, Double> schedule(String text) throws IOException {
        var schedule = new TreeMap<String, Double>();
        texts(text).forEach((name, value) -> schedule.put(name, Double.valueOf(value)));
        return schedule;
    }

    /**
     * Reads what {@link #ofTexts} wrote.
     *
     * @throws IOException if it is no JSON
     * @throws IllegalArgumentException if it is other JSON
     */
    static Map<String, String> texts(String text) throws IOException {
        var json = new CheckpointJson(text);
        var texts = json.texts();
        json.expect(JsonToken.END_DOCUMENT);
        return texts;
    }

    private CheckpointHeader.Group group() throws IOException {
        begin();
        var name = member("name", this::text);
        var rule = member("rule", this::text);
        var settings = member("settings", this::texts);
        boolean frozen = member("frozen", this::flag);
        var parameters = member("parameters", () -> list(this::tensor));
        end();
        return new CheckpointHeader.Group(name, rule, settings, frozen, parameters);
    }

    private CheckpointHeader.Tensor tensor() throws IOException {
        begin();
        var name = member("name", this::text);
        var shape = member("shape", () -> list(this::number));
        var next = name();
        var order = DimensionOrder.contiguous(shape.size());
        if (next.equals(ORDER)) {
            order = order(shape.size());
            next = name();
        }
        requireName("dtype", next);
        var dtype = text();
        long count = member("count", this::number);
        end();
        return new CheckpointHeader.Tensor(name, shape, order, dtype, count);
    }

    private DimensionOrder order(int rank) throws IOException {
        var dimensions = list(this::index);
        if (dimensions.size() != rank) {
            throw new IllegalArgumentException(
                    "expected an order of %d dimensions, found %s at %s"
                            .formatted(rank, dimensions, reader.getPath()));
        }
        return new DimensionOrder(dimensions);
    }

    private void begin() throws IOException {
        expect(JsonToken.BEGIN_OBJECT);
        reader.beginObject();
    }

    private void end() throws IOException {
        expect(JsonToken.END_OBJECT);
        reader.endObject();
    }

    private <T> T member(String name, Value<T> value) throws IOException {
        requireName(name, name());
        return value.read();
    }

    private String name() throws IOException {
        expect(JsonToken.NAME);
        return reader.nextName();
    }

    private void requireName(String expected, String found) {
        if (!found.equals(expected)) {
            throw new IllegalArgumentException(
                    "expected '" + expected + "', found '" + found + "' at " + reader.getPath());
        }
    }

    private <T> List<T> list(Value<T> element) throws IOException {
        expect(JsonToken.BEGIN_ARRAY);
        reader.beginArray();
        var list = new ArrayList<T>();
        while (reader.hasNext()) {
            list.add(element.read());
        }
        reader.endArray();
        return list;
    }

    private Map<String, String> texts() throws IOException {
        begin();
        var texts = new LinkedHashMap<String, String>();
        while (reader.hasNext()) {
            var name = reader.nextName();
            if (texts.put(name, text()) != null) {
                throw new IllegalArgumentException(
                        "expected '" + name + "' once, found it twice at " + reader.getPath());
            }
        }
        end();
        return texts;
    }

    private String text() throws IOException {
        expect(JsonToken.STRING);
        return reader.nextString();
    }

    private long number() throws IOException {
        expect(JsonToken.NUMBER);
        return reader.nextLong();
    }

    private int index() throws IOException {
        expect(JsonToken.NUMBER);
        return reader.nextInt();
    }

    private boolean flag() throws IOException {
        expect(JsonToken.BOOLEAN);
        return reader.nextBoolean();
    }

    private void expect(JsonToken expected) throws IOException {
        var found = reader.peek();
        if (found != expected) {
            throw new IllegalArgumentException(
                    "expected " + expected + ", found " + found + " at " + reader.getPath());
        }
    }
}

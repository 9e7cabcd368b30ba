package org.panoptim.monitor;

import com.google.gson.stream.JsonWriter;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.regex.Pattern;

/** Writes a JSON object for each observation, on a line of its own. */
final class JsonLines implements Monitor {

    /** How every line begins. */
    private static final String START = "{\"" + Observation.STEP + "\":";

    /** The same once the number has begun. */
    private static final Pattern BEGUN =
            Pattern.compile(Pattern.quote(START) + "\\d.*", Pattern.DOTALL);

    private final LineFile file;

    private JsonLines(LineFile file) {
        this.file = file;
    }

    static JsonLines open(Path path) throws IOException {
        var file = LineFile.open(path, first -> first.startsWith(START), JsonLines::isTorn);
        boolean kept = false;
        try {
            file.cutTorn(_ -> true);
            kept = true;
            return new JsonLines(file);
        } finally {
            if (!kept) {
                file.close();
            }
        }
    }

    /** Not a whole object: what lacks nothing but the line's end may be somebody else's file. */
    private static boolean isTorn(String text) {
        return START.startsWith(text) || BEGUN.matcher(text).matches() && !text.endsWith("}");
    }

    @Override
    public void write(Observation observation) throws IOException {
        var text = new StringWriter();
        // Nothing is kept in a StringWriter's writer that would have to be closed.
        var json = new JsonWriter(text);
        json.beginObject();
        json.name(Observation.STEP).value(observation.step());
        for (var entry : observation.values().entrySet()) {
            if (entry.getValue().isEmpty()) {
                continue;
            }
            json.name(entry.getKey());
            double value = entry.getValue().getAsDouble();
            if (Double.isFinite(value)) {
                json.value(value);
            } else {
                json.value(Double.toString(value));
            }
        }
        json.endObject();
        file.append(text.append('\n').toString());
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}

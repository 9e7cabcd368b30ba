package org.panoptim.monitor;

import com.google.gson.stream.JsonWriter;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Path;

/** Writes a JSON object for each observation, on a line of its own. */
final class JsonLines implements Monitor {

    /** How every line begins. */
    private static final String START = "{\"" + Observation.STEP + "\":";

    private final LineFile file;

    private JsonLines(LineFile file) {
        this.file = file;
    }

    static JsonLines open(Path path) throws IOException {
        return new JsonLines(LineFile.open(path, first -> first.startsWith(START)));
    }

    @Override
    public void write(Observation observation) throws IOException {
        var text = new StringWriter();
        // Nothing is kept in a StringWriter's writer that would have to be closed.
        var json = new JsonWriter(text);
        json.beginObject();
        json.name(Observation.STEP).value(observation.step());
        for (var entry : observation.values().entrySet()) {
            json.name(entry.getKey());
            double value = entry.getValue();
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

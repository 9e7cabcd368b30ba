package org.panoptim.cli.doctor;

import com.google.gson.stream.JsonWriter;

import org.panoptim.cli.doctor.Diagnosis.Finding;

import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.List;

/** A diagnosis as JSON. */
public final class DiagnosisJson {

    private final JsonWriter json;

    private DiagnosisJson(JsonWriter json) {
        this.json = json;
    }

    /** The text of an object; {@code best} is null where no backend works. */
    public static String of(Diagnosis diagnosis) {
        var text = new StringWriter();
        try (var json = new JsonWriter(text)) {
            json.setIndent("  ");
            json.setHtmlSafe(false);
            new DiagnosisJson(json).write(diagnosis);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }

    private void write(Diagnosis diagnosis) throws IOException {
        json.beginObject();
        json.name("version").value(diagnosis.version());
        json.name("java").value(diagnosis.machine().java());
        json.name("system").value(diagnosis.machine().system());
        json.name("processor").value(diagnosis.machine().processor());
        json.name("backends").beginArray();
        for (var backend : diagnosis.backends()) {
            write(backend);
        }
        json.endArray();
        json.name("best").value(diagnosis.best().orElse(null));
        json.endObject();
    }

    private void write(Finding backend) throws IOException {
        json.beginObject();
        json.name("name").value(backend.status().name());
        json.name("available").value(backend.status().available());
        json.name("summary").value(backend.status().summary());
        lines("tried", backend.status().tried());
        lines("kroneckerFactors", backend.factors());
        json.endObject();
    }

    private void lines(String name, List<String> lines) throws IOException {
        json.name(name).beginArray();
        for (var line : lines) {
            json.value(line);
        }
        json.endArray();
    }
}

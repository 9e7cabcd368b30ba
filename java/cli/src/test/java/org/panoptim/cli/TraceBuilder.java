package org.panoptim.cli;

import org.panoptim.safetensors.SafetensorsWriter;
import org.panoptim.tensor.DType;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/** Writes small traces. */
final class TraceBuilder {

    private final SafetensorsWriter writer = new SafetensorsWriter();

    static TraceBuilder of(String rule, String settings, String steps) {
        return new TraceBuilder()
                .metadata("rule", rule)
                .metadata("set", settings)
                .metadata("steps", steps);
    }

    TraceBuilder metadata(String key, String value) {
        writer.metadata(key, value);
        return this;
    }

    /** A tensor of one dimension. */
    TraceBuilder tensor(String name, float... values) {
        return tensor(name, List.of((long) values.length), values);
    }

    TraceBuilder tensor(String name, List<Long> shape, float... values) {
        writer.tensor(name, DType.F32, shape, MemorySegment.ofArray(values));
        return this;
    }

    TraceBuilder tensor(String name, double... values) {
        writer.tensor(
                name, DType.F64, List.of((long) values.length), MemorySegment.ofArray(values));
        return this;
    }

    Path write(Path file) throws IOException {
        writer.write(file);
        return file;
    }
}

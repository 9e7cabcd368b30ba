package org.panoptim;

import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.safetensors.SafetensorsWriter;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** A checkpoint taken apart, to be put together wrong. */
final class EditedCheckpoint {

    /** A tensor of the file. */
    record Tensor(String name, DType dtype, List<Long> shape, byte[] bytes) {}

    final Map<String, String> metadata = new LinkedHashMap<>();
    final List<Tensor> tensors = new ArrayList<>();

    EditedCheckpoint(Path file) throws IOException {
        try (var reader = SafetensorsReader.open(file)) {
            metadata.putAll(reader.metadata());
            for (var tensor : reader.tensors().values()) {
                var bytes = new byte[Math.toIntExact(tensor.byteSize())];
                reader.read(tensor, MemorySegment.ofArray(bytes));
                tensors.add(new Tensor(tensor.name(), tensor.dtype(), tensor.shape(), bytes));
            }
        }
    }

    EditedCheckpoint metadata(String key, UnaryOperator<String> change) {
        metadata.compute(key, (_, text) -> change.apply(text));
        return this;
    }

    EditedCheckpoint replace(String key, String text, String by) {
        if (!metadata.get(key).contains(text)) {
            throw new AssertionError(text + " is not in " + metadata.get(key));
        }
        return metadata(key, before -> before.replace(text, by));
    }

    EditedCheckpoint tensors(UnaryOperator<Tensor> change) {
        tensors.replaceAll(change);
        return this;
    }

    void write(Path file) throws IOException {
        var writer = new SafetensorsWriter().metadata(metadata);
        for (var tensor : tensors) {
            writer.tensor(
                    tensor.name(),
                    tensor.dtype(),
                    tensor.shape(),
                    MemorySegment.ofArray(tensor.bytes()));
        }
        writer.write(file);
    }
}

package org.panoptim.checkpoint;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;

import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.tensor.DType;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.zip.CRC32C;

/** A checkpoint taken apart, to be put together wrong. */
final class EditedCheckpoint {

    /** A tensor of the file. */
    record Tensor(String name, DType dtype, List<Long> shape, byte[] bytes) {}

    final Map<String, String> metadata = new LinkedHashMap<>();
    final List<Tensor> tensors = new ArrayList<>();
    private boolean checksums = true;

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

    /** As files of earlier versions are. */
    EditedCheckpoint withoutChecksums() {
        checksums = false;
        return this;
    }

    void write(Path file) throws IOException {
        Files.write(file, bytes());
    }

    /**
     * The file with right checksums, put together without the library's writer, which waits for the
     * disk.
     */
    byte[] bytes() {
        var header = new JsonObject();
        var texts = new JsonObject();
        if (checksums) {
            texts.addProperty("crc32c", "00000000");
            tensors.forEach(each -> texts.addProperty("crc32c/" + each.name(), crc(each.bytes())));
        }
        metadata.forEach(texts::addProperty);
        header.add("__metadata__", texts);
        var data = new ByteArrayOutputStream();
        for (var tensor : tensors) {
            var offsets = new JsonArray();
            offsets.add(data.size());
            data.writeBytes(tensor.bytes());
            offsets.add(data.size());
            var shape = new JsonArray();
            tensor.shape().forEach(shape::add);
            var entry = new JsonObject();
            entry.addProperty("dtype", tensor.dtype().name());
            entry.add("shape", shape);
            entry.add("data_offsets", offsets);
            header.add(tensor.name(), entry);
        }
        var unsealed = header.toString();
        var text =
                (checksums
                                ? unsealed.replaceFirst(
                                        "00000000", crc(unsealed.getBytes(StandardCharsets.UTF_8)))
                                : unsealed)
                        .getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(8 + text.length + data.size())
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(text.length)
                .put(text)
                .put(data.toByteArray())
                .array();
    }

    private static String crc(byte[] bytes) {
        var checksum = new CRC32C();
        checksum.update(bytes);
        return HexFormat.of().toHexDigits((int) checksum.getValue());
    }
}

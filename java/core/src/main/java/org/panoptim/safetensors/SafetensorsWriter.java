package org.panoptim.safetensors;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonWriter;

import org.panoptim.DType;
import org.panoptim.io.OutputFile;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * Collects tensors and strings, and writes them as a safetensors file.
 *
 * <pre>{@code
 * new SafetensorsWriter()
 *         .metadata("step", "100")
 *         .tensor("weight", DType.F32, List.of(64L, 10L), weights)
 *         .write(Path.of("checkpoint.safetensors"));
 * }</pre>
 *
 * <p>The bytes follow from the calls alone: strings and tensors stand in the file in the order in
 * which they were added, nothing depends on time or machine. Tensors follow each other without
 * gaps, as the format demands, so whoever wants them aligned for mapping into memory adds those of
 * wider types first.
 *
 * <p>A writer belongs to one thread at a time.
 */
public final class SafetensorsWriter {
    private final SequencedMap<String, String> metadata = new LinkedHashMap<>();
    private final SequencedMap<String, TensorInfo> tensors = new LinkedHashMap<>();
    private final SequencedMap<String, TensorSource> sources = new LinkedHashMap<>();
    private long dataSize;

    /** Makes a writer of a file without tensors and strings, which is a valid one. */
    public SafetensorsWriter() {}

    /**
     * Adds a string to the header.
     *
     * @return this writer
     * @throws IllegalArgumentException if the key was added before, or if either is not Unicode
     *     text
     */
    public SafetensorsWriter metadata(String key, String value) {
        requireUnicode("metadata key", key);
        requireUnicode("value of metadata key " + Printable.quote(key), value);
        if (metadata.putIfAbsent(key, value) != null) {
            throw new IllegalArgumentException(
                    "metadata key %s: expected each key once, got it twice"
                            .formatted(Printable.quote(key)));
        }
        return this;
    }

    /**
     * Adds strings to the header, in the map's order.
     *
     * @return this writer
     * @throws IllegalArgumentException as {@link #metadata(String, String)}; those before the one
     *     at fault have been added
     */
    public SafetensorsWriter metadata(Map<String, String> entries) {
        entries.forEach(this::metadata);
        return this;
    }

    /**
     * Adds a tensor whose bytes lie in memory.
     *
     * @param name its name, any text but {@code "__metadata__"}
     * @param dtype the type of its elements
     * @param shape its dimensions, outermost first
     * @param data its elements, little-endian, in row-major order. Not copied: it is read by {@link
     *     #write} and must be accessible then
     * @return this writer
     * @throws IllegalArgumentException if the name was added before, is {@code "__metadata__"} or
     *     is not Unicode text, if a dimension is negative, or if {@code data} has not exactly the
     *     size that the shape takes
     */
    public SafetensorsWriter tensor(
            String name, DType dtype, List<Long> shape, MemorySegment data) {
        TensorInfo info = describe(name, dtype, shape);
        if (data.byteSize() != info.byteSize()) {
            throw new IllegalArgumentException(
                    "data of tensor %s: expected %d bytes for shape %s of %s, got %d"
                            .formatted(
                                    Printable.quote(name),
                                    info.byteSize(),
                                    Printable.shape(shape),
                                    dtype,
                                    data.byteSize()));
        }
        add(info, (chunk, offset) -> MemorySegment.copy(data, offset, chunk, 0, chunk.byteSize()));
        return this;
    }

    /**
     * Adds a tensor whose bytes are asked for while the file is written.
     *
     * @param name its name, any text but {@code "__metadata__"}
     * @param dtype the type of its elements
     * @param shape its dimensions, outermost first
     * @param source gives the bytes, in chunks of at most a mebibyte, once for each {@link #write}
     * @return this writer
     * @throws IllegalArgumentException if the name was added before, is {@code "__metadata__"} or
     *     is not Unicode text, or if a dimension is negative
     */
    public SafetensorsWriter tensor(
            String name, DType dtype, List<Long> shape, TensorSource source) {
        add(describe(name, dtype, shape), source);
        return this;
    }

    /**
     * Writes the file, or replaces it as a whole; see {@link OutputFile} for what that means, and
     * for links, pipes and devices.
     *
     * <p>May be called again, with or without further tensors added.
     *
     * @param file where to write; its folder must exist
     * @throws IllegalStateException if the header would be longer than the format allows, {@value
     *     SafetensorsReader#MAX_HEADER_BYTES} bytes
     * @throws IOException if writing fails, or what a source of a tensor throws, unchanged
     */
    public void write(Path file) throws IOException {
        byte[] header = header();
        OutputFile.write(file, channel -> write(channel, header));
    }

    private TensorInfo describe(String name, DType dtype, List<Long> shape) {
        requireUnicode("tensor name", name);
        if (name.equals(Format.METADATA)) {
            throw new IllegalArgumentException(
                    "tensor name: %s is kept for the map of strings".formatted(name));
        }
        if (tensors.containsKey(name)) {
            throw new IllegalArgumentException(
                    "tensor %s: expected each name once, got it twice"
                            .formatted(Printable.quote(name)));
        }
        long size;
        try {
            size = TensorInfo.byteSize(dtype, shape);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "tensor " + Printable.quote(name) + ": " + e.getMessage(), e);
        }
        if (size > Long.MAX_VALUE - dataSize) {
            throw new IllegalArgumentException(
                    "tensor %s: expected less than 2^63 bytes in all, got %d after %d"
                            .formatted(Printable.quote(name), size, dataSize));
        }
        return new TensorInfo(name, dtype, shape, dataSize, dataSize + size);
    }

    private void add(TensorInfo info, TensorSource source) {
        tensors.put(info.name(), info);
        sources.put(info.name(), source);
        dataSize = info.end();
    }

    private static void requireUnicode(String what, String text) {
        if (!isUnicode(text)) {
            throw new IllegalArgumentException(
                    "%s: expected Unicode text, got half a surrogate pair in %s"
                            .formatted(what, Printable.quote(text)));
        }
    }

    /** Whether UTF-8 can express the text, which it cannot if it holds half a surrogate pair. */
    private static boolean isUnicode(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isSurrogate(text.charAt(i))) {
                if (!Character.isSupplementaryCodePoint(text.codePointAt(i))) {
                    return false;
                }
                i++;
            }
        }
        return true;
    }

    /** The padded header, without its length. */
    private byte[] header() {
        var bytes = new ByteArrayOutputStream();
        try (var json = new JsonWriter(new OutputStreamWriter(bytes, StandardCharsets.UTF_8))) {
            json.setStrictness(Strictness.STRICT);
            json.beginObject();
            if (!metadata.isEmpty()) {
                json.name(Format.METADATA).beginObject();
                for (var entry : metadata.entrySet()) {
                    json.name(entry.getKey()).value(entry.getValue());
                }
                json.endObject();
            }
            for (TensorInfo info : tensors.values()) {
                json.name(info.name()).beginObject();
                json.name(Format.DTYPE).value(info.dtype().name());
                json.name(Format.SHAPE).beginArray();
                for (long dimension : info.shape()) {
                    json.value(dimension);
                }
                json.endArray();
                json.name(Format.DATA_OFFSETS).beginArray();
                json.value(info.begin()).value(info.end()).endArray();
                json.endObject();
            }
            json.endObject();
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory does not fail", e);
        }
        while (bytes.size() % Format.HEADER_ALIGNMENT != 0) {
            bytes.write(' ');
        }
        if (bytes.size() > Format.MAX_HEADER_BYTES) {
            throw new IllegalStateException(
                    "header: expected at most %d bytes, got %d for %d tensors and %d strings"
                            .formatted(
                                    Format.MAX_HEADER_BYTES,
                                    bytes.size(),
                                    tensors.size(),
                                    metadata.size()));
        }
        return bytes.toByteArray();
    }

    private void write(WritableByteChannel channel, byte[] header) throws IOException {
        ByteBuffer prefix = ByteBuffer.allocate(Format.PREFIX_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        channel.write(prefix.putLong(0, header.length));
        channel.write(ByteBuffer.wrap(header));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment staging = arena.allocate(Math.min(dataSize, Format.CHUNK_BYTES));
            for (TensorInfo info : tensors.values()) {
                TensorSource source = sources.get(info.name());
                long size = info.byteSize();
                for (long offset = 0; offset < size; offset += Format.CHUNK_BYTES) {
                    MemorySegment chunk =
                            staging.asSlice(0, Math.min(size - offset, Format.CHUNK_BYTES));
                    source.read(chunk, offset);
                    channel.write(chunk.asByteBuffer());
                }
            }
        }
    }
}

package org.panoptim.safetensors;

import com.google.gson.stream.JsonWriter;

import org.panoptim.io.OutputFile;
import org.panoptim.tensor.DType;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.zip.CRC32C;

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
    private boolean checksums;

    /** Makes a writer of a file without tensors and strings, which is a valid one. */
    public SafetensorsWriter() {}

    /**
     * Adds a string to the header.
     *
     * @return this writer
     * @throws IllegalArgumentException if the key was added before or is one of checksums, {@code
     *     "crc32c"} or {@code "crc32c/"} with more behind it, or if either is not Unicode text
     */
    public SafetensorsWriter metadata(String key, String value) {
        Objects.requireNonNull(key, "key");
        Objects.requireNonNull(value, "value");
        requireUnicode("metadata key", key);
        requireUnicode("value of metadata key " + Printable.quote(key), value);
        if (Checksums.isKey(key)) {
            throw new IllegalArgumentException(
                    "metadata key %s: is kept for checksums".formatted(Printable.quote(key)));
        }
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
        Objects.requireNonNull(entries, "entries");
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
        Objects.requireNonNull(data, "data");
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
     * @param source gives the bytes, in chunks of at most a mebibyte, at each {@link #write}
     * @return this writer
     * @throws IllegalArgumentException if the name was added before, is {@code "__metadata__"} or
     *     is not Unicode text, or if a dimension is negative
     */
    public SafetensorsWriter tensor(
            String name, DType dtype, List<Long> shape, TensorSource source) {
        Objects.requireNonNull(source, "source");
        add(describe(name, dtype, shape), source);
        return this;
    }

    /**
     * Gives the header and every tensor a checksum, which the reader verifies; see the package.
     *
     * @return this writer
     */
    public SafetensorsWriter checksums() {
        checksums = true;
        return this;
    }

    /**
     * Writes the file, or replaces it as a whole; see {@link OutputFile} for what that means, and
     * for links, pipes and devices. Nobody can go back in a pipe or device to fill in checksums:
     * for these the sources of tensors are asked twice.
     *
     * <p>May be called again, with or without further tensors added.
     *
     * @param file where to write; its folder must exist
     * @throws IllegalStateException if the header would be longer than the format allows, {@value
     *     SafetensorsReader#MAX_HEADER_BYTES} bytes, or its strings are so many and so short that
     *     the reader would refuse them
     * @throws IOException if writing fails, or what a source of a tensor throws, unchanged
     */
    public void write(Path file) throws IOException {
        Objects.requireNonNull(file, "file");
        int[] unknown = new int[tensors.size()];
        byte[] header = header(unknown);
        OutputFile.write(
                file,
                channel -> {
                    if (!checksums) {
                        writeHeader(channel, header);
                        read(channel::write);
                    } else if (channel instanceof SeekableByteChannel seekable) {
                        writeHeader(channel, header);
                        int[] found = read(channel::write);
                        writeHeader(seekable.position(0), header(found));
                    } else {
                        int[] found = read(_ -> {});
                        writeHeader(channel, header(found));
                        if (!Arrays.equals(read(channel::write), found)) {
                            throw new IOException(
                                    file + ": the tensors changed while they were written");
                        }
                    }
                });
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
        if (!canWrite(text)) {
            throw new IllegalArgumentException(
                    "%s: expected Unicode text, got half a surrogate pair in %s"
                            .formatted(what, Printable.quote(text)));
        }
    }

    /** Whether UTF-8 can express a text, which it cannot if it holds half a surrogate pair. */
    public static boolean canWrite(String text) {
        Objects.requireNonNull(text, "text");
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

    /**
     * The padded header, without its length.
     *
     * @param found the tensors' checksums, if there are to be any
     */
    private byte[] header(int[] found) {
        var bytes = new ByteArrayOutputStream();
        try (var json = new JsonWriter(new OutputStreamWriter(bytes, StandardCharsets.UTF_8))) {
            json.beginObject();
            var strings = strings(found);
            if (!strings.isEmpty()) {
                json.name(Format.METADATA).beginObject();
                for (var entry : strings.entrySet()) {
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
        checkStrings(bytes.size());
        byte[] header = bytes.toByteArray();
        if (checksums) {
            Checksums.complete(header);
        }
        return header;
    }

    /** The map of strings with the checksums, that of the header still as zeros. */
    private SequencedMap<String, String> strings(int[] found) {
        if (!checksums) {
            return metadata;
        }
        var strings = new LinkedHashMap<String, String>();
        strings.put(Checksums.HEADER, Checksums.ZERO);
        int i = 0;
        for (String name : tensors.keySet()) {
            strings.put(Checksums.TENSOR + name, Checksums.format(found[i++]));
        }
        strings.putAll(metadata);
        return strings;
    }

    private void checkStrings(int headerSize) {
        var budget = new StringBudget(headerSize);
        boolean fits = true;
        for (var entry : metadata.entrySet()) {
            fits &= budget.add(entry.getKey(), entry.getValue());
        }
        if (checksums) {
            fits &= budget.add(Checksums.HEADER, Checksums.ZERO);
            for (String name : tensors.keySet()) {
                fits &= budget.add(Checksums.TENSOR + name, Checksums.ZERO);
            }
        }
        if (!fits) {
            throw new IllegalStateException(
                    "header: expected strings that take at most %d bytes of memory, got more in %d strings for a header of %d bytes"
                            .formatted(budget.limit(), metadata.size(), headerSize));
        }
    }

    private static void writeHeader(WritableByteChannel channel, byte[] header) throws IOException {
        ByteBuffer prefix = ByteBuffer.allocate(Format.PREFIX_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        channel.write(prefix.putLong(0, header.length));
        channel.write(ByteBuffer.wrap(header));
    }

    /** Takes the tensors' bytes. */
    @FunctionalInterface
    private interface Sink {
        void take(ByteBuffer bytes) throws IOException;
    }

    /** Reads all tensors in the file's order; returns their checksums, if there are to be any. */
    private int[] read(Sink sink) throws IOException {
        int[] found = new int[tensors.size()];
        int i = 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment staging = arena.allocate(Math.min(dataSize, Format.CHUNK_BYTES));
            for (TensorInfo info : tensors.values()) {
                TensorSource source = sources.get(info.name());
                long size = info.byteSize();
                var checksum = new CRC32C();
                for (long offset = 0; offset < size; offset += Format.CHUNK_BYTES) {
                    MemorySegment chunk =
                            staging.asSlice(0, Math.min(size - offset, Format.CHUNK_BYTES));
                    source.read(chunk, offset);
                    if (checksums) {
                        checksum.update(chunk.asByteBuffer());
                    }
                    sink.take(chunk.asByteBuffer());
                }
                found[i++] = (int) checksum.getValue();
            }
        }
        return found;
    }
}

package org.panoptim.safetensors;

import org.panoptim.internal.MissingFile;
import org.panoptim.tensor.DType;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.zip.CRC32C;

/**
 * Reads a safetensors file, which is not trusted.
 *
 * <p>{@link #open} checks the whole header, before anything of it is handed out: that it is strict
 * JSON of the format's shape and nothing else, that all names differ, and that the tensors cover
 * the rest of the file exactly, without holes or overlaps. Only what the format says about
 * alignment is left aside, and tensors may begin anywhere. A file that fails a check gets a {@link
 * SafetensorsException}; failures of the file system itself keep their own kinds of {@link
 * IOException}.
 *
 * <p>A file may have checksums (see the package), of everything or of nothing. That of the header
 * is verified by {@link #open}, that of a tensor whenever the tensor is read.
 *
 * <p>Memory is taken in proportion to the header that is really there, of at most {@value
 * #MAX_HEADER_BYTES} bytes, and never for what a file merely claims: at most four times its length,
 * or some 20 MB for a short one. A map of very many very short strings, which would take more, is
 * refused. Tensors pass through a buffer of a mebibyte into the caller's memory.
 *
 * <p>A reader may be used by several threads at once. Interrupting a thread while it reads closes
 * the reader, as with every {@link FileChannel}.
 */
public final class SafetensorsReader implements AutoCloseable {
    /** The longest header that is accepted, in bytes; the format's own limit. */
    public static final int MAX_HEADER_BYTES = Format.MAX_HEADER_BYTES;

    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Path file;
    private final FileChannel channel;
    private final long dataPosition;
    private final Header header;
    private volatile boolean closed;

    private SafetensorsReader(Path file, FileChannel channel, long dataPosition, Header header) {
        this.file = file;
        this.channel = channel;
        this.dataPosition = dataPosition;
        this.header = header;
    }

    /**
     * Opens a file and checks all of it but the tensors' elements.
     *
     * @param file the file, which stays open until {@link #close}
     * @throws SafetensorsException if it is not a safetensors file
     * @throws NoSuchFileException if there is no such file; the message says so
     * @throws IOException if it cannot be read
     */
    public static SafetensorsReader open(Path file) throws IOException {
        Objects.requireNonNull(file, "file");
        FileChannel channel;
        try {
            // Asked first, since merely opening a pipe would wait for somebody to write to it.
            if (!Files.readAttributes(file, BasicFileAttributes.class).isRegularFile()) {
                throw new SafetensorsException(file, "file", "expected a regular file");
            }
            channel = FileChannel.open(file, StandardOpenOption.READ);
        } catch (NoSuchFileException e) {
            throw MissingFile.because(e, file, "there is no such file");
        }
        try {
            long fileSize = channel.size();
            long headerSize = headerSize(file, channel, fileSize);
            long dataPosition = Format.PREFIX_BYTES + headerSize;
            Header header =
                    HeaderParser.parse(
                            file,
                            new HeaderStream(file, channel, headerSize),
                            fileSize - dataPosition);
            return new SafetensorsReader(file, channel, dataPosition, header);
        } catch (Throwable failure) {
            // A failure of closing is suppressed in this one.
            try (channel) {
                throw failure;
            }
        }
    }

    /**
     * Returns the header's map of strings in the file's order, without checksums, unmodifiable;
     * empty if it has none.
     */
    public SequencedMap<String, String> metadata() {
        return header.metadata();
    }

    /** Whether the file has checksums, of its header and of every tensor. */
    public boolean hasChecksums() {
        return header.checksum().isPresent();
    }

    /**
     * The header's checksum as the file has it, eight hexadecimal digits; absent if it has none.
     * Since those of the tensors are in the header, it stands for the whole file.
     */
    public Optional<String> checksum() {
        return header.checksum();
    }

    /**
     * Returns all tensors of a type among {@link DType} by name, in the header's order,
     * unmodifiable.
     */
    public SequencedMap<String, TensorInfo> tensors() {
        return header.tensors();
    }

    /**
     * Returns the types of the file's other tensors by name, in the header's order, unmodifiable:
     * small floats such as {@code F8_E4M3}, complex numbers, and what the format may have one day.
     * They cannot be read.
     */
    public SequencedMap<String, String> unreadable() {
        return header.unreadable();
    }

    /** Returns the tensor of this name, or empty if the file has none that can be read. */
    public Optional<TensorInfo> find(String name) {
        return Optional.ofNullable(header.tensors().get(Objects.requireNonNull(name, "name")));
    }

    /**
     * Returns the tensor of this name.
     *
     * @throws SafetensorsException if the file has none that can be read
     */
    public TensorInfo require(String name) throws SafetensorsException {
        return find(name)
                .orElseThrow(
                        () ->
                                SafetensorsException.forTensor(
                                        file,
                                        name,
                                        header.unreadable().containsKey(name)
                                                ? "expected a dtype among %s, found %s"
                                                        .formatted(
                                                                Arrays.toString(DType.values()),
                                                                header.unreadable().get(name))
                                                : "expected in the file, found none"));
    }

    /**
     * Copies a tensor's little-endian bytes into memory.
     *
     * @param tensor one of {@link #tensors()}
     * @param destination memory of exactly the tensor's size, native or on the heap, of any
     *     alignment. After an exception its content is unspecified
     * @throws IllegalArgumentException if the tensor is not of this file, or if {@code destination}
     *     has another size or is read-only
     * @throws IllegalStateException if this reader is closed
     * @throws SafetensorsException if the bytes do not have the tensor's checksum, if it has one,
     *     or if the file has become shorter since it was opened
     * @throws IOException if reading fails
     */
    public void read(TensorInfo tensor, MemorySegment destination) throws IOException {
        Objects.requireNonNull(tensor, "tensor");
        Objects.requireNonNull(destination, "destination");
        if (destination.byteSize() != tensor.byteSize()) {
            throw new IllegalArgumentException(
                    "destination of tensor %s: expected %d bytes, got %d"
                            .formatted(
                                    Printable.quote(tensor.name()),
                                    tensor.byteSize(),
                                    destination.byteSize()));
        }
        if (destination.isReadOnly()) {
            throw new IllegalArgumentException(
                    "destination of tensor %s: expected writable memory, got a read-only segment"
                            .formatted(Printable.quote(tensor.name())));
        }
        read(
                tensor,
                (chunk, offset) ->
                        MemorySegment.copy(chunk, 0, destination, offset, chunk.byteSize()));
    }

    /**
     * Hands a tensor's little-endian bytes to a sink, in chunks of at most a mebibyte. Whether they
     * have the tensor's checksum is known, and said, once all have been handed over.
     *
     * @param tensor one of {@link #tensors()}
     * @param sink takes the chunks; what it throws ends the reading and is passed on
     * @throws IllegalArgumentException if the tensor is not of this file
     * @throws IllegalStateException if this reader is closed
     * @throws SafetensorsException if the bytes do not have the tensor's checksum, if it has one,
     *     or if the file has become shorter since it was opened
     * @throws IOException if reading fails
     */
    public void read(TensorInfo tensor, TensorSink sink) throws IOException {
        Objects.requireNonNull(sink, "sink");
        requireOwn(tensor);
        long size = tensor.byteSize();
        var checksum = new CRC32C();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment staging = arena.allocate(Math.min(size, Format.CHUNK_BYTES));
            for (long offset = 0; offset < size; offset += staging.byteSize()) {
                MemorySegment chunk =
                        staging.asSlice(0, Math.min(size - offset, staging.byteSize()));
                fill(chunk, tensor, offset);
                if (hasChecksums()) {
                    checksum.update(chunk.asByteBuffer());
                }
                sink.write(chunk.asReadOnly(), offset);
            }
        }
        check(tensor, (int) checksum.getValue());
    }

    /**
     * Copies some of a tensor's little-endian bytes into memory, whatever its checksum.
     *
     * @param tensor one of {@link #tensors()}
     * @param offset the first byte of the tensor to copy
     * @param destination native memory for as many bytes as are copied. After an exception its
     *     content is unspecified
     * @throws IndexOutOfBoundsException if the tensor does not have that many bytes from there
     * @throws IllegalArgumentException if the tensor is not of this file
     * @throws IllegalStateException if this reader is closed
     * @throws SafetensorsException if the file has become shorter since it was opened
     * @throws IOException if reading fails
     */
    public void read(TensorInfo tensor, long offset, MemorySegment destination) throws IOException {
        Objects.requireNonNull(destination, "destination");
        requireOwn(tensor);
        Objects.checkFromIndexSize(offset, destination.byteSize(), tensor.byteSize());
        for (long done = 0; done < destination.byteSize(); done += Format.CHUNK_BYTES) {
            long size = Math.min(destination.byteSize() - done, Format.CHUNK_BYTES);
            fill(destination.asSlice(done, size), tensor, offset + done);
        }
    }

    private void requireOwn(TensorInfo tensor) {
        Objects.requireNonNull(tensor, "tensor");
        if (!tensor.equals(header.tensors().get(tensor.name()))) {
            throw new IllegalArgumentException(
                    "tensor: expected one of %s, got %s %s %s at [%d, %d]"
                            .formatted(
                                    file,
                                    Printable.quote(tensor.name()),
                                    tensor.dtype(),
                                    Printable.shape(tensor.shape()),
                                    tensor.begin(),
                                    tensor.end()));
        }
        if (closed) {
            throw new IllegalStateException("the reader of " + file + " is closed");
        }
    }

    private void check(TensorInfo tensor, int found) throws SafetensorsException {
        Integer expected = header.checksums().get(tensor.name());
        if (expected != null && expected != found) {
            throw SafetensorsException.forTensor(
                    file,
                    tensor.name(),
                    "expected bytes with the checksum %s, found %s: they were damaged or edited"
                            .formatted(Checksums.format(expected), Checksums.format(found)));
        }
    }

    /**
     * Reads a tensor of type {@link DType#F32}, of any shape, into a new array in row-major order.
     *
     * @param name the tensor's name
     * @throws SafetensorsException if the file has no tensor of this name, or one of another type
     *     or with more elements than an array can hold, or one that does not have its checksum
     * @throws IllegalStateException if this reader is closed
     * @throws IOException if reading fails
     */
    public float[] floats(String name) throws IOException {
        TensorInfo tensor = require(name);
        if (tensor.dtype() != DType.F32) {
            throw SafetensorsException.forTensor(
                    file, name, "expected dtype F32, found " + tensor.dtype());
        }
        if (tensor.elementCount() > Integer.MAX_VALUE - 8) {
            throw SafetensorsException.forTensor(
                    file,
                    name,
                    "expected at most %d elements, which fit into an array, found %d"
                            .formatted(Integer.MAX_VALUE - 8, tensor.elementCount()));
        }
        float[] result = new float[(int) tensor.elementCount()];
        read(
                tensor,
                (chunk, offset) ->
                        MemorySegment.copy(
                                chunk,
                                FLOAT,
                                0,
                                result,
                                (int) (offset / Float.BYTES),
                                (int) (chunk.byteSize() / Float.BYTES)));
        return result;
    }

    /** Closes the file. Metadata and descriptions stay usable; a second call does nothing. */
    @Override
    public void close() throws IOException {
        closed = true;
        channel.close();
    }

    @Override
    public String toString() {
        return "SafetensorsReader[" + file + ", " + header.tensors().size() + " tensors]";
    }

    private static long headerSize(Path file, FileChannel channel, long fileSize)
            throws IOException {
        ByteBuffer prefix = ByteBuffer.allocate(Format.PREFIX_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        while (prefix.hasRemaining() && channel.read(prefix, prefix.position()) >= 0) {}
        if (prefix.hasRemaining()) {
            throw new SafetensorsException(
                    file,
                    "length prefix",
                    "expected %d bytes, found %d".formatted(prefix.capacity(), prefix.position()));
        }
        long headerSize = prefix.getLong(0);
        // Compared as unsigned, which is what the format says it is.
        if (Long.compareUnsigned(headerSize, MAX_HEADER_BYTES) > 0) {
            throw new SafetensorsException(
                    file,
                    "length prefix",
                    "expected a header of at most %d bytes, found a length of %s"
                            .formatted(MAX_HEADER_BYTES, Long.toUnsignedString(headerSize)));
        }
        if (headerSize > fileSize - Format.PREFIX_BYTES) {
            throw new SafetensorsException(
                    file,
                    "length prefix",
                    "expected a header of at most %d bytes, which follow in the file, found a length of %d"
                            .formatted(fileSize - Format.PREFIX_BYTES, headerSize));
        }
        return headerSize;
    }

    private void fill(MemorySegment chunk, TensorInfo tensor, long offset) throws IOException {
        long start = dataPosition + tensor.begin() + offset;
        ByteBuffer buffer = chunk.asByteBuffer();
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, start + buffer.position()) < 0) {
                throw SafetensorsException.forTensor(
                        file,
                        tensor.name(),
                        "expected %d bytes, but the file has shrunk and ends after %d"
                                .formatted(tensor.byteSize(), offset + buffer.position()));
            }
        }
    }
}

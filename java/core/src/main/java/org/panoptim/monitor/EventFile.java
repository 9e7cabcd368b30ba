package org.panoptim.monitor;

import org.panoptim.io.AppendedFile;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * Writes observations as scalars into a file that TensorBoard reads.
 *
 * <p>Source: TensorFlow's {@code record_writer.cc} for the frame of a record, {@code event.proto}
 * and {@code summary.proto} for what is in it.
 */
final class EventFile implements Monitor {

    /** What the first event of a file says that the others are. */
    private static final String VERSION = "brain.Event:2";

    private final AppendedFile file;
    private final InstantSource clock;

    private EventFile(AppendedFile file, InstantSource clock) {
        this.file = file;
        this.clock = clock;
    }

    /**
     * Makes a file.
     *
     * @param clock tells when an event is
     * @param host the name of this machine
     */
    static EventFile create(Path folder, InstantSource clock, String host) throws IOException {
        createFolder(folder);
        var name =
                "events.out.tfevents.%010d.%s"
                        .formatted(
                                clock.instant().getEpochSecond(),
                                host.replaceAll("[^A-Za-z0-9._-]", "_"));
        Optional<AppendedFile> created = AppendedFile.create(folder.resolve(name));
        for (int taken = 1; created.isEmpty(); taken++) {
            created = AppendedFile.create(folder.resolve(name + "." + taken));
        }
        var events = new EventFile(created.get(), clock);
        boolean begun = false;
        try {
            events.append(events.event().text(Event.FILE_VERSION, VERSION));
            begun = true;
        } finally {
            if (!begun) {
                events.close();
            }
        }
        return events;
    }

    private static void createFolder(Path folder) throws IOException {
        try {
            Files.createDirectories(folder);
        } catch (FileAlreadyExistsException e) {
            var failure =
                    new FileSystemException(e.getFile(), null, "expected a folder, got a file");
            failure.initCause(e);
            throw failure;
        }
    }

    /** This machine's name, or {@code localhost} where it has none. */
    static String localHost() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException _) {
            return "localhost";
        }
    }

    /** The numbers of the fields that are written, in {@code event.proto}. */
    private static final class Event {
        private static final int WALL_TIME = 1;
        private static final int STEP = 2;
        private static final int FILE_VERSION = 3;
        private static final int SUMMARY = 5;
    }

    /** The same in {@code summary.proto}, of {@code Summary} and {@code Summary.Value}. */
    private static final class Summary {
        private static final int VALUE = 1;
        private static final int TAG = 1;
        private static final int SIMPLE_VALUE = 2;
    }

    @Override
    public void write(Observation observation) throws IOException {
        var summary = new ProtobufMessage();
        observation
                .values()
                .forEach(
                        (name, value) ->
                                value.ifPresent(
                                        number ->
                                                summary.message(
                                                        Summary.VALUE, scalar(name, number))));
        append(event().int64(Event.STEP, observation.step()).message(Event.SUMMARY, summary));
    }

    private static ProtobufMessage scalar(String name, double value) {
        return new ProtobufMessage()
                .text(Summary.TAG, name)
                .float32(Summary.SIMPLE_VALUE, (float) value);
    }

    private ProtobufMessage event() {
        var now = clock.instant();
        return new ProtobufMessage()
                .float64(Event.WALL_TIME, now.getEpochSecond() + now.getNano() / 1e9);
    }

    /** Adds a record: length, its checksum, the bytes, and theirs. */
    private void append(ProtobufMessage message) throws IOException {
        var bytes = message.toBytes();
        var length = littleEndian(Long.BYTES).putLong(bytes.length).array();
        file.append(
                littleEndian(Long.BYTES + Integer.BYTES + bytes.length + Integer.BYTES)
                        .put(length)
                        .putInt(maskedChecksum(length))
                        .put(bytes)
                        .putInt(maskedChecksum(bytes))
                        .array());
    }

    private static ByteBuffer littleEndian(int capacity) {
        return ByteBuffer.allocate(capacity).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** CRC-32C, rotated and displaced: data may hold checksums, over which CRC itself is weak. */
    private static int maskedChecksum(byte[] bytes) {
        var checksum = new CRC32C();
        checksum.update(bytes);
        return Integer.rotateRight((int) checksum.getValue(), 15) + 0xa282ead8;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}

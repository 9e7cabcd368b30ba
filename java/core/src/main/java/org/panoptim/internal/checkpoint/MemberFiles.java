package org.panoptim.internal.checkpoint;

import org.panoptim.checkpoint.CheckpointException;
import org.panoptim.internal.MissingFile;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.safetensors.TensorInfo;
import org.panoptim.spi.Cleanup;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * A checkpoint in a folder: an index, which has what all members of a team have alike, and of each
 * member a file with its part of the other states. A state's bytes are those of the members, one
 * after another.
 */
final class MemberFiles implements CheckpointSource {

    private static final String FORMAT = "panoptim-optimizer-member-1";

    private final Path folder;
    private final CheckpointIndex index;
    private final String identity;
    private final Cleanup readers = new Cleanup();
    private final Map<String, List<Piece>> pieces = new LinkedHashMap<>();

    /** What one file has of a tensor. */
    private record Piece(SafetensorsReader reader, TensorInfo tensor) {}

    /** Copies bytes of a piece. */
    @FunctionalInterface
    private interface Copy {
        void run(Piece piece, long offset, MemorySegment destination) throws IOException;
    }

    private MemberFiles(Path folder, SafetensorsReader reader) throws CheckpointException {
        this.folder = folder;
        readers.keep(reader);
        index = CheckpointIndex.parse(indexFile(folder), reader.metadata());
        identity = reader.checksum().orElseThrow(() -> refuse("the index must have checksums"));
        index.tensors().keySet().forEach(name -> pieces.put(name, new ArrayList<>()));
    }

    /**
     * Opens the files of a folder, and checks all of them but the elements of tensors.
     *
     * @throws CheckpointException if there is no complete checkpoint, with the reason
     */
    static MemberFiles open(Path folder) throws IOException {
        var reader = openIndex(folder);
        MemberFiles files;
        try {
            files = new MemberFiles(folder, reader);
        } catch (Throwable e) {
            try (reader) {
                throw e;
            }
        }
        try {
            files.add("the index", reader);
            for (int rank = 0; rank < files.index.generation().members(); rank++) {
                files.openMember(rank);
            }
            files.checkSizes();
        } catch (Throwable e) {
            files.readers.runAfter(e);
            throw e;
        }
        return files;
    }

    private static Path indexFile(Path folder) {
        return folder.resolve(CheckpointIndex.FILE);
    }

    private static SafetensorsReader openIndex(Path folder) throws IOException {
        try {
            return SafetensorsReader.open(indexFile(folder));
        } catch (NoSuchFileException e) {
            if (!Files.exists(folder)) {
                throw MissingFile.because(e, folder, "there is no such folder");
            }
            throw because(
                    e,
                    new CheckpointException(
                            folder,
                            "there is no %s, so no team has completed a checkpoint here"
                                    .formatted(CheckpointIndex.FILE)));
        }
    }

    private static CheckpointException because(IOException cause, CheckpointException e) {
        e.initCause(cause);
        return e;
    }

    private CheckpointException refuse(String problem) {
        return new CheckpointException(folder, problem);
    }

    private void openMember(int rank) throws IOException {
        var name = index.generation().file(rank);
        var what = "file %s of member %d".formatted(name, rank);
        var path = folder.resolve(name);
        SafetensorsReader reader;
        try {
            reader = readers.keep(SafetensorsReader.open(path));
        } catch (NoSuchFileException e) {
            throw because(e, refuse(what + " is absent"));
        }
        var found = CheckpointIndex.MemberFile.of(path, reader);
        var expected = index.files().get(rank);
        if (!found.equals(expected)) {
            throw refuse(
                    "%s must have %d bytes and the checksum %s, but has %d and %s: it was damaged, edited or exchanged"
                            .formatted(
                                    what,
                                    expected.size(),
                                    expected.checksum(),
                                    found.size(),
                                    found.checksum()));
        }
        if (!reader.metadata().equals(metadata(index.generation(), rank))) {
            throw refuse("%s says that it is another: %s".formatted(what, reader.metadata()));
        }
        add(what, reader);
    }

    private void add(String what, SafetensorsReader reader) throws CheckpointException {
        for (var name : reader.unreadable().keySet()) {
            throw refuse("%s has a tensor '%s' of another type".formatted(what, name));
        }
        for (var tensor : reader.tensors().values()) {
            var whole = index.tensors().get(tensor.name());
            if (whole == null || whole.dtype() != tensor.dtype()) {
                throw refuse(
                        "%s has a tensor '%s' of type %s, of which the index says nothing"
                                .formatted(what, tensor.name(), tensor.dtype()));
            }
            pieces.get(tensor.name()).add(new Piece(reader, tensor));
        }
    }

    private void checkSizes() throws CheckpointException {
        for (var entry : index.tensors().entrySet()) {
            var tensor = entry.getValue();
            long bytes = 0;
            for (var piece : pieces.get(entry.getKey())) {
                bytes += piece.tensor.byteSize();
            }
            if (bytes != TensorInfo.byteSize(tensor.dtype(), tensor.shape())) {
                throw refuse(
                        "tensor '%s' must be %s%s, but the members' files have %d bytes of it"
                                .formatted(entry.getKey(), tensor.dtype(), tensor.shape(), bytes));
            }
        }
    }

    /** The metadata of a member's file. */
    static Map<String, String> metadata(Generation generation, int rank) {
        var metadata = new LinkedHashMap<String, String>();
        metadata.put(CheckpointHeader.FORMAT_KEY, FORMAT);
        metadata.put("generation", generation.id());
        metadata.put("member", String.valueOf(rank));
        metadata.put("members", String.valueOf(generation.members()));
        return metadata;
    }

    @Override
    public Path path() {
        return folder;
    }

    @Override
    public Map<String, String> metadata() {
        return index.header();
    }

    @Override
    public boolean hasChecksums() {
        return true;
    }

    @Override
    public String identity() {
        return identity;
    }

    @Override
    public SequencedMap<String, SavedTensor> tensors() {
        return index.tensors();
    }

    @Override
    public Map<String, String> unreadable() {
        return Map.of();
    }

    /** Reads all elements, and checks them. */
    void checkElements() throws IOException {
        for (var ofTensor : pieces.values()) {
            for (var piece : ofTensor) {
                piece.reader.read(piece.tensor, (_, _) -> {});
            }
        }
    }

    @Override
    public void read(String tensor, long offset, MemorySegment destination) throws IOException {
        read(
                tensor,
                offset,
                destination,
                (piece, at, to) -> WholeFile.read(piece.reader, piece.tensor, at, to));
    }

    /** Copies bytes of a tensor that were checked before. */
    void readChecked(String tensor, long offset, MemorySegment destination) throws IOException {
        read(
                tensor,
                offset,
                destination,
                (piece, at, to) -> piece.reader.read(piece.tensor, at, to));
    }

    private void read(String tensor, long offset, MemorySegment destination, Copy copy)
            throws IOException {
        long end = offset + destination.byteSize();
        long begin = 0;
        for (var piece : pieces.get(tensor)) {
            long size = piece.tensor.byteSize();
            long from = Math.max(offset, begin);
            long to = Math.min(end, begin + size);
            if (from < to) {
                copy.run(piece, from - begin, destination.asSlice(from - offset, to - from));
            }
            begin += size;
        }
    }

    @Override
    public void close() {
        readers.run();
    }
}

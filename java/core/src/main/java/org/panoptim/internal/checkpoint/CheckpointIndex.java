package org.panoptim.internal.checkpoint;

import org.panoptim.checkpoint.CheckpointException;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.safetensors.TensorInfo;
import org.panoptim.tensor.DType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.Collectors;

/**
 * What the index of a team's checkpoint says in its metadata: which files there are, and what they
 * make together. It is written last, and makes the checkpoint complete.
 *
 * @param header the metadata of the one file that has it all
 * @param files what is known of each member's file, in the order of the members
 * @param tensors the whole tensors, in the order of that file
 */
record CheckpointIndex(
        Generation generation,
        SequencedMap<String, String> header,
        List<MemberFile> files,
        SequencedMap<String, SavedTensor> tensors) {

    /** What the index is called in its folder. */
    static final String FILE = "index.safetensors";

    private static final String FORMAT = "panoptim-optimizer-index-1";
    private static final String GENERATION = "generation";
    private static final String MEMBERS = "members";
    private static final String MEMBER = "member/";
    private static final String TENSOR = "tensor/";

    CheckpointIndex {
        header = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(header));
        files = List.copyOf(files);
        tensors = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(tensors));
    }

    /**
     * A member's file.
     *
     * @param size in bytes
     * @param checksum that of its header, which has those of its tensors
     */
    record MemberFile(long size, String checksum) {

        /** That of a file that is there. */
        static MemberFile of(Path path) throws IOException {
            try (var reader = SafetensorsReader.open(path)) {
                return of(path, reader);
            }
        }

        static MemberFile of(Path path, SafetensorsReader reader) throws IOException {
            return new MemberFile(Files.size(path), reader.checksum().orElse("none"));
        }

        static MemberFile parse(String text) {
            int space = text.indexOf(' ');
            if (space < 0) {
                throw new IllegalArgumentException("expected a size and a checksum");
            }
            return new MemberFile(
                    Long.parseLong(text.substring(0, space)), text.substring(space + 1));
        }

        @Override
        public String toString() {
            return size + " " + checksum;
        }
    }

    Map<String, String> toMetadata() {
        var metadata = new LinkedHashMap<>(header);
        metadata.put(CheckpointHeader.FORMAT_KEY, FORMAT);
        metadata.put(GENERATION, generation.id());
        metadata.put(MEMBERS, String.valueOf(generation.members()));
        for (int rank = 0; rank < files.size(); rank++) {
            metadata.put(MEMBER + rank, files.get(rank).toString());
        }
        tensors.forEach((name, tensor) -> metadata.put(TENSOR + name, text(tensor)));
        return metadata;
    }

    private static String text(SavedTensor tensor) {
        return tensor.shape().stream()
                .map(dimension -> " " + dimension)
                .collect(Collectors.joining("", tensor.dtype().name(), ""));
    }

    private static SavedTensor parseTensor(String text) {
        var words = text.split(" ", -1);
        var dtype =
                DType.of(words[0])
                        .orElseThrow(
                                () ->
                                        new IllegalArgumentException(
                                                "expected a type, got '" + words[0] + "'"));
        var shape = new ArrayList<Long>();
        for (int i = 1; i < words.length; i++) {
            shape.add(Long.valueOf(words[i]));
        }
        // Refuses dimensions that no tensor can have.
        TensorInfo.byteSize(dtype, shape);
        return new SavedTensor(dtype, shape);
    }

    /**
     * Reads an index.
     *
     * @param path that messages name
     */
    static CheckpointIndex parse(Path path, SequencedMap<String, String> metadata)
            throws CheckpointException {
        var header = new LinkedHashMap<>(metadata);
        CheckpointHeader.requireFormat(path, metadata, FORMAT);
        header.replace(CheckpointHeader.FORMAT_KEY, CheckpointHeader.FORMAT);
        var id = CheckpointHeader.parse(path, metadata, GENERATION, text -> text);
        var generation =
                CheckpointHeader.parse(
                        path,
                        metadata,
                        MEMBERS,
                        text -> new Generation(id, Integer.parseInt(text)));
        header.keySet().removeAll(List.of(GENERATION, MEMBERS));
        var files = new ArrayList<MemberFile>();
        for (int rank = 0; rank < generation.members(); rank++) {
            files.add(CheckpointHeader.parse(path, metadata, MEMBER + rank, MemberFile::parse));
            header.remove(MEMBER + rank);
        }
        var tensors = new LinkedHashMap<String, SavedTensor>();
        for (var key : metadata.keySet()) {
            if (key.startsWith(TENSOR)) {
                var tensor =
                        CheckpointHeader.parse(path, metadata, key, CheckpointIndex::parseTensor);
                tensors.put(key.substring(TENSOR.length()), tensor);
                header.remove(key);
            }
        }
        return new CheckpointIndex(generation, header, files, tensors);
    }

    /**
     * Which saving a folder's index names; none if there is no index.
     *
     * @throws IOException if there is one that cannot be read
     */
    static Optional<Generation> current(Path folder) throws IOException {
        var file = folder.resolve(FILE);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try (var reader = SafetensorsReader.open(file)) {
            return Optional.of(parse(file, reader.metadata()).generation());
        }
    }
}

package org.panoptim.internal.checkpoint;

import org.panoptim.internal.checkpoint.CheckpointIndex.MemberFile;
import org.panoptim.internal.shard.Intent;
import org.panoptim.io.OutputFolder;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.safetensors.SafetensorsWriter;
import org.panoptim.safetensors.TensorInfo;
import org.panoptim.shard.Team;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Writes a team's states to a folder. Each member writes a file with the elements that it has; when
 * all are complete, the first member writes the index, which names them, has what all have alike,
 * and what each has said of a transform. Up to then the folder has the checkpoint that it had, and
 * from then on the new one.
 */
final class TeamSaving {

    private final Path folder;
    private final Team team;
    private final Consensus consensus;

    TeamSaving(Path folder, Team team) {
        this.folder = folder;
        this.team = team;
        consensus = new Consensus(Optional.of(team), Intent.SAVE, "save to " + folder);
    }

    /**
     * What a member has to save.
     *
     * @param header the metadata of the one file that would have it all, but for what other members
     *     say of a transform
     * @param parts the states by their names in that file
     */
    record Content(SequencedMap<String, String> header, SequencedMap<String, StatePart> parts) {

        /** What this member says of a transform, in one line. */
        String ofTransform() {
            var texts = new LinkedHashMap<>(header);
            texts.keySet().removeIf(key -> !CheckpointHeader.isOfTransform(key));
            return CheckpointJson.ofTexts(texts);
        }

        /** The same with what all members say of it. */
        Content withTransform(SortedMap<String, String> ofAll) {
            var whole = new LinkedHashMap<>(header);
            whole.keySet().removeIf(CheckpointHeader::isOfTransform);
            whole.putAll(ofAll);
            return new Content(whole, parts);
        }

        /** A line for each thing that all members have alike: its name, and a hash. */
        String digests() {
            var text = new StringBuilder();
            header.forEach(
                    (key, value) -> {
                        if (!CheckpointHeader.isOfTransform(key)) {
                            text.append('\n')
                                    .append(key)
                                    .append(' ')
                                    .append(hash(value.getBytes(StandardCharsets.UTF_8)));
                        }
                    });
            for (var part : parts.values()) {
                if (part.isCommon()) {
                    var bytes = new byte[Math.toIntExact(part.wholeSize())];
                    part.tensor().read(0, MemorySegment.ofArray(bytes));
                    text.append('\n').append(part.name()).append(' ').append(hash(bytes));
                }
            }
            return text.toString();
        }
    }

    /**
     * Writes the checkpoint.
     *
     * @param content finds what there is to save here
     * @throws IllegalStateException if members have what all should have alike not alike
     * @throws IOException if a member failed; the checkpoint is then as it was, unless the message
     *     says that the new one is in place
     */
    void save(Consensus.Work<Content> content) throws IOException {
        var begun =
                consensus.reach(
                        () -> {
                            var found = content.run();
                            if (team.rank() == 0) {
                                prepareFolder();
                            }
                            return found;
                        },
                        found ->
                                Generation.newId(step(found))
                                        + '\n'
                                        + found.ofTransform()
                                        + found.digests());
        requireSame(begun.told());
        var whole = begun.own().withTransform(ofTransform(begun.told()));
        var id = begun.told().getFirst().lines().findFirst().orElseThrow();
        var generation = new Generation(id, team.size());
        var files = writeOwn(generation, begun.own());
        consensus.reach(
                () -> {
                    if (team.rank() == 0) {
                        complete(generation, whole, files);
                    }
                });
    }

    private static long step(Content content) {
        return Long.parseLong(content.header.get(CheckpointHeader.STEP));
    }

    /** Lets nothing lie around that killed or failed savings have left. */
    private void prepareFolder() throws IOException {
        OutputFolder.create(folder);
        OutputFolder.deleteAbandoned(folder);
        Optional<Generation> current;
        try {
            current = CheckpointIndex.current(folder);
        } catch (IOException _) {
            // Somebody may still mend the index, so its files stay until there is a new one.
            return;
        }
        Generation.deleteOthers(folder, current);
    }

    private static void requireSame(List<String> told) {
        var first = told.getFirst().lines().skip(2).toList();
        for (int member = 1; member < told.size(); member++) {
            var lines = told.get(member).lines().skip(2).toList();
            for (int i = 0; i < Math.max(lines.size(), first.size()); i++) {
                if (i >= lines.size() || i >= first.size() || !lines.get(i).equals(first.get(i))) {
                    var line = i < first.size() ? first.get(i) : lines.get(i);
                    throw new IllegalStateException(
                            "member %d cannot save with member 0, since it has another '%s'"
                                    .formatted(member, line.substring(0, line.lastIndexOf(' '))));
                }
            }
        }
    }

    /** What all members together say of a transform, in the order of a file's metadata. */
    private static SortedMap<String, String> ofTransform(List<String> told) throws IOException {
        var ofAll = new TreeMap<String, String>();
        for (int member = 0; member < told.size(); member++) {
            var line = told.get(member).lines().skip(1).findFirst().orElseThrow();
            for (var said : CheckpointJson.texts(line).entrySet()) {
                var before = ofAll.putIfAbsent(said.getKey(), said.getValue());
                if (before != null && !before.equals(said.getValue())) {
                    throw new IllegalStateException(
                            "member %d cannot save with those before it, since it has another '%s'"
                                    .formatted(member, said.getKey()));
                }
            }
        }
        return ofAll;
    }

    /** Writes this member's file; returns what is known of all. */
    private List<MemberFile> writeOwn(Generation generation, Content content) throws IOException {
        var file = folder.resolve(generation.file(team.rank()));
        try {
            return consensus
                    .reach(
                            () -> {
                                write(file, generation, content);
                                return MemberFile.of(file);
                            },
                            MemberFile::toString)
                    .told()
                    .stream()
                    .map(MemberFile::parse)
                    .toList();
        } catch (IOException e) {
            // All know that it failed, so that no index will name this file.
            Generation.deleteQuietly(file);
            throw e;
        }
    }

    private void write(Path file, Generation generation, Content content) throws IOException {
        var writer =
                new SafetensorsWriter()
                        .checksums()
                        .metadata(MemberFiles.metadata(generation, team.rank()));
        for (var part : content.parts.values()) {
            if (!part.isCommon() && !part.isEmpty()) {
                add(part, writer);
            }
        }
        writer.write(file);
    }

    private static void add(StatePart part, SafetensorsWriter writer) {
        var state = part.tensor();
        writer.tensor(
                part.name(),
                state.dtype(),
                state.shape().dimensions(),
                (chunk, offset) -> state.read(offset, chunk));
    }

    private void complete(Generation generation, Content content, List<MemberFile> files)
            throws IOException {
        var sizes = new HashMap<String, Long>();
        for (int member = 0; member < files.size(); member++) {
            var seen = requireSeen(generation.file(member), member, files.get(member));
            seen.forEach((name, size) -> sizes.merge(name, size, Long::sum));
        }
        requireWhole(content, sizes);
        var tensors = new LinkedHashMap<String, SavedTensor>();
        content.parts.forEach((name, part) -> tensors.put(name, part.saved()));
        var index = new CheckpointIndex(generation, content.header, files, tensors);
        var writer = new SafetensorsWriter().checksums().metadata(index.toMetadata());
        for (var part : content.parts.values()) {
            if (part.isCommon()) {
                add(part, writer);
            }
        }
        writer.write(folder.resolve(CheckpointIndex.FILE));
        Generation.deleteOthers(folder, Optional.of(generation));
    }

    /**
     * Finds a member's file: a folder of the same name on another machine's disk would not do.
     *
     * @return the sizes of what is in it, in bytes
     */
    private Map<String, Long> requireSeen(String name, int member, MemberFile expected)
            throws IOException {
        var file = folder.resolve(name);
        try (var reader = SafetensorsReader.open(file)) {
            if (MemberFile.of(file, reader).equals(expected)) {
                return reader.tensors().values().stream()
                        .collect(Collectors.toMap(TensorInfo::name, TensorInfo::byteSize));
            }
        } catch (NoSuchFileException _) {
            // As one of another size.
        }
        throw new IOException(
                "member 0 does not see file %s of member %d; all members must save to one folder"
                        .formatted(name, member));
    }

    /** Nobody could load a checkpoint without a part of a state, or with one twice. */
    private static void requireWhole(Content content, Map<String, Long> sizes) {
        for (var part : content.parts.values()) {
            long size = sizes.getOrDefault(part.name(), 0L);
            if (!part.isCommon() && size != part.wholeSize()) {
                throw new IllegalStateException(
                        "members have %d bytes of '%s' together, which has %d"
                                .formatted(size, part.name(), part.wholeSize()));
            }
        }
    }

    private static String hash(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}

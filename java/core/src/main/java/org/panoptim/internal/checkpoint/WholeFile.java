package org.panoptim.internal.checkpoint;

import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.safetensors.TensorInfo;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;

/** A checkpoint in one file. */
record WholeFile(Path path, SafetensorsReader reader) implements CheckpointSource {

    static WholeFile open(Path path) throws IOException {
        return new WholeFile(path, SafetensorsReader.open(path));
    }

    @Override
    public Map<String, String> metadata() {
        return reader.metadata();
    }

    @Override
    public boolean hasChecksums() {
        return reader.hasChecksums();
    }

    @Override
    public String identity() {
        // Without a checksum, what tells one step from another has to do.
        return reader.checksum().orElseGet(() -> "" + reader.metadata().hashCode());
    }

    @Override
    public SequencedMap<String, SavedTensor> tensors() {
        var tensors = new LinkedHashMap<String, SavedTensor>();
        reader.tensors()
                .forEach(
                        (name, tensor) ->
                                tensors.put(name, new SavedTensor(tensor.dtype(), tensor.shape())));
        return tensors;
    }

    @Override
    public Map<String, String> unreadable() {
        return reader.unreadable();
    }

    @Override
    public void read(String tensor, long offset, MemorySegment destination) throws IOException {
        read(reader, reader.require(tensor), offset, destination);
    }

    /** Copies bytes of a file's tensor, of which the whole is read and has its checksum. */
    static void read(
            SafetensorsReader reader, TensorInfo tensor, long offset, MemorySegment destination)
            throws IOException {
        long end = offset + destination.byteSize();
        reader.read(
                tensor,
                (chunk, at) -> {
                    long from = Math.max(at, offset);
                    long to = Math.min(at + chunk.byteSize(), end);
                    if (from < to) {
                        MemorySegment.copy(chunk, from - at, destination, from - offset, to - from);
                    }
                });
    }

    @Override
    public void close() throws IOException {
        reader.close();
    }
}

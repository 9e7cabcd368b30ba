package org.panoptim.safetensors;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Takes the bytes of a tensor piece by piece, so that it need not lie in memory as a whole. */
@FunctionalInterface
public interface TensorSink {
    /**
     * Takes a chunk of the tensor's bytes. Called with rising offsets, without gaps, until the
     * tensor is complete; never for an empty tensor. Chunks hold whole elements.
     *
     * @param chunk native memory that holds little-endian elements; read-only, and valid during
     *     this call only
     * @param offset where the chunk begins in the tensor, in bytes
     * @throws IOException if the bytes cannot be taken; whoever handed them over sees it unchanged
     */
    void write(MemorySegment chunk, long offset) throws IOException;
}

package org.panoptim.safetensors;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Gives the bytes of a tensor piece by piece, so that it need not lie in memory as a whole. */
@FunctionalInterface
public interface TensorSource {
    /**
     * Fills a chunk with bytes of the tensor. Called with rising offsets, without gaps, until the
     * tensor is complete; never for an empty tensor. Chunks hold whole elements.
     *
     * @param chunk native memory to fill entirely with little-endian elements; valid during this
     *     call only, and with arbitrary content before it
     * @param offset where the chunk begins in the tensor, in bytes
     * @throws IOException if the bytes cannot be had; whoever asked for them sees it unchanged
     */
    void read(MemorySegment chunk, long offset) throws IOException;
}

package org.panoptim.safetensors;

/** What reader and writer agree on. */
final class Format {
    /** The length of the prefix that holds the header's length. */
    static final int PREFIX_BYTES = 8;

    /** The longest header that the format allows. */
    static final int MAX_HEADER_BYTES = 100_000_000;

    /** The header's length is made a multiple of this. */
    static final int HEADER_ALIGNMENT = 8;

    /** The key of the map of strings, which no tensor can have as its name. */
    static final String METADATA = "__metadata__";

    static final String DTYPE = "dtype";
    static final String SHAPE = "shape";
    static final String DATA_OFFSETS = "data_offsets";

    /**
     * The size of the buffer through which tensors pass. It stays in the processor's cache, so that
     * the extra copy costs little, and is a multiple of every element's size.
     */
    static final int CHUNK_BYTES = 1 << 20;

    private Format() {}
}

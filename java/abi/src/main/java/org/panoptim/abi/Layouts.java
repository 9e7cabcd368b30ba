package org.panoptim.abi;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;

/**
 * Sizes and offsets of the structures with arrays in them. jextract's classes know them too, but
 * link a handle for each array when they are initialised, which is a tenth of the time that a fresh
 * process takes to its first step. A test holds these numbers against those.
 */
public final class Layouts {

    /** The size of a {@code panoptim_tensor}. */
    public static final long TENSOR_BYTES = 144;

    static final long TENSOR_VALUE = 0;
    static final long TENSOR_ELEMENTS = 8;
    static final long TENSOR_GROUP = 16;
    static final long TENSOR_RULE = 20;
    static final long TENSOR_FIRST_CHUNK = 24;
    static final long TENSOR_CHUNKS = 28;
    static final long TENSOR_STATES = 32;
    static final long TENSOR_ARRAYS = 40;
    static final long TENSOR_SLOTS = 48;
    static final long TENSOR_ROWS = 112;
    static final long TENSOR_COLUMNS = 120;
    static final long TENSOR_LINE_SUMS = 136;

    /** The size of a {@code panoptim_array}. */
    static final long ARRAY_BYTES = 24;

    static final long ARRAY_DATA = 0;
    static final long ARRAY_TYPE = 16;

    /** The size of a {@code panoptim_arrays}. */
    static final long ARRAYS_BYTES = 288;

    static final long ARRAYS_VALUE = 0;
    static final long ARRAYS_GRADIENT = 24;
    static final long ARRAYS_COPY = 48;
    static final long ARRAYS_AVERAGE = 72;
    static final long ARRAYS_SLOTS = 96;

    /** The size of a {@code panoptim_prepared}. */
    public static final long PREPARED_BYTES = 128;

    /** The size of a {@code panoptim_image}. */
    public static final long IMAGE_BYTES = 4104;

    /** The offset of its {@code int abi}. */
    public static final long IMAGE_ABI = 0;

    /** The offset of its {@code int rule_count}. */
    public static final long IMAGE_RULE_COUNT = 4;

    /** The offset of its first rule, a {@code panoptim_rule}. */
    public static final long IMAGE_RULES = 8;

    /** The size of a {@code panoptim_rule}. */
    public static final long RULE_BYTES = 512;

    static final long RULE_PHASES = 0;
    static final long RULE_CURVATURE = 8;
    static final long RULE_INDEX = 12;
    static final long RULE_PASS_PHASES = 16;
    static final long RULE_NAME = 20;
    static final long RULE_SIGNATURE = 60;

    /** The strictest alignment of a structure here. */
    public static final long ALIGNMENT = 8;

    private Layouts() {}

    /**
     * Sets a pointer of a structure; as a number, since the handle for segments takes long to link.
     */
    public static void pointer(MemorySegment struct, long offset, long address) {
        struct.set(JAVA_LONG, offset, address);
    }
}

package org.panoptim.safetensors;

/**
 * Bounds the memory that a header's strings take: a string of four letters takes more than ten
 * times as much on the heap as in the file. What the writer accepts the reader accepts too, since
 * both count alike.
 */
final class StringBudget {

    /** Enough for a hundred thousand short strings, so that no small header is ever refused. */
    private static final long LEAST = 16 << 20;

    /** A string and its array, without the characters; an entry of a linked hash map. */
    private static final int STRING = 48;

    private static final int ENTRY = 56;

    private final long limit;
    private long left;

    /**
     * @param headerBytes how long the whole header is
     */
    StringBudget(long headerBytes) {
        limit = LEAST + 2 * headerBytes;
        left = limit;
    }

    /** Counts a string and its key; false if that is too much. */
    boolean add(String key, String value) {
        left -= ENTRY + size(key) + size(value);
        return left >= 0;
    }

    long limit() {
        return limit;
    }

    private static long size(String text) {
        return STRING + (long) text.length() * (isLatin1(text) ? 1 : 2);
    }

    /** Whether a character takes one byte on the heap, and not two. */
    private static boolean isLatin1(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) > 0xff) {
                return false;
            }
        }
        return true;
    }
}

package org.panoptim.internal.shard;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * What travels as one piece: a large stretch by itself, or small ones that follow each other.
 * Sender and receiver come to the same ones, since they know the same sizes.
 *
 * @param stretches one, or several small ones
 * @param bytes of all of them
 */
record Message(List<Stretch> stretches, long bytes) {

    /** Shorter stretches cost more to send by themselves than to copy. */
    private static final long SMALL_BYTES = 64 << 10;

    /** Small ones go together up to so many bytes. */
    private static final long MOST_BYTES = 1 << 20;

    /** Whether it is memory of an array, and needs no copy. */
    boolean isDirect() {
        return stretches.size() == 1;
    }

    static List<Message> of(List<Stretch> stretches) {
        var messages = new ArrayList<Message>();
        var small = new ArrayList<Stretch>();
        long bytes = 0;
        for (var stretch : stretches) {
            boolean large = stretch.bytes() >= SMALL_BYTES;
            if (!small.isEmpty() && (large || bytes + stretch.bytes() > MOST_BYTES)) {
                messages.add(new Message(List.copyOf(small), bytes));
                small.clear();
                bytes = 0;
            }
            if (large) {
                messages.add(new Message(List.of(stretch), stretch.bytes()));
            } else {
                small.add(stretch);
                bytes += stretch.bytes();
            }
        }
        if (!small.isEmpty()) {
            messages.add(new Message(List.copyOf(small), bytes));
        }
        return messages;
    }

    /** How much memory the messages need that are put together from several stretches. */
    static long copiedBytes(List<Message> messages) {
        return messages.stream()
                .filter(message -> !message.isDirect())
                .mapToLong(Message::bytes)
                .sum();
    }

    /** Where each message is to be sent from, or received to: its array, or a place in a buffer. */
    static List<MemorySegment> places(List<Message> messages, MemorySegment buffer) {
        var places = new ArrayList<MemorySegment>();
        long at = 0;
        for (var message : messages) {
            if (message.isDirect()) {
                places.add(message.stretches.getFirst().memory());
            } else {
                places.add(buffer.asSlice(at, message.bytes));
                at += message.bytes;
            }
        }
        return places;
    }

    /** Copies small stretches to their place in a buffer, before it is sent. */
    void copyTo(MemorySegment place) {
        if (!isDirect()) {
            long at = 0;
            for (var stretch : stretches) {
                place.asSlice(at, stretch.bytes()).copyFrom(stretch.memory());
                at += stretch.bytes();
            }
        }
    }

    /** Copies small stretches from their place in a buffer, once it is received. */
    void copyFrom(MemorySegment place) {
        if (!isDirect()) {
            long at = 0;
            for (var stretch : stretches) {
                stretch.memory().copyFrom(place.asSlice(at, stretch.bytes()));
                at += stretch.bytes();
            }
        }
    }
}

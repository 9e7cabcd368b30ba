package org.panoptim.distributed;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The calls of a member: how many it has begun, and which are under way. */
final class Calls {

    private final Set<Call> underWay = new LinkedHashSet<>();
    private long begun;
    private int channels;

    /** An order of calls. */
    final class Channel {

        private final int number;
        private long calls;

        private Channel(int number) {
            this.number = number;
        }

        /** From 0 on. */
        int number() {
            return number;
        }

        /** Takes down that a call begins. */
        Call begin(List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
            synchronized (Calls.this) {
                var call = new Call(number, ++calls, sent, received);
                underWay.add(call);
                begun++;
                return call;
            }
        }
    }

    /** A call that has begun. */
    static final class Call {

        private final int channel;
        private final long number;
        private final List<List<MemorySegment>> sent;
        private final List<List<MemorySegment>> received;
        private final long since = System.nanoTime();
        private boolean isTold;

        private Call(
                int channel,
                long number,
                List<List<MemorySegment>> sent,
                List<List<MemorySegment>> received) {
            this.channel = channel;
            this.number = number;
            this.sent = sent;
            this.received = received;
        }

        /** How long it has been under way, in nanoseconds. */
        long nanos() {
            return System.nanoTime() - since;
        }

        private Frame.Waits waits() {
            return new Frame.Waits(channel, number, bytes(sent), bytes(received));
        }

        private static List<Long> bytes(List<List<MemorySegment>> ofMembers) {
            return ofMembers.stream().map(Pieces::bytes).toList();
        }
    }

    /** The next channel. */
    synchronized Channel channel() {
        return new Channel(channels++);
    }

    /** Takes down that a call is over. */
    synchronized void end(Call call) {
        underWay.remove(call);
    }

    /** How many have begun. */
    synchronized long begun() {
        return begun;
    }

    /** What is to be told of the calls that have been under way for so long, once of each. */
    synchronized List<Frame.Waits> waiting(Duration longer) {
        return underWay.stream()
                .filter(call -> !call.isTold && call.nanos() > longer.toNanos())
                .peek(call -> call.isTold = true)
                .map(Call::waits)
                .toList();
    }
}

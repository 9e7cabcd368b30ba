package org.panoptim.distributed;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
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
            var sentBytes = sent.stream().map(Pieces::bytes).toList();
            var receivedBytes = received.stream().map(Pieces::bytes).toList();
            synchronized (Calls.this) {
                var waits = new Frame.Waits(number, ++calls, sentBytes, receivedBytes);
                var call = new Call(waits);
                underWay.add(call);
                begun++;
                return call;
            }
        }
    }

    /** A call that has begun. */
    static final class Call {

        private final Frame.Waits waits;
        private final long since = System.nanoTime();
        private boolean isTold;

        private Call(Frame.Waits waits) {
            this.waits = waits;
        }

        /** How long it has been under way, in nanoseconds. */
        long nanos() {
            return System.nanoTime() - since;
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
        var found = new ArrayList<Frame.Waits>();
        for (var call : underWay) {
            if (!call.isTold && call.nanos() > longer.toNanos()) {
                call.isTold = true;
                found.add(call.waits);
            }
        }
        return found;
    }
}

package org.panoptim.distributed;

import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.GlooDeviceVector;
import org.bytedeco.pytorch.ProcessGroupGloo;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.Work;
import org.bytedeco.pytorch.global.torch;
import org.panoptim.shard.Transfer;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Moves bytes between the members by sends and receives, straight from and to the memory it is
 * given: Gloo's collectives want parts of one size, or each part once for every member.
 */
final class Gloo implements AutoCloseable {

    private final int rank;
    private final int size;
    private final long timeoutMillis;
    private final Rendezvous store;
    private final ProcessGroupGloo group;

    /** What is under way. */
    private final Set<Piece> pending = Collections.newSetFromMap(new IdentityHashMap<>());

    private boolean aborted;

    /** How many threads wait. */
    private int waiting;

    /**
     * Bytes that are under way.
     *
     * @param channel in whose calls
     * @param what is done with them, for messages
     */
    private record Piece(Work work, int channel, String what) {}

    /** Begins to send or to receive under a tag. */
    private interface Post {
        Work apply(TensorVector bytes, int tag);
    }

    /**
     * Connects this member with all others.
     *
     * @param store which is closed with it
     * @param address of this member's network interface
     */
    Gloo(Membership membership, Rendezvous store, String address) {
        this.rank = membership.rank();
        this.size = membership.size();
        this.timeoutMillis = membership.timeout().toMillis();
        this.store = store;
        try (var timeout = new Milliseconds(timeoutMillis);
                var options = ProcessGroupGloo.Options.create_default(timeout)) {
            var named = System.getenv("GLOO_SOCKET_IFNAME");
            options.devices(
                    new GlooDeviceVector(
                            named == null || named.isBlank()
                                    ? ProcessGroupGloo.createDeviceForHostname(address)
                                    : ProcessGroupGloo.createDeviceForInterface(
                                            named.split(",")[0].strip())));
            group = new ProcessGroupGloo(store.store(), rank, size, options);
        }
    }

    /**
     * Begins to send and to receive pieces, a list for each member.
     *
     * @param channel whose calls are made by one thread at a time
     */
    Transfer begin(
            int channel, List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
        var pieces = new ArrayList<Piece>();
        try {
            for (int member = 0; member < size; member++) {
                int from = member;
                for (var piece : member == rank ? List.<MemorySegment>of() : received.get(from)) {
                    add(
                            piece,
                            "receiving from member " + from,
                            channel,
                            (bytes, tag) -> group.recv(bytes, from, tag),
                            pieces);
                }
            }
            for (int member = 0; member < size; member++) {
                int to = member;
                for (var piece : member == rank ? List.<MemorySegment>of() : sent.get(to)) {
                    add(
                            piece,
                            "sending to member " + to,
                            channel,
                            (bytes, tag) -> group.send(bytes, to, tag),
                            pieces);
                }
            }
        } catch (RuntimeException | Error e) {
            abort();
            end(pending(channel));
            throw e;
        }
        return () -> await(channel, pieces);
    }

    /**
     * What is sent and what is received find each other by it. Pieces of different sizes have
     * different ones (but for one in 2³¹), since they would end the process: Gloo throws in a
     * thread of its own.
     */
    private static int tag(int channel, long bytes) {
        return (int) (new SplittableRandom(bytes << 20 ^ channel).nextLong() >>> 33);
    }

    private void add(MemorySegment bytes, String what, int channel, Post post, List<Piece> pieces) {
        if (bytes.byteSize() == 0) {
            return;
        }
        var pointer =
                new Pointer() {
                    {
                        address = bytes.address();
                    }
                };
        try (var type = new ScalarTypeOptional(torch.ScalarType.Byte);
                var options = new TensorOptions();
                var ofBytes = options.dtype(type);
                var tensor = torch.from_blob(pointer, new long[] {bytes.byteSize()}, ofBytes);
                var tensors = new TensorVector(tensor)) {
            add(
                    new Piece(post.apply(tensors, tag(channel, bytes.byteSize())), channel, what),
                    pieces);
        }
    }

    private synchronized void add(Piece piece, List<Piece> pieces) {
        pieces.add(piece);
        pending.add(piece);
        if (aborted) {
            piece.work.abort();
        }
    }

    private void await(int channel, List<Piece> pieces) {
        long until = System.nanoTime() + timeoutMillis * 1_000_000;
        waiting(1);
        try {
            for (var piece : pieces) {
                await(piece, until);
            }
            end(pieces);
        } catch (RuntimeException | Error e) {
            abort();
            end(pending(channel));
            throw e;
        } finally {
            waiting(-1);
        }
    }

    private synchronized void waiting(int more) {
        waiting += more;
        notifyAll();
    }

    private static void await(Piece piece, long until) {
        // 0 would stand for the group's timeout.
        long left = Math.max(1, (until - System.nanoTime()) / 1_000_000);
        try (var timeout = new Milliseconds(left)) {
            if (!piece.work._wait(timeout)) {
                throw new IllegalStateException("aborted");
            }
        } catch (RuntimeException e) {
            throw new IllegalStateException(piece.what + ": " + firstLine(e), e);
        }
    }

    /** In the calls of a channel: those of others wait in other threads, which end them. */
    private synchronized List<Piece> pending(int channel) {
        return pending.stream().filter(each -> each.channel == channel).toList();
    }

    /** Lets go of what is under way: Gloo touches its memory no more. */
    private void end(List<Piece> pieces) {
        synchronized (this) {
            pieces.forEach(pending::remove);
        }
        pieces.forEach(piece -> piece.work.close());
    }

    /** Ends this and every later wait. */
    synchronized void abort() {
        aborted = true;
        pending.forEach(piece -> piece.work.abort());
    }

    /** What an exception of the engine says, without its stack. */
    static String firstLine(Throwable thrown) {
        return String.valueOf(thrown.getMessage()).lines().findFirst().orElse("");
    }

    /** What is under way that nobody waits for: a thread that does, ends its own. */
    private synchronized List<Piece> afterWaiting() {
        boolean interrupted = false;
        while (waiting > 0) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return List.copyOf(pending);
    }

    @Override
    public void close() {
        abort();
        end(afterWaiting());
        group.close();
        store.close();
    }
}

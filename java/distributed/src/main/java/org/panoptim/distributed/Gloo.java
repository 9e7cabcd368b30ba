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

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Moves bytes between the members by sends and receives, straight from and to the memory it is
 * given: Gloo's collectives want parts of one size, or each part once for every member.
 */
final class Gloo implements AutoCloseable {

    private final int rank;
    private final int size;
    private final Rendezvous store;
    private final ProcessGroupGloo group;

    /** What this member waits for. */
    private final List<Work> pending = new ArrayList<>();

    private boolean aborted;

    /**
     * Connects this member with all others.
     *
     * @param store which is closed with it
     * @param address of this member's network interface
     */
    Gloo(Membership membership, Rendezvous store, String address) {
        this.rank = membership.rank();
        this.size = membership.size();
        this.store = store;
        var options =
                ProcessGroupGloo.Options.create_default(
                        new Milliseconds(membership.timeout().toMillis()));
        var named = System.getenv("GLOO_SOCKET_IFNAME");
        options.devices(
                new GlooDeviceVector(
                        named == null || named.isBlank()
                                ? ProcessGroupGloo.createDeviceForHostname(address)
                                : ProcessGroupGloo.createDeviceForInterface(
                                        named.split(",")[0].strip())));
        group = new ProcessGroupGloo(store.store(), rank, size, options);
    }

    void exchange(
            MemorySegment sent, long[] sentBytes, MemorySegment received, long[] receivedBytes) {
        complete(() -> post(sent, sentBytes, received, receivedBytes));
    }

    private void post(
            MemorySegment sent, long[] sentBytes, MemorySegment received, long[] receivedBytes) {
        var own = MemorySegment.NULL;
        long at = 0;
        for (int member = 0; member < size; member++) {
            var part = received.asSlice(at, receivedBytes[member]);
            at += receivedBytes[member];
            if (member == rank) {
                own = part;
            } else {
                receive(part, member);
            }
        }
        at = 0;
        for (int member = 0; member < size; member++) {
            var part = sent.asSlice(at, sentBytes[member]);
            at += sentBytes[member];
            if (member == rank) {
                own.copyFrom(part);
            } else {
                send(part, member);
            }
        }
    }

    void gather(MemorySegment all, long[] bytes) {
        complete(() -> post(all, bytes));
    }

    private void post(MemorySegment all, long[] bytes) {
        var own = MemorySegment.NULL;
        long at = 0;
        for (int member = 0; member < size; member++) {
            var part = all.asSlice(at, bytes[member]);
            at += bytes[member];
            if (member == rank) {
                own = part;
            } else {
                receive(part, member);
            }
        }
        for (int member = 0; member < size; member++) {
            if (member != rank) {
                send(own, member);
            }
        }
    }

    private void receive(MemorySegment part, int from) {
        if (part.byteSize() > 0) {
            add(group.recv(tensors(part), from, 0));
        }
    }

    private void send(MemorySegment part, int to) {
        if (part.byteSize() > 0) {
            add(group.send(tensors(part), to, 0));
        }
    }

    private static TensorVector tensors(MemorySegment bytes) {
        var pointer =
                new Pointer() {
                    {
                        address = bytes.address();
                    }
                };
        return new TensorVector(
                torch.from_blob(
                        pointer,
                        new long[] {bytes.byteSize()},
                        new TensorOptions().dtype(new ScalarTypeOptional(torch.ScalarType.Byte))));
    }

    private synchronized void add(Work work) {
        pending.add(work);
        if (aborted) {
            work.abort();
        }
    }

    private void complete(Runnable posts) {
        try {
            posts.run();
            for (var work : all()) {
                if (!work._wait()) {
                    throw new IllegalStateException("the wait was aborted");
                }
            }
        } catch (RuntimeException | Error e) {
            abort();
            throw e;
        } finally {
            var done = all();
            synchronized (this) {
                pending.clear();
            }
            done.forEach(Work::close);
        }
    }

    private synchronized List<Work> all() {
        return List.copyOf(pending);
    }

    /** Ends this and every later wait. */
    synchronized void abort() {
        aborted = true;
        pending.forEach(Work::abort);
    }

    /** What an exception of the engine says, without its stack. */
    static String firstLine(Throwable thrown) {
        return String.valueOf(thrown.getMessage()).lines().findFirst().orElse("");
    }

    @Override
    public void close() {
        group.close();
        store.close();
    }
}

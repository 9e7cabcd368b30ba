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

/**
 * Moves bytes between the members by sends and receives, straight from and to the memory it is
 * given: Gloo's collectives want parts of one size, or each part once for every member.
 */
final class Gloo implements AutoCloseable {

    private final int rank;
    private final int size;
    private final Rendezvous store;
    private final ProcessGroupGloo group;

    /** What is under way. */
    private final Set<Work> pending = Collections.newSetFromMap(new IdentityHashMap<>());

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

    /** Begins to send and to receive pieces, a list for each member. */
    Transfer begin(List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
        var works = new ArrayList<Work>();
        try {
            for (int member = 0; member < size; member++) {
                if (member != rank) {
                    for (var piece : received.get(member)) {
                        if (piece.byteSize() > 0) {
                            add(group.recv(tensors(piece), member, 0), works);
                        }
                    }
                }
            }
            for (int member = 0; member < size; member++) {
                if (member != rank) {
                    for (var piece : sent.get(member)) {
                        if (piece.byteSize() > 0) {
                            add(group.send(tensors(piece), member, 0), works);
                        }
                    }
                }
            }
        } catch (RuntimeException | Error e) {
            abort();
            end(allPending());
            throw e;
        }
        return () -> await(works);
    }

    private synchronized void add(Work work, List<Work> works) {
        works.add(work);
        pending.add(work);
        if (aborted) {
            work.abort();
        }
    }

    private void await(List<Work> works) {
        try {
            for (var work : works) {
                if (!work._wait()) {
                    throw new IllegalStateException("the wait was aborted");
                }
            }
            end(works);
        } catch (RuntimeException | Error e) {
            abort();
            end(allPending());
            throw e;
        }
    }

    private synchronized List<Work> allPending() {
        return List.copyOf(pending);
    }

    /** Lets go of what is under way: Gloo touches its memory no more. */
    private void end(List<Work> works) {
        synchronized (this) {
            works.forEach(pending::remove);
        }
        works.forEach(Work::close);
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
        abort();
        end(allPending());
        group.close();
        store.close();
    }
}

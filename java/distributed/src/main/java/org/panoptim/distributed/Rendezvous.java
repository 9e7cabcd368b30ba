package org.panoptim.distributed;

import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.PrefixStore;
import org.bytedeco.pytorch.TCPStore;
import org.bytedeco.pytorch.TCPStoreOptions;
import org.bytedeco.pytorch.global.torch_gloo;

import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The c10d store by which members find each other; the first one keeps it, if nobody else does. */
final class Rendezvous implements AutoCloseable {

    private final TCPStore store;
    private final PrefixStore ofRun;

    Rendezvous(Membership membership) throws IOException {
        Loader.load(torch_gloo.class);
        store = connected(membership);
        ofRun = new PrefixStore(membership.run(), store);
    }

    /**
     * The store tries again after its timeout, and waits without end for something that takes the
     * connection and does not answer; then its thread is left to itself.
     */
    private static TCPStore connected(Membership membership) throws IOException {
        var opening = new FutureTask<>(() -> open(membership));
        Thread.ofPlatform().daemon().name("panoptim-rendezvous").start(opening);
        try {
            return opening.get(membership.timeout().toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new IOException("no c10d store answers there within " + membership.timeout(), e);
        } catch (ExecutionException e) {
            throw new IOException(Gloo.firstLine(e.getCause()), e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private static TCPStore open(Membership membership) {
        try (var options = new TCPStoreOptions();
                var timeout = new Milliseconds(membership.timeout().toMillis())) {
            options.port((short) membership.port());
            options.isServer(membership.rank() == 0 && !membership.stored());
            options.timeout(timeout);
            return new TCPStore(membership.host(), options);
        }
    }

    /** For Gloo. */
    PrefixStore store() {
        return ofRun;
    }

    void put(String key, String text) {
        ofRun.set(key, text);
    }

    /** Waits until somebody has put it there. */
    String get(String key) {
        return ofRun.get_to_str(key);
    }

    @Override
    public void close() {
        ofRun.close();
        store.close();
    }
}

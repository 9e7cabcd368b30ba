package org.panoptim.distributed;

import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.PrefixStore;
import org.bytedeco.pytorch.TCPStore;
import org.bytedeco.pytorch.TCPStoreOptions;
import org.bytedeco.pytorch.global.torch_gloo;

/** The c10d store by which members find each other; the first one keeps it, if nobody else does. */
final class Rendezvous implements AutoCloseable {

    private final TCPStore store;
    private final PrefixStore ofRun;

    Rendezvous(Membership membership) {
        Loader.load(torch_gloo.class);
        var options = new TCPStoreOptions();
        options.port((short) membership.port());
        options.isServer(membership.rank() == 0 && !membership.stored());
        options.timeout(new Milliseconds(membership.timeout().toMillis()));
        store = new TCPStore(membership.host(), options);
        ofRun = new PrefixStore(membership.run(), store);
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

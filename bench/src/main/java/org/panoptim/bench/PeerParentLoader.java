package org.panoptim.bench;

import org.panoptim.bench.peer.Peer;

/**
 * The parent of each peer's class loader: it shows the JDK and the peers' interfaces, so that no
 * library on the benchmarks' own class path stands in for one that a peer brings.
 */
final class PeerParentLoader extends ClassLoader {

    private static final String SHOWN = Peer.class.getPackageName() + '.';

    PeerParentLoader() {
        super(ClassLoader.getPlatformClassLoader());
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
        if (name.startsWith(SHOWN)) {
            return Peer.class.getClassLoader().loadClass(name);
        }
        throw new ClassNotFoundException(name);
    }
}

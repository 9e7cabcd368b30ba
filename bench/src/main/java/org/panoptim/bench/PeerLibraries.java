package org.panoptim.bench;

import org.panoptim.bench.peer.Peer;
import org.panoptim.bench.peer.PeerModel;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.stream.Stream;

/**
 * Other libraries' optimizers, each with its libraries behind a separate class loader.
 *
 * <p>That keeps their Java classes apart, not their native code: of several that bring the same
 * native library a process should open only one.
 */
public final class PeerLibraries {

    /** What one folder holds. */
    sealed interface Result {

        /** The module's folder. */
        Path folder();
    }

    /** A peer that can be opened. */
    record Usable(Path folder, Peer peer) implements Result {}

    /** A peer that cannot, and why. */
    record Unusable(Path folder, String reason) implements Result {}

    private PeerLibraries() {}

    /** The folder of all peers, from the system property {@code panoptim.peers}. */
    public static Path folder() {
        return Path.of(System.getProperty("panoptim.peers", "bench/peers"));
    }

    /** What the modules in a folder hold, by the names of their folders. */
    static List<Result> find(Path folder) {
        try (var modules = Files.list(folder)) {
            return modules.filter(module -> Files.exists(module.resolve("pom.xml")))
                    .sorted()
                    .map(PeerLibraries::inModule)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * The peer of that name.
     *
     * @throws IllegalArgumentException if there is none; the message lists those that there are
     */
    static Peer load(Path folder, String name) {
        var others = new ArrayList<String>();
        for (var result : find(folder)) {
            switch (result) {
                case Usable usable when usable.peer().name().equals(name) -> {
                    return usable.peer();
                }
                case Usable usable -> others.add(usable.peer().name());
                case Unusable unusable -> others.add(unusable.reason());
            }
        }
        throw new IllegalArgumentException(
                "no peer %s in %s: %s".formatted(name, folder, String.join("; ", others)));
    }

    private static Result inModule(Path module) {
        var classes = module.resolve("target", "classes");
        var libraries = module.resolve("target", "lib");
        for (var needed : List.of(classes, libraries)) {
            if (!Files.isDirectory(needed)) {
                return new Unusable(module, module.getFileName() + " is not built: no " + needed);
            }
        }
        try {
            var loader = new URLClassLoader(urls(classes, libraries), new ParentLoader());
            return ServiceLoader.load(Peer.class, loader)
                    .findFirst()
                    .<Result>map(peer -> new Usable(module, new InItsLoader(peer, loader)))
                    .orElseGet(
                            () -> new Unusable(module, module.getFileName() + " offers no peer"));
        } catch (IOException | ServiceConfigurationError | LinkageError e) {
            return new Unusable(module, module.getFileName() + " cannot be loaded: " + e);
        }
    }

    private static URL[] urls(Path classes, Path libraries) throws IOException {
        try (var jars = Files.list(libraries)) {
            return Stream.concat(Stream.of(classes), jars.sorted())
                    .map(Path::toFile)
                    .map(PeerLibraries::url)
                    .toArray(URL[]::new);
        }
    }

    private static URL url(File file) {
        try {
            return file.toURI().toURL();
        } catch (MalformedURLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A peer whose library finds its services, by the thread's context class loader. */
    private record InItsLoader(Peer peer, ClassLoader loader) implements Peer {

        @Override
        public String name() {
            return peer.name();
        }

        @Override
        public String description() {
            return peer.description();
        }

        @Override
        public String rule() {
            return peer.rule();
        }

        @Override
        public PeerModel open(List<long[]> shapes, int threads) {
            var thread = Thread.currentThread();
            var before = thread.getContextClassLoader();
            thread.setContextClassLoader(loader);
            try {
                return peer.open(shapes, threads);
            } finally {
                thread.setContextClassLoader(before);
            }
        }
    }

    /**
     * The parent of each peer's class loader: it shows the JDK and the peers' interfaces, so that
     * no library on the class path of the benchmarks replaces one that a peer brings.
     */
    static final class ParentLoader extends ClassLoader {

        private static final String SHOWN = Peer.class.getPackageName() + '.';

        ParentLoader() {
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
}

package org.panoptim;

import org.panoptim.spi.BackendProvider;

import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.function.Predicate;

/** The backends that are on the path, in order of preference. */
public final class Backends {

    private Backends() {}

    /** What came of trying each backend, the most preferred first. */
    public static List<BackendStatus> explain() {
        return providers().stream().map(BackendProvider::probe).toList();
    }

    /** The names of the backends, the most preferred first, whether they work or not. */
    public static List<String> names() {
        return providers().stream().map(BackendProvider::name).toList();
    }

    /**
     * The fastest backend that works here on memory of the host; the caller closes it.
     *
     * @throws BackendUnavailableException if there is none
     */
    public static Backend bestForHostMemory() {
        return best(BackendProvider::usesHostMemory);
    }

    static Backend best() {
        var best = best(_ -> true);
        if (best.usesHostMemory()) {
            return best;
        }
        try {
            return new DeviceOrHost(best, bestForHostMemory());
        } catch (RuntimeException | Error e) {
            best.close();
            throw e;
        }
    }

    private static Backend best(Predicate<BackendProvider> fits) {
        for (var provider : providers()) {
            if (fits.test(provider) && provider.probe().available()) {
                return provider.open();
            }
        }
        throw new BackendUnavailableException("no backend works here: " + explain());
    }

    static Backend named(String name) {
        // Found on the way, before the rest of the path is looked through.
        return loader().stream()
                .map(ServiceLoader.Provider::get)
                .filter(provider -> provider.name().equals(name))
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "there is no backend '"
                                                + name
                                                + "'; those on the path are "
                                                + String.join(", ", names())))
                .open();
    }

    private static ServiceLoader<BackendProvider> loader() {
        return ServiceLoader.load(BackendProvider.class, Backends.class.getClassLoader());
    }

    private static List<BackendProvider> providers() {
        return loader().stream()
                .map(ServiceLoader.Provider::get)
                .sorted(Comparator.comparingInt(BackendProvider::preference).reversed())
                .toList();
    }
}

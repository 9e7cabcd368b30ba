package org.panoptim.backend;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** The backends that are on the path, in order of preference. */
public final class Backends {

    /** What this process has warned of, so that it is said once. */
    private static final Set<String> WARNED = ConcurrentHashMap.newKeySet();

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
        return best("backend", BackendProvider::usesHostMemory);
    }

    static Backend best() {
        return best("backend", _ -> true, BackendProvider::usesHostMemory);
    }

    static Backend best(Require require) {
        return switch (require) {
            case DEVICE -> best("backend of a device", provider -> !provider.usesHostMemory());
            case NATIVE ->
                    best(
                            "native backend",
                            BackendProvider::usesNativeCode,
                            provider -> provider.usesNativeCode() && provider.usesHostMemory());
        };
    }

    /**
     * The best of those that fit and, if that is a device's, the best for memory of the host too.
     */
    private static Backend best(
            String what, Predicate<BackendProvider> fits, Predicate<BackendProvider> fitsHost) {
        var best = best(what, fits);
        if (best.usesHostMemory()) {
            return best;
        }
        try {
            return new DeviceOrHost(best, best(what + " for host memory", fitsHost));
        } catch (RuntimeException | Error e) {
            best.close();
            throw e;
        }
    }

    /**
     * The most preferred that works of those that fit.
     *
     * @param what what is looked for, as a message calls it
     */
    private static Backend best(String what, Predicate<BackendProvider> fits) {
        var passedOver = new ArrayList<BackendStatus>();
        var faster = new ArrayList<String>();
        for (var provider : providers()) {
            if (fits.test(provider)) {
                var status = provider.probe();
                if (status.available()) {
                    passedOver.forEach(lost -> warn(lost, provider.name()));
                    var opened = provider.open();
                    return provider.usesNativeCode() ? opened : new Fallback(opened, faster);
                }
                passedOver.add(status);
                if (provider.usesHostMemory()) {
                    faster.add(provider.name());
                }
            }
        }
        throw new BackendUnavailableException(
                "no "
                        + what
                        + " works here: "
                        + (passedOver.isEmpty()
                                ? "there is none on the path, only " + String.join(", ", names())
                                : passedOver.stream()
                                        .map(BackendStatus::line)
                                        .collect(Collectors.joining("; "))));
    }

    /** Whether this process has not warned of it yet; from now on it has. */
    static boolean isFirst(String warning) {
        return WARNED.add(warning);
    }

    private static void warn(BackendStatus lost, String taken) {
        if (lost.expected() && isFirst(lost.name() + ": " + lost.summary())) {
            System.getLogger("org.panoptim")
                    .log(
                            System.Logger.Level.WARNING,
                            "The backend "
                                    + lost.name()
                                    + " does not work here, so "
                                    + taken
                                    + " is taken. "
                                    + lost.line()
                                    + ". To have an exception instead, use"
                                    + " Backend.best(Require.NATIVE) or Backend.named(\""
                                    + lost.name()
                                    + "\").");
        }
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

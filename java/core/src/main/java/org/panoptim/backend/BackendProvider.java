package org.panoptim.backend;

/** A backend that may or may not work on this machine; found as a service. */
public interface BackendProvider {

    /** The backend's name, for example {@code "simd"}. */
    String name();

    /** The order of preference: the highest that works is taken. The reference backend has 0. */
    int preference();

    /** Whether the backend works on memory of the host, and not of a device. */
    default boolean usesHostMemory() {
        return true;
    }

    /** Whether the backend computes in native code, and not in plain Java. */
    default boolean usesNativeCode() {
        return true;
    }

    /**
     * Tries the backend out and says what was found; never throws for a backend that cannot work.
     */
    BackendStatus probe();

    /**
     * Opens the backend.
     *
     * @throws BackendUnavailableException if it does not work here, with the reason
     */
    Backend open();
}

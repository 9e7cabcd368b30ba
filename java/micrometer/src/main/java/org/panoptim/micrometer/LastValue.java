package org.panoptim.micrometer;

/** A number that the training writes and the registry's readers see, each by itself. */
final class LastValue {

    private volatile double value;

    LastValue(double value) {
        this.value = value;
    }

    void set(double next) {
        value = next;
    }

    double get() {
        return value;
    }
}

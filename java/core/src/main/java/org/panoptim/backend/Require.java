package org.panoptim.backend;

/** What {@link Backend#best(Require)} insists on. */
public enum Require {

    /** Native code, on the host and on a device: nothing is computed in plain Java. */
    NATIVE,

    /** A device, and nothing on the host: parameters must lie in the device's memory. */
    DEVICE
}

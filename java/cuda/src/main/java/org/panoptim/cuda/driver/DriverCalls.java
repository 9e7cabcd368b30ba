package org.panoptim.cuda.driver;

import org.panoptim.abi.WordCalls;
import org.panoptim.cuda.driver.bindings.SystemLibrary;

import java.lang.foreign.MemorySegment;

/**
 * Calls of the driver's functions by name, with the names and the arguments that {@link
 * org.panoptim.cuda.driver.bindings.LibCuda} declares. That one links a handle for each function,
 * of which a first step needs two dozen.
 */
final class DriverCalls {

    private DriverCalls() {}

    /** The address of a function. */
    static MemorySegment function(String name) {
        return WordCalls.function(SystemLibrary.cuda().symbols().findOrThrow(name));
    }

    static int call(String name, long a) {
        return (int) WordCalls.call(function(name), a);
    }

    static int call(String name, long a, long b) {
        return (int) WordCalls.call(function(name), a, b);
    }

    static int call(String name, long a, long b, long c) {
        return (int) WordCalls.call(function(name), a, b, c);
    }

    static int call(String name, long a, long b, long c, long d) {
        return (int) WordCalls.call(function(name), a, b, c, d);
    }
}

package org.panoptim.cuda.driver;

import static java.lang.foreign.ValueLayout.ADDRESS;

import org.panoptim.cuda.driver.bindings.LibCuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The codes that CUDA's driver answers with, and the exceptions for those that are errors. */
final class FfmStatus {

    private FfmStatus() {}

    static void check(int status, String call) {
        if (status != LibCuda.CUDA_SUCCESS()) {
            throw failure(status, call);
        }
    }

    static void check(int status, String call, String name) {
        if (status != LibCuda.CUDA_SUCCESS()) {
            throw failure(status, CudaCalls.named(call, name));
        }
    }

    static void check(int status, String call, long bytes) {
        if (status != LibCuda.CUDA_SUCCESS()) {
            throw failure(status, CudaCalls.sized(call, bytes));
        }
    }

    static CudaException failure(int status, String call) {
        try (var arena = Arena.ofConfined()) {
            var text = arena.allocate(ADDRESS);
            DriverCalls.call("cuGetErrorName", status, text.address());
            var name = string(text);
            text.set(ADDRESS, 0, MemorySegment.NULL);
            DriverCalls.call("cuGetErrorString", status, text.address());
            return CudaCalls.failure(call, status, name, string(text));
        }
    }

    /** The string that a pointer leads to; empty for none. */
    private static String string(MemorySegment pointer) {
        var address = pointer.get(ADDRESS, 0);
        return address.address() == 0 ? "" : address.reinterpret(Long.MAX_VALUE).getString(0);
    }
}

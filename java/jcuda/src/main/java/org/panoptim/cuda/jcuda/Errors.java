package org.panoptim.cuda.jcuda;

import java.util.function.IntFunction;
import java.util.function.IntSupplier;

/**
 * Error codes of JCuda's calls. JCuda throws instead of answering if someone has switched its
 * exceptions on, for the whole process and without a way to ask; so both are expected.
 */
final class Errors {

    private static final int CODES = 1000;

    private Errors() {}

    /** The code that a call returns or throws. */
    static int codeOf(IntSupplier call, IntFunction<String> names) {
        try {
            return call.getAsInt();
        } catch (jcuda.CudaException e) {
            return codeOf(e, names);
        }
    }

    /** The code that an exception represents; its message is the code's name. */
    static int codeOf(jcuda.CudaException thrown, IntFunction<String> names) {
        for (int code = 1; code < CODES; code++) {
            if (names.apply(code).equals(thrown.getMessage())) {
                return code;
            }
        }
        throw thrown;
    }
}

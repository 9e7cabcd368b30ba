package org.panoptim.bench.run;

import java.io.Serial;

/** A measurement failed. */
final class BenchException extends RuntimeException {

    @Serial private static final long serialVersionUID = 1;

    BenchException(String message) {
        super(message);
    }

    BenchException(String message, Throwable cause) {
        super(message, cause);
    }
}

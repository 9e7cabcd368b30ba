package org.panoptim.matrix;

import java.util.function.IntConsumer;

/** Runs pieces of work that do not depend on each other, perhaps on several threads. */
@FunctionalInterface
public interface Parallel {

    /** One after the other, on the caller's thread. */
    Parallel SERIAL =
            (count, body) -> {
                for (int i = 0; i < count; i++) {
                    body.accept(i);
                }
            };

    /** Runs the pieces 0 … count − 1, begun in this order, and returns when all are done. */
    void forEach(int count, IntConsumer body);
}

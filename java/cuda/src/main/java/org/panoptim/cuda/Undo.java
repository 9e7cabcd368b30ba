package org.panoptim.cuda;

import java.util.ArrayDeque;
import java.util.Deque;

/** What to close, the last first, if building something fails half-way. */
final class Undo {

    private final Deque<Closing> closings = new ArrayDeque<>();

    /** Something that closes without a checked exception. */
    @FunctionalInterface
    interface Closing extends AutoCloseable {
        @Override
        void close();
    }

    void add(Closing closing) {
        closings.push(closing);
    }

    <T extends AutoCloseable> T add(T opened) {
        closings.push(
                () -> {
                    try {
                        opened.close();
                    } catch (RuntimeException e) {
                        throw e;
                    } catch (Exception e) {
                        throw new IllegalStateException(e);
                    }
                });
        return opened;
    }

    void run() {
        closings.forEach(Closing::close);
    }
}

package org.panoptim.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Everything is freed, whatever fails, and nothing that failed is forgotten. */
class CleanupTest {

    private final List<String> done = new ArrayList<>();

    private Runnable action(String name) {
        return () -> done.add(name);
    }

    private Runnable failing(String name) {
        return () -> {
            done.add(name);
            throw new ArithmeticException(name);
        };
    }

    @Test
    void theLastThatWasAddedComesFirst() {
        var cleanup = new Cleanup();
        cleanup.add(action("a"));
        cleanup.add(action("b"));
        cleanup.run();
        cleanup.run();
        assertThat(done).containsExactly("b", "a");
    }

    @Test
    void allOfItIsDoneAndTheFirstFailureThrownWithTheOthers() {
        assertThatThrownBy(
                        () ->
                                Cleanup.all(
                                        action("a"),
                                        failing("b"),
                                        action("c"),
                                        failing("d"),
                                        action("e")))
                .isInstanceOf(ArithmeticException.class)
                .hasMessage("b")
                .satisfies(
                        e ->
                                assertThat(e.getSuppressed())
                                        .singleElement()
                                        .extracting(Throwable::getMessage)
                                        .isEqualTo("d"));
        assertThat(done).containsExactly("a", "b", "c", "d", "e");
    }

    @Test
    void errorsAreThrownToo() {
        var error = new AssertionError("planted");
        assertThatThrownBy(
                        () ->
                                Cleanup.all(
                                        () -> {
                                            throw error;
                                        },
                                        action("b")))
                .isSameAs(error);
        assertThat(done).containsExactly("b");
    }

    @Test
    void afterAFailureWhatFailsIsSuppressedInIt() {
        var reason = new IllegalStateException("reason");
        var cleanup = new Cleanup();
        cleanup.add(failing("a"));
        cleanup.keep(
                () -> {
                    throw new IOException("b");
                });
        cleanup.runAfter(reason);
        Cleanup.after(reason, failing("c"));
        assertThat(reason.getSuppressed())
                .extracting(Throwable::getMessage)
                .containsExactly("java.io.IOException: b", "a", "c");
    }
}

package org.panoptim.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

class MonitorsTest {

    /** Keeps what happens to it, and fails if it is told to. */
    private record Recorder(String name, List<String> calls, boolean fails) implements Monitor {

        @Override
        public void write(Observation observation) throws IOException {
            call("writes " + observation.step());
        }

        @Override
        public void close() throws IOException {
            call("closes");
        }

        private void call(String what) throws IOException {
            calls.add(name + " " + what);
            if (fails) {
                throw new IOException(name + " fails");
            }
        }
    }

    private final List<String> calls = new ArrayList<>();

    private Monitor recorder(String name) {
        return new Recorder(name, calls, false);
    }

    private Monitor failing(String name) {
        return new Recorder(name, calls, true);
    }

    private static Observation observation(long step) {
        return new Observation(step);
    }

    @Test
    void everyHandsOnMultiplesAlone() throws IOException {
        try (var monitor = Monitors.every(3, recorder("a"))) {
            for (long step : new long[] {0, 1, 2, 3, 3, 4, 6}) {
                monitor.write(observation(step));
            }
        }
        assertThat(calls)
                .containsExactly(
                        "a writes 0", "a writes 3", "a writes 3", "a writes 6", "a closes");
    }

    @Test
    void everyStepHandsOnAll() throws IOException {
        var monitor = Monitors.every(1, recorder("a"));
        monitor.write(observation(1));
        monitor.write(observation(2));
        assertThat(calls).containsExactly("a writes 1", "a writes 2");
    }

    @Test
    void everyZeroStepsIsRefused() {
        assertThatThrownBy(() -> Monitors.every(0, recorder("a")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("every: the number of steps must be at least 1, but is 0");
    }

    @Test
    void allGetTheSame() throws IOException {
        try (var monitor = Monitors.all(recorder("a"), Monitors.every(2, recorder("b")))) {
            monitor.write(observation(1));
            monitor.write(observation(2));
        }
        assertThat(calls)
                .containsExactly("a writes 1", "a writes 2", "b writes 2", "a closes", "b closes");
    }

    @Test
    void thoseThatAreOpenedTogetherAreClosedAgainWhereOneCannotBe() throws IOException {
        try (var monitor = Monitors.open(() -> recorder("a"), () -> recorder("b"))) {
            monitor.write(observation(1));
        }
        assertThat(calls).containsExactly("a writes 1", "b writes 1", "a closes", "b closes");
        calls.clear();
        assertThatThrownBy(
                        () ->
                                Monitors.open(
                                        () -> recorder("a"),
                                        () -> failing("b"),
                                        () -> {
                                            throw new IOException("no c");
                                        },
                                        () -> recorder("d")))
                .isInstanceOf(IOException.class)
                .hasMessage("no c")
                .hasSuppressedException(new IOException("b fails"));
        assertThat(calls).containsExactly("a closes", "b closes");
    }

    @Test
    void oneThatFailsKeepsNothingFromTheOthers() {
        var monitor = Monitors.all(failing("a"), recorder("b"), failing("c"));
        for (var call : List.<Call>of(() -> monitor.write(observation(1)), monitor::close)) {
            assertThatThrownBy(call::run)
                    .isInstanceOf(IOException.class)
                    .hasMessage("a fails")
                    .hasSuppressedException(new IOException("c fails"));
        }
        assertThat(calls)
                .containsExactly(
                        "a writes 1",
                        "b writes 1",
                        "c writes 1",
                        "a closes",
                        "b closes",
                        "c closes");
    }

    private interface Call {
        void run() throws IOException;
    }
}

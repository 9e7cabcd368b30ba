package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.panoptim.kfac.Matrices.random;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.matrix.HostAlgebra;
import org.panoptim.matrix.HostMatrices;
import org.panoptim.matrix.Parallel;
import org.panoptim.matrix.PlainHostAlgebra;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** A step that fails half way is taken back as a whole, and can be called again. */
class FailedStepTest {

    /** Linear algebra of which a call fails. */
    private static final class Failing {
        private int left;
        private final HostAlgebra algebra =
                (HostAlgebra)
                        Proxy.newProxyInstance(
                                Failing.class.getClassLoader(),
                                new Class<?>[] {HostAlgebra.class},
                                (_, method, arguments) -> {
                                    if (left > 0 && --left == 0) {
                                        throw new OutOfMemoryError("injected");
                                    }
                                    try {
                                        return method.invoke(new PlainHostAlgebra(), arguments);
                                    } catch (InvocationTargetException e) {
                                        throw e.getCause();
                                    }
                                });

        /** Lets the so-and-so-many-th call from now on fail, or none. */
        void at(int call) {
            left = call;
        }
    }

    /** The reference backend with that algebra. */
    private record FailingBackend(Backend reference, Failing failing) implements Backend {

        @Override
        public String name() {
            return reference.name();
        }

        @Override
        public String description() {
            return reference.description();
        }

        @Override
        public Execution open(StepPlan plan) {
            return reference.open(plan);
        }

        @Override
        public <T> Optional<T> extension(Class<T> type) {
            return reference
                    .extension(type)
                    .map(
                            offered ->
                                    offered instanceof HostMatrices matrices
                                            ? type.cast(new FailingMatrices(matrices, failing))
                                            : offered);
        }

        @Override
        public void close() {
            reference.close();
        }
    }

    private record FailingMatrices(HostMatrices plain, Failing failing) implements HostMatrices {

        @Override
        public HostAlgebra algebra() {
            return failing.algebra;
        }

        @Override
        public Parallel parallel() {
            return plain.parallel();
        }

        @Override
        public List<String> explain() {
            return plain.explain();
        }

        @Override
        public <T> T open(Function<Runnable, T> opener) {
            return plain.open(opener);
        }
    }

    /** Two layers, one with a bias, in training. */
    private static final class Run implements AutoCloseable {
        final Arena arena = Arena.ofShared();
        final Failing failing = new Failing();
        final Backend backend = new FailingBackend(Backend.named("reference"), failing);
        final List<Parameter> parameters =
                List.of(parameter("w1", 2, 3), parameter("b1", 2), parameter("w2", 3, 2));
        final Kfac kfac =
                Kfac.builder(backend)
                        .layer("first", parameters.get(0), parameters.get(1))
                        .layer("second", parameters.get(2))
                        .damping(1e-2)
                        .factorPeriod(2)
                        .inversePeriod(2)
                        .warmNewton(1e-3)
                        .build();
        final Optimizer optimizer =
                Optimizer.builder(SGD.withLearningRate(.1).withMomentum(.9))
                        .group("all", parameters)
                        .transform(kfac)
                        .backend(backend)
                        .build();

        private Parameter parameter(String name, long... shape) {
            long bytes = Shape.of(shape).elements() * Float.BYTES;
            return Parameter.of(name, Shape.of(shape), arena.allocate(bytes, 4));
        }

        void prepare(int step) {
            contribute("first", 3, 2, step);
            contribute("second", 2, 3, 50 + step);
            for (int i = 0; i < parameters.size(); i++) {
                int elements = (int) parameters.get(i).elements();
                parameters
                        .get(i)
                        .gradient(Matrices.floats(arena, random(1, elements, 100 * i + step)));
            }
        }

        void contribute(String layer, int inputs, int outputs, int seed) {
            kfac.accumulate(
                    layer,
                    Matrices.floats(arena, random(4, inputs, seed)),
                    Matrices.floats(arena, random(4, outputs, seed + 1)),
                    Batch.sum());
        }

        /** All that a step changes. */
        List<Object> everything() {
            var all = new ArrayList<>();
            for (var parameter : parameters) {
                all.add(floats((HostMemory) parameter.value()));
                all.add(floats((HostMemory) parameter.gradient().orElseThrow()));
                all.add(string(optimizer.state(parameter.name(), "momentum_buffer").toArray()));
            }
            kfac.states().forEach(state -> all.add(string(state.toArray())));
            all.add(kfac.metadata());
            all.add(kfac.report());
            all.add(kfac.klCoefficient());
            all.add(kfac.factorsDue());
            all.add(optimizer.report());
            return all;
        }

        private static String floats(HostMemory memory) {
            return string(memory.segment().toArray(ValueLayout.JAVA_FLOAT));
        }

        private static String string(float[] values) {
            return Arrays.toString(values);
        }

        @Override
        public void close() {
            optimizer.close();
            kfac.close();
            backend.close();
            arena.close();
        }
    }

    @Test
    void whateverCallFailsNothingIsChangedAndTheNextTryIsAsIfItHadNot() {
        for (int at : new int[] {0, 1, 2}) {
            int failures = 0;
            for (int call = 1; failures == call - 1; call++) {
                try (var straight = new Run();
                        var failed = new Run()) {
                    for (int step = 0; step < at; step++) {
                        straight.prepare(step);
                        failed.prepare(step);
                        straight.optimizer.step();
                        failed.optimizer.step();
                    }
                    straight.prepare(at);
                    failed.prepare(at);
                    var before = failed.everything();
                    failed.failing.at(call);
                    var thrown = catchThrowable(failed.optimizer::step);
                    failed.failing.at(0);
                    if (thrown != null) {
                        failures++;
                        assertThat(thrown).hasMessage("injected");
                        assertThat(failed.everything())
                                .as("step %d, call %d", at, call)
                                .isEqualTo(before);
                        failed.optimizer.step();
                    }
                    straight.optimizer.step();
                    assertThat(failed.everything()).isEqualTo(straight.everything());
                    for (int step = at + 1; step < at + 3; step++) {
                        straight.prepare(step);
                        failed.prepare(step);
                        straight.optimizer.step();
                        failed.optimizer.step();
                    }
                    assertThat(failed.everything()).isEqualTo(straight.everything());
                }
            }
            assertThat(failures).as("calls of step %d", at).isGreaterThanOrEqualTo(4);
        }
    }

    @Test
    void aRefreshThatFailsChangesNothing() {
        try (var run = new Run()) {
            run.prepare(0);
            run.optimizer.step();
            run.kfac.damping(.5);
            var before = run.everything();
            for (int call = 1; call <= 8; call++) {
                run.failing.at(call);
                assertThatThrownBy(run.kfac::refresh).hasMessage("injected");
                run.failing.at(0);
                assertThat(run.everything()).isEqualTo(before);
            }
        }
    }

    @Test
    void aContributionThatFailsLeavesNoHalf() {
        try (var straight = new Run();
                var failed = new Run()) {
            for (int call = 1; call <= 4; call++) {
                failed.failing.at(call);
                assertThatThrownBy(() -> failed.contribute("first", 3, 2, 99))
                        .hasMessage("injected");
                failed.failing.at(0);
            }
            straight.prepare(0);
            failed.prepare(0);
            straight.optimizer.step();
            failed.optimizer.step();
            assertThat(failed.everything()).isEqualTo(straight.everything());
        }
    }

    @Test
    void gradientsThatCannotBeRewrittenAreFoundBeforeAnythingIsChanged() {
        try (var run = new Run()) {
            run.prepare(0);
            run.optimizer.step();
            run.prepare(1);
            var last = run.parameters.get(2);
            last.gradient(Matrices.floats(run.arena, random(3, 2, 9)).asReadOnly());
            var before = run.everything();
            assertThatThrownBy(run.optimizer::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(
                            "layer 'second': the gradient of parameter 'w2' cannot be rewritten:"
                                    + " the segment is read-only");
            assertThat(run.everything()).isEqualTo(before);

            try (var arena = Arena.ofShared()) {
                last.gradient(arena.allocate(6 * Float.BYTES, 4));
            }
            assertThatThrownBy(run.optimizer::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll("'w2'", "closed");
            last.gradient(Matrices.floats(run.arena, random(3, 2, 9)));
            run.optimizer.step();
            assertThat(run.optimizer.report().step()).isEqualTo(2);
        }
    }

    @Test
    void memoryOfAContributionThatIsClosedIsNamed() {
        try (var run = new Run()) {
            MemorySegment rows;
            try (var arena = Arena.ofConfined()) {
                rows = arena.allocate(24, 4);
            }
            var before = run.kfac.metadata();
            assertThatThrownBy(() -> run.kfac.accumulate("second", rows, rows, Batch.sum()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("rows");
            var inputs = rows.asSlice(0, 16);
            assertThatThrownBy(() -> run.kfac.accumulate("second", inputs, rows, Batch.sum()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("layer 'second': the inputs cannot be read: its arena is closed");
            assertThat(run.kfac.metadata()).isEqualTo(before);
        }
    }
}

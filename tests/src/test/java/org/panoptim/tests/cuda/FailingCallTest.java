package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Buffer;
import org.panoptim.CapturedStep;
import org.panoptim.LossScale;
import org.panoptim.Optimizer;
import org.panoptim.Parameter;
import org.panoptim.ParameterGroup;
import org.panoptim.Schedule;
import org.panoptim.Shape;
import org.panoptim.UnusableOptimizerException;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.driver.RecordingDriver;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Lion;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Any call of the driver fails: then either nothing was changed and the same call of the optimizer
 * does what it should, or the optimizer refuses everything but to be closed. Nothing is left open.
 */
@Tag("virtual-gpu")
class FailingCallTest {

    @TempDir Path folder;

    /** A backend whose driver can fail. */
    private static final class Faulty implements AutoCloseable {

        final RecordingDriver record;
        final FaultyDriver faults;
        final CudaBackend backend;

        Faulty(Implementation implementation) {
            record = new RecordingDriver(implementation.driver());
            faults = new FaultyDriver(record);
            backend = CudaBackend.open("cuda", faults.driver(), CudaOptions.defaults());
        }

        @Override
        public void close() {
            backend.close();
        }
    }

    /** An optimizer over two rules. */
    private static final class World implements AutoCloseable {

        final FaultyDriver faults;
        final CudaBackend backend;
        final List<Buffer> buffers = new ArrayList<>();
        final List<Parameter> parameters = new ArrayList<>();
        final List<CapturedStep> captured = new ArrayList<>();
        final Optimizer optimizer;

        World(Faulty faulty) {
            faults = faulty.faults;
            backend = faulty.backend;
            for (int i = 0; i < 3; i++) {
                parameters.add(parameter("p" + i, i + 2));
            }
            optimizer = build();
        }

        private Parameter parameter(String name, int elements) {
            var value = backend.allocate(4L * elements);
            var gradient = backend.allocate(4L * elements);
            buffers.add(value);
            buffers.add(gradient);
            for (int i = 0; i < elements; i++) {
                value.write(4L * i, MemorySegment.ofArray(new float[] {1 + i}));
                gradient.write(4L * i, MemorySegment.ofArray(new float[] {0.5f - i}));
            }
            return Parameter.of(name, Shape.of(elements), value.memory())
                    .gradient(gradient.memory());
        }

        private Optimizer build() {
            return Optimizer.builder(AdamW.withLearningRate(0.1))
                    .group("a", parameters.subList(0, 2))
                    .group("b", parameters.subList(2, 3), Lion.withLearningRate(0.01))
                    .schedule(Schedule.cosine(100))
                    .lossScale(LossScale.dynamic())
                    .clipGlobalNorm(1)
                    .statistics(true)
                    .backend(backend)
                    .build();
        }

        /** The same after a step, which shows what the device was told. */
        List<Object> afterAStep() {
            optimizer.step();
            return everything();
        }

        /** All that the optimizer and its parameters are. */
        List<Object> everything() {
            var all = new ArrayList<Object>();
            var report = optimizer.report();
            all.addAll(List.of(report.step(), report.skipped(), report.lossScale()));
            all.add(report.counts());
            for (var group : optimizer.groups()) {
                all.addAll(List.of(group.name(), group.rule(), group.frozen()));
                for (var parameter : group.parameters()) {
                    group.rule()
                            .slots()
                            .forEach(
                                    slot ->
                                            all.add(
                                                    floats(
                                                            optimizer.state(
                                                                    parameter.name(),
                                                                    slot.name()))));
                }
            }
            buffers.forEach(buffer -> all.add(floats(buffer)));
            return all;
        }

        private static List<Float> floats(org.panoptim.StateTensor state) {
            var values = new float[(int) (state.byteSize() / 4)];
            state.read(0, MemorySegment.ofArray(values));
            return list(values);
        }

        private static List<Float> floats(Buffer buffer) {
            return list(Device.get(buffer));
        }

        private static List<Float> list(float[] values) {
            var list = new ArrayList<Float>();
            for (float value : values) {
                list.add(value);
            }
            return list;
        }

        @Override
        public void close() {
            faults.failAt(0);
            captured.forEach(CapturedStep::close);
            optimizer.close();
            buffers.forEach(Buffer::close);
        }
    }

    private static void save(World world, Path file) {
        try {
            world.optimizer.save(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void load(World world, Path file) {
        try {
            world.optimizer.load(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Takes an action with each of its driver calls failing in turn. */
    private static void everyCallFails(
            Implementation implementation, Consumer<World> before, Consumer<World> action) {
        try (var faulty = new Faulty(implementation)) {
            int calls;
            List<Object> right;
            try (var world = new World(faulty)) {
                before.accept(world);
                faulty.faults.failAt(0);
                action.accept(world);
                calls = faulty.faults.calls();
                right = world.afterAStep();
            }
            assertThat(calls).as("calls to fail").isPositive();
            for (int call = 1; call <= calls; call++) {
                var what = "call " + call + " of " + calls;
                int open = faulty.record.open().size();
                try (var world = new World(faulty)) {
                    before.accept(world);
                    fail(world, call, action, right, what);
                }
                assertThat(faulty.record.open())
                        .as(what + ", " + faulty.faults.failed() + ": left open")
                        .hasSize(open + (faulty.faults.failedToFree() ? 1 : 0));
                assertThat(faulty.record.faults()).as(what).isEmpty();
            }
        }
    }

    private static void fail(
            World world, int call, Consumer<World> action, List<Object> right, String what) {
        var old = world.everything();
        world.faults.failAt(call);
        Throwable thrown = null;
        try {
            action.accept(world);
        } catch (RuntimeException e) {
            thrown = e;
        }
        world.faults.failAt(0);
        if (thrown == null) {
            // One whose failure does not matter.
            assertThat(world.afterAStep()).as(what).isEqualTo(right);
        } else if (thrown instanceof UnusableOptimizerException) {
            assertThat(thrown).hasRootCauseInstanceOf(CudaException.class);
            assertRefusesEverything(world);
        } else {
            assertThat(thrown)
                    .as(what)
                    .isInstanceOf(CudaException.class)
                    .hasMessageContaining("planted");
            assertThat(world.everything()).as(what).isEqualTo(old);
            action.accept(world);
            assertThat(world.afterAStep()).as(what + ", tried again").isEqualTo(right);
        }
    }

    private static void assertRefusesEverything(World world) {
        var optimizer = world.optimizer;
        Stream.<Runnable>of(
                        optimizer::step,
                        optimizer::report,
                        optimizer::zeroGrad,
                        optimizer::lossScale,
                        () -> optimizer.state("p0", "exp_avg"),
                        () -> optimizer.freeze("a"),
                        () -> save(world, Path.of("never")),
                        () -> load(world, Path.of("never")))
                .forEach(
                        call ->
                                assertThatThrownBy(call::run)
                                        .isInstanceOf(UnusableOptimizerException.class)
                                        .hasMessageContainingAll(
                                                "unusable", "planted", "Close it"));
    }

    @ParameterizedTest
    @EnumSource
    void aStep(Implementation implementation) {
        everyCallFails(implementation, _ -> {}, world -> world.optimizer.step());
    }

    @ParameterizedTest
    @EnumSource
    void aStepAfterAnother(Implementation implementation) {
        everyCallFails(
                implementation, world -> world.optimizer.step(), world -> world.optimizer.step());
    }

    @ParameterizedTest
    @EnumSource
    void zeroingGradients(Implementation implementation) {
        everyCallFails(implementation, _ -> {}, world -> world.optimizer.zeroGrad());
    }

    @ParameterizedTest
    @EnumSource
    void otherHyperParameters(Implementation implementation) {
        everyCallFails(
                implementation,
                world -> world.optimizer.step(),
                world -> world.optimizer.learningRate("a", 0.5));
    }

    @ParameterizedTest
    @EnumSource
    void aCheckpoint(Implementation implementation) {
        var file = folder.resolve("checkpoint");
        try (var faulty = new Faulty(implementation);
                var other = new World(faulty)) {
            for (int i = 0; i < 3; i++) {
                other.optimizer.step();
            }
            save(other, file);
        }
        everyCallFails(implementation, world -> world.optimizer.step(), world -> load(world, file));
    }

    @ParameterizedTest
    @EnumSource
    void capturingAStep(Implementation implementation) {
        everyCallFails(
                implementation,
                world -> world.optimizer.step(),
                world -> world.captured.add(world.optimizer.capture()));
    }

    @ParameterizedTest
    @EnumSource
    void launchingACapturedStep(Implementation implementation) {
        everyCallFails(
                implementation,
                world -> world.captured.add(world.optimizer.capture()),
                world -> world.captured.getFirst().launch());
    }

    @ParameterizedTest
    @EnumSource
    void anotherGroup(Implementation implementation) {
        everyCallFails(
                implementation,
                world -> {
                    world.optimizer.step();
                    world.parameters.add(world.parameter("p3", 4));
                },
                world ->
                        world.optimizer.add(
                                new ParameterGroup(
                                        "c",
                                        AdamW.defaults(),
                                        List.of(world.parameters.getLast()))));
    }

    @ParameterizedTest
    @EnumSource
    void building(Implementation implementation) {
        try (var faulty = new Faulty(implementation);
                var world = new World(faulty)) {
            var faults = faulty.faults;
            faults.failAt(0);
            world.build().close();
            int calls = faults.calls();
            assertThat(calls).isPositive();
            for (int call = 1; call <= calls; call++) {
                int open = faulty.record.open().size();
                faults.failAt(call);
                try {
                    world.build().close();
                } catch (CudaException e) {
                    assertThat(e).hasMessageContaining("planted");
                }
                faults.failAt(0);
                assertThat(faulty.record.open())
                        .as("call %d of %d, %s: left open", call, calls, faults.failed())
                        .hasSize(open + (faults.failedToFree() ? 1 : 0));
            }
        }
    }
}

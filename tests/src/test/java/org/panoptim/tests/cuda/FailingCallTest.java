package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.UnusableOptimizerException;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.driver.RecordingDriver;
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Adagrad;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Lion;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SAM;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.CapturedStep;
import org.panoptim.step.LossScale;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
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
    private static final class Training implements AutoCloseable {

        final FaultyDriver faults;
        final CudaBackend backend;
        final List<Buffer> buffers = new ArrayList<>();
        final List<Parameter> parameters = new ArrayList<>();
        final List<CapturedStep> captured = new ArrayList<>();
        final Optimizer optimizer;

        Training(Faulty faulty) {
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
                    .companion(SAM.withRho(0.5))
                    .backend(backend)
                    .build();
        }

        /** The same after a step, which shows what the device received. */
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

        private static List<Float> floats(org.panoptim.tensor.StateTensor state) {
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

    private static void save(Training training, Path file) {
        try {
            training.optimizer.save(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void load(Training training, Path file) {
        try {
            training.optimizer.load(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Takes an action with each of its driver calls failing in turn. */
    private static void everyCallFails(
            Implementation implementation, Consumer<Training> before, Consumer<Training> action) {
        everyCallFails(implementation, before, action, Training::afterAStep);
    }

    /**
     * The same.
     *
     * @param after what the optimizer is after the action
     */
    private static void everyCallFails(
            Implementation implementation,
            Consumer<Training> before,
            Consumer<Training> action,
            Function<Training, List<Object>> after) {
        try (var faulty = new Faulty(implementation)) {
            int calls;
            List<Object> right;
            try (var training = new Training(faulty)) {
                before.accept(training);
                faulty.faults.failAt(0);
                action.accept(training);
                calls = faulty.faults.calls();
                right = after.apply(training);
            }
            assertThat(calls).as("calls to fail").isPositive();
            for (int call = 1; call <= calls; call++) {
                var what = "call " + call + " of " + calls;
                int open = faulty.record.open().size();
                try (var training = new Training(faulty)) {
                    before.accept(training);
                    fail(training, call, action, after, right, what);
                }
                assertThat(faulty.record.open())
                        .as(what + ", " + faulty.faults.failed() + ": left open")
                        .hasSize(open + (faulty.faults.failedToFree() ? 1 : 0));
                assertThat(faulty.record.faults()).as(what).isEmpty();
            }
        }
    }

    private static void fail(
            Training training,
            int call,
            Consumer<Training> action,
            Function<Training, List<Object>> after,
            List<Object> right,
            String what) {
        var old = training.everything();
        training.faults.failAt(call);
        Throwable thrown = null;
        try {
            action.accept(training);
        } catch (RuntimeException e) {
            thrown = e;
        }
        training.faults.failAt(0);
        if (thrown == null) {
            // One whose failure does not matter.
            assertThat(after.apply(training)).as(what).isEqualTo(right);
        } else if (thrown instanceof UnusableOptimizerException) {
            assertThat(thrown).hasRootCauseInstanceOf(CudaException.class);
            assertRefusesEverything(training);
        } else {
            assertThat(thrown)
                    .as(what)
                    .isInstanceOf(CudaException.class)
                    .hasMessageContaining("planted");
            assertThat(training.everything()).as(what).isEqualTo(old);
            action.accept(training);
            assertThat(after.apply(training)).as(what + ", tried again").isEqualTo(right);
        }
    }

    private static void assertRefusesEverything(Training training) {
        var optimizer = training.optimizer;
        Stream.<Runnable>of(
                        optimizer::step,
                        optimizer::report,
                        optimizer::zeroGrad,
                        () -> optimizer.run(SAM.PERTURB),
                        optimizer::lossScale,
                        () -> optimizer.state("p0", "exp_avg"),
                        () -> optimizer.freeze("a"),
                        () -> save(training, Path.of("never")),
                        () -> load(training, Path.of("never")))
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
        everyCallFails(implementation, _ -> {}, training -> training.optimizer.step());
    }

    @ParameterizedTest
    @EnumSource
    void aStepAfterAnother(Implementation implementation) {
        everyCallFails(
                implementation,
                training -> training.optimizer.step(),
                training -> training.optimizer.step());
    }

    @ParameterizedTest
    @EnumSource
    void aPassThatOpens(Implementation implementation) {
        everyCallFails(
                implementation,
                _ -> {},
                training -> training.optimizer.run(SAM.PERTURB),
                FailingCallTest::openAndClosed);
    }

    @ParameterizedTest
    @EnumSource
    void aPassThatClosesAfterOtherGradients(Implementation implementation) {
        everyCallFails(
                implementation,
                training -> {
                    training.optimizer.run(SAM.PERTURB);
                    training.parameters.getFirst().clearGradient();
                },
                training -> training.optimizer.run(SAM.RESTORE));
    }

    private static List<Object> openAndClosed(Training training) {
        var all = training.everything();
        training.optimizer.run(SAM.RESTORE);
        all.addAll(training.afterAStep());
        return all;
    }

    @ParameterizedTest
    @EnumSource
    void zeroingGradients(Implementation implementation) {
        everyCallFails(implementation, _ -> {}, training -> training.optimizer.zeroGrad());
    }

    @ParameterizedTest
    @EnumSource
    void otherHyperParameters(Implementation implementation) {
        everyCallFails(
                implementation,
                training -> training.optimizer.step(),
                training -> training.optimizer.learningRate("a", 0.5));
    }

    @ParameterizedTest
    @EnumSource
    void aCheckpoint(Implementation implementation) {
        var file = folder.resolve("checkpoint");
        try (var faulty = new Faulty(implementation);
                var other = new Training(faulty)) {
            for (int i = 0; i < 3; i++) {
                other.optimizer.step();
            }
            save(other, file);
        }
        everyCallFails(
                implementation,
                training -> training.optimizer.step(),
                training -> load(training, file));
    }

    @ParameterizedTest
    @EnumSource
    void capturingAStep(Implementation implementation) {
        everyCallFails(
                implementation,
                training -> training.optimizer.step(),
                training -> training.captured.add(training.optimizer.capture()));
    }

    @ParameterizedTest
    @EnumSource
    void launchingACapturedStep(Implementation implementation) {
        everyCallFails(
                implementation,
                training -> training.captured.add(training.optimizer.capture()),
                training -> training.captured.getFirst().launch());
    }

    @ParameterizedTest
    @EnumSource
    void anotherGroup(Implementation implementation) {
        everyCallFails(
                implementation,
                training -> {
                    training.optimizer.step();
                    training.parameters.add(training.parameter("p3", 4));
                },
                training ->
                        training.optimizer.add(
                                new ParameterGroup(
                                        "c",
                                        AdamW.defaults(),
                                        List.of(training.parameters.getLast()))));
    }

    @ParameterizedTest
    @EnumSource
    void anotherGroupAfterACapture(Implementation implementation) {
        everyCallFails(
                implementation,
                training -> {
                    training.captured.add(training.optimizer.capture());
                    training.captured.getFirst().launch();
                    training.parameters.add(training.parameter("p3", 4));
                },
                training ->
                        training.optimizer.add(
                                new ParameterGroup(
                                        "c",
                                        AdamW.defaults(),
                                        List.of(training.parameters.getLast()))));
    }

    @ParameterizedTest
    @EnumSource
    void aGroupThatIsRefusedLeavesNothingToTheNext(Implementation implementation) {
        int call = 0;
        boolean failed;
        do {
            call++;
            try (var faulty = new Faulty(implementation);
                    var training = new Training(faulty)) {
                training.optimizer.step();
                var parameter = training.parameter("late", 4);
                int open = faulty.record.open().size();
                boolean refused = isRefused(training, adagrad(parameter, 0.5), call);
                failed = !training.faults.failed().equals("none");
                if (refused && !isUnusable(training)) {
                    assertThat(faulty.record.open()).as("call %d", call).hasSize(open);
                    training.optimizer.add(adagrad(parameter, 2));
                    assertThat(training.optimizer.state("late", "sum").toArray())
                            .as("call %d", call)
                            .containsOnly(2f);
                }
            }
        } while (failed);
        assertThat(call).isGreaterThan(10);
    }

    private static ParameterGroup adagrad(Parameter parameter, double initial) {
        var rule =
                Rules.with(
                        Adagrad.defaults(),
                        Map.of("initial_accumulator_value", String.valueOf(initial)));
        return new ParameterGroup("late", rule, List.of(parameter));
    }

    private static boolean isRefused(Training training, ParameterGroup group, int call) {
        training.faults.failAt(call);
        try {
            training.optimizer.add(group);
        } catch (CudaException | UnusableOptimizerException e) {
            return true;
        } finally {
            training.faults.failAt(0);
        }
        return false;
    }

    private static boolean isUnusable(Training training) {
        try {
            training.optimizer.report();
            return false;
        } catch (UnusableOptimizerException e) {
            return true;
        }
    }

    @ParameterizedTest
    @EnumSource
    void building(Implementation implementation) {
        try (var faulty = new Faulty(implementation);
                var training = new Training(faulty)) {
            var faults = faulty.faults;
            faults.failAt(0);
            training.build().close();
            int calls = faults.calls();
            assertThat(calls).isPositive();
            for (int call = 1; call <= calls; call++) {
                int open = faulty.record.open().size();
                faults.failAt(call);
                try {
                    training.build().close();
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

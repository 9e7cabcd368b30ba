package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.gradientValues;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.matrix.HostBatch;
import org.panoptim.matrix.MatrixBatch;
import org.panoptim.matrix.MatrixEngine;
import org.panoptim.matrix.MatrixSize;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Cubic;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.MatrixWork;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.RuleDescriptor;
import org.panoptim.rule.SGD;
import org.panoptim.rule.Slot;
import org.panoptim.schedule.Schedule;
import org.panoptim.spi.HostHandles;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Rules that work on whole matrices. */
class MatrixRuleTest {

    private final Backend backend = Backend.named("reference");

    @AfterEach
    void close() {
        backend.close();
    }

    @Test
    void aMatrixIsUpdatedWithItsStatesAndTheStep() {
        var p = tensor("p", Shape.of(2, 3), 1, 1, 1, 1, 1, 1);
        try (var optimizer =
                Optimizer.builder(new Cubic(1, false))
                        .group("all", List.of(p))
                        .schedule(Schedule.of(step -> 1.0 / step))
                        .lossScale(LossScale.fixed(2))
                        .statistics(true)
                        .zeroGradients(true)
                        .backend(backend)
                        .build()) {
            // G = [1 0 2; 0 1 −1]; G·Gᵀ = [5 −2; −2 2]; times G: [5 −2 12; −2 2 −6].
            gradient(p, 2, 0, 4, 0, 2, -2);
            optimizer.step();
            assertThat(optimizer.state("p", "last").toArray())
                    .containsExactly(5, -2, 12, -2, 2, -6);
            assertThat(optimizer.state("p", "steps").toArray()).containsOnly(1);
            assertThat(values(p)).containsExactly(-4, 3, -11, 3, -1, 7);
            assertThat(gradientValues(p)).containsOnly(0);
            assertThat(optimizer.report().updateNorm())
                    .hasValue(Math.sqrt(25 + 4 + 144 + 4 + 4 + 36));
            gradient(p, 2, 0, 4, 0, 2, -2);
            optimizer.step(); // half of it
            assertThat(values(p)).containsExactly(-6.5f, 4, -17, 4, -2, 10);
            assertThat(optimizer.state("p", "steps").toArray()).containsOnly(2);
        }
    }

    @Test
    void itClimbsAndIsClippedAsOtherRulesAre() {
        var p = tensor("p", Shape.of(1, 1), 0);
        try (var optimizer =
                Optimizer.builder(new Cubic(1, true))
                        .group("all", List.of(p))
                        .clipGlobalNorm(1)
                        .backend(backend)
                        .build()) {
            gradient(p, 2);
            optimizer.step();
            float g = -(2 * (float) (1 / (2 + 1e-6)));
            assertThat(values(p)).containsExactly(-(g * g * g));
        }
    }

    @Test
    void itStandsBesideOtherRulesAndMayBeAbsentFrozenOrRefused() {
        var matrix = tensor("matrix", Shape.of(1, 2), 1, 1);
        var vector = vector("vector", 1, 1);
        try (var optimizer =
                Optimizer.builder(new Cubic(1, false))
                        .group("matrices", List.of(matrix))
                        .group("vectors", List.of(vector), SGD.withLearningRate(1))
                        .nonFinite(NonFinitePolicy.SKIP)
                        .statistics(true)
                        .backend(backend)
                        .build()) {
            gradient(vector, 1, 1);
            optimizer.step();
            assertThat(values(matrix)).containsExactly(1, 1);
            gradient(matrix, Float.NaN, 1);
            optimizer.step();
            assertThat(optimizer.report().skipped()).isEqualTo(1);
            assertThat(optimizer.state("matrix", "steps").toArray()).containsExactly(0, 0);
            gradient(matrix, 1, 0);
            optimizer.freeze("matrices");
            optimizer.step();
            assertThat(values(matrix)).containsExactly(1, 1);
            optimizer.unfreeze("matrices");
            optimizer.step();
            assertThat(values(matrix)).containsExactly(0, 1);
            assertThat(values(vector)).containsExactly(-2, -2);
            assertThat(optimizer.report().updateNorm()).hasValue(Math.sqrt(3));
        }
    }

    /** Does between its phases what a test says. */
    public record Told(double learningRate, Consumer<MatrixWork> work) implements MatrixRule {

        @Override
        public RuleDescriptor<Told> descriptor() {
            return RuleDescriptor.of(Told.class, "made for the test")
                    .learningRate(1, Told::learningRate)
                    .build(v -> new Told(v.number(), work));
        }

        @Override
        public String name() {
            return "told";
        }

        @Override
        public Told atLearningRate(double value) {
            return new Told(value, work);
        }

        @Override
        public List<Slot> slots() {
            return List.of(
                    new Slot("kept"),
                    new Slot("free").forOneStep(),
                    new Slot("row", Slot.Extent.ROW));
        }

        @Override
        public int phases() {
            return 2;
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return phase == 0
                    ? _ -> {}
                    : element -> element.parameter(element.parameter() - element.gradient());
        }

        @Override
        public List<MatrixSize> scratch(Shape parameter) {
            return List.of(MatrixSize.of(parameter), new MatrixSize(5, 2));
        }

        @Override
        public void between(int phase, MatrixWork between) {
            work.accept(between);
        }
    }

    private void told(List<Parameter> parameters, Consumer<MatrixWork> work) {
        try (var optimizer =
                Optimizer.builder(new Told(1, work))
                        .group("all", parameters)
                        .backend(backend)
                        .build()) {
            optimizer.step();
        }
    }

    @Test
    void parametersOfOneShapeAreWorkedOnTogether() {
        var calls = new ArrayList<String>();
        told(
                List.of(
                        gradient(tensor("a", Shape.of(1, 2), 1, 1), 1, 1),
                        gradient(tensor("b", Shape.of(2, 1), 1, 1), 1, 1),
                        gradient(tensor("c", Shape.of(1, 2), 1, 1), 1, 1),
                        tensor("without a gradient", Shape.of(1, 2), 1, 1),
                        gradient(tensor("empty", Shape.of(0, 2)))),
                work ->
                        calls.add(
                                "%s: %d of %s"
                                        .formatted(
                                                work.shape(),
                                                work.slot(1).count(),
                                                work.scratch(0).size())));
        assertThat(calls).containsExactly("[1, 2]: 2 of 1 x 2", "[2, 1]: 1 of 2 x 1");
    }

    @Test
    void whatDoesNotFitIsRefused() {
        assertTold(
                "a product of matrices of 1 x 2 and 1 x 2 does not fit one of 1 x 2",
                work ->
                        work.engine()
                                .multiply(
                                        1,
                                        work.slot(1),
                                        false,
                                        work.slot(0),
                                        false,
                                        0,
                                        work.scratch(0)));
        assertTold(
                "a product of matrices of 2 x 1 and 1 x 2 does not fit one of 5 x 2",
                work ->
                        work.engine()
                                .multiply(
                                        1,
                                        work.slot(1),
                                        true,
                                        work.slot(0),
                                        false,
                                        0,
                                        work.scratch(1)));
        assertTold(
                "matrices of 5 x 2 cannot be copied to those of 1 x 2",
                work -> work.engine().copy(work.scratch(1), work.slot(1)));
        assertTold(
                "rule told: slot 'row' has no value for each element, so it is no matrix",
                work -> work.slot(2));
    }

    @Test
    void aPlaceHasOneHandleSoThatAProductOverItsOwnFactorIsRefused() {
        var square = gradient(tensor("p", Shape.of(2, 2), 1, 1, 1, 1), 1, 1, 1, 1);
        for (var work :
                List.<Consumer<MatrixWork>>of(
                        each ->
                                each.engine()
                                        .multiply(
                                                1,
                                                each.slot(1),
                                                false,
                                                each.slot(0),
                                                false,
                                                0,
                                                each.slot(1)),
                        each ->
                                each.engine()
                                        .multiply(
                                                1,
                                                each.slot(0),
                                                false,
                                                each.scratch(0),
                                                false,
                                                0,
                                                each.scratch(0)))) {
            assertThatThrownBy(() -> told(List.of(square), work))
                    .hasRootCauseMessage("a product cannot be written over its own factor");
        }
    }

    @Test
    void aPlaceThatIsNotThereIsNamed() {
        assertTold(
                "rule told has no slot 7; its slots are [kept, free (for one step), row (ROW)]",
                work -> work.slot(7));
        assertTold(
                "rule told asked for 2 scratch matrices, so it has none at -1",
                work -> work.scratch(-1));
    }

    @Test
    void aStateThatOutlastsTheStepIsNotWritten() {
        assertTold(
                "a state that outlasts the step is written by its phases alone, since those know"
                        + " whether the step is accepted; let a phase store it",
                work -> work.engine().copy(work.slot(1), work.slot(0)));
    }

    @Test
    void whatARuleKeepsIsRefusedWhenTheCallIsOver() {
        var works = new ArrayList<MatrixWork>();
        var engines = new ArrayList<MatrixEngine>();
        var batches = new ArrayList<MatrixBatch>();
        told(
                List.of(gradient(tensor("p", Shape.of(1, 2), 1, 1), 1, 1)),
                work -> {
                    works.add(work);
                    engines.add(work.engine());
                    batches.add(work.slot(1));
                });
        var batch = batches.getFirst();
        for (var use :
                List.<ThrowingCallable>of(
                        works.getFirst()::shape,
                        works.getFirst()::engine,
                        () -> works.getFirst().slot(1),
                        () -> works.getFirst().scratch(0),
                        () -> engines.getFirst().copy(batch, batch))) {
            assertThatThrownBy(use)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(
                            "rule told kept what it was given after phase 0 for parameters of [1,"
                                    + " 2], which is valid only until 'between' returns");
        }
    }

    @Test
    void anEngineTakesMatricesOfItsCallAlone() {
        var own =
                new HostBatch(
                        new MatrixSize(1, 2), List.of(MemorySegment.ofArray(new float[2])), true);
        assertTold(
                "these matrices are not of this call of 'between'",
                work -> work.engine().copy(own, work.slot(1)));
        assertTold(
                "these matrices are not of this call of 'between'",
                outer ->
                        told(
                                List.of(gradient(tensor("q", Shape.of(1, 2), 1, 1), 1, 1)),
                                inner -> inner.engine().copy(outer.slot(0), inner.slot(1))));
    }

    @Test
    void aFailureSaysWhichRuleFailedWhereAndNoParameterIsWritten() {
        var thrown = new ArithmeticException("planted");
        var p = gradient(tensor("p", Shape.of(1, 2), 1, 1), 1, 1);
        assertThatThrownBy(
                        () ->
                                told(
                                        List.of(p),
                                        _ -> {
                                            throw thrown;
                                        }))
                .isInstanceOf(UnusableOptimizerException.class)
                .hasMessageContaining(
                        "since a step failed half way: group 'all': the linear algebra of rule told"
                                + " after phase 0, for parameters of [1, 2], failed:"
                                + " java.lang.ArithmeticException: planted. Close it")
                .satisfies(e -> assertThat(e.getCause().getCause()).isSameAs(thrown));
        assertThat(values(p)).containsExactly(1, 1);
    }

    private void assertTold(String message, Consumer<MatrixWork> work) {
        var parameter = gradient(tensor("p", Shape.of(1, 2), 1, 1), 1, 1);
        assertThatThrownBy(() -> told(List.of(parameter), work))
                .hasRootCauseInstanceOf(IllegalArgumentException.class)
                .hasRootCauseMessage(message);
    }

    @Test
    void aFrozenGroupIsNotWorkedOnWhileOthersAre() {
        var calls = new ArrayList<Shape>();
        Consumer<MatrixWork> work = each -> calls.add(each.shape());
        var row = gradient(tensor("row", Shape.of(1, 2), 1, 1), 1, 1);
        var column = gradient(tensor("column", Shape.of(2, 1), 1, 1), 1, 1);
        try (var optimizer =
                Optimizer.builder(new Told(1, work))
                        .group("rows", List.of(row))
                        .group("columns", List.of(column))
                        .backend(backend)
                        .build()) {
            optimizer.freeze("rows");
            optimizer.step();
            assertThat(calls).containsExactly(column.shape());
            optimizer.unfreeze("rows");
            optimizer.step();
            assertThat(calls).containsExactly(column.shape(), row.shape(), column.shape());
        }
    }

    @Test
    void scratchMemoryIsFreedOnceTheGroupsNeedAnother() {
        var used = new ArrayList<MemorySegment>();
        Consumer<MatrixWork> work =
                each -> used.addAll(HostHandles.segments(each, each.scratch(0)));
        try (var optimizer =
                Optimizer.builder(new Told(1, work))
                        .group("all", List.of(gradient(tensor("p", Shape.of(1, 2), 1, 1), 1, 1)))
                        .backend(backend)
                        .build()) {
            optimizer.step();
            optimizer.learningRate("all", 2);
            optimizer.step();
            assertThat(used).hasSize(2).allMatch(segment -> segment.scope().isAlive());
            assertThat(used.getFirst().address()).isEqualTo(used.getLast().address());
            var q = gradient(tensor("q", Shape.of(2, 1), 1, 1), 1, 1);
            optimizer.add(new ParameterGroup("more", new Told(1, work), List.of(q)));
            assertThat(used).noneMatch(segment -> segment.scope().isAlive());
            used.clear();
            optimizer.step();
            assertThat(used).hasSize(2).allMatch(segment -> segment.scope().isAlive());
        }
        assertThat(used).noneMatch(segment -> segment.scope().isAlive());
    }

    @Test
    void memoryForOneStepIsNoState() {
        var p = gradient(tensor("p", Shape.of(1, 2), 1, 1), 1, 1);
        try (var optimizer =
                Optimizer.builder(new Cubic(1, false))
                        .group("all", List.of(p))
                        .backend(backend)
                        .build()) {
            assertThatThrownBy(() -> optimizer.state("p", "product"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("keeps no state 'product'");
        }
    }

    @Test
    void aParameterThatLiesTransposedIsRefused() {
        var transposed =
                Parameter.of(
                        "w",
                        Shape.of(2, 2),
                        new DimensionOrder(List.of(1, 0)),
                        tensor("memory", Shape.of(2, 2), 1, 2, 3, 4).value());
        assertThatThrownBy(
                        () -> new ParameterGroup("all", new Cubic(0.1, false), List.of(transposed)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "group 'all': rule cubic works on matrices, so parameter 'w' must be"
                                + " contiguous, but its dimensions lie in memory in the order [1,"
                                + " 0]");
        // A rule that works element by element takes it.
        new ParameterGroup("all", SGD.defaults(), List.of(transposed));
    }
}

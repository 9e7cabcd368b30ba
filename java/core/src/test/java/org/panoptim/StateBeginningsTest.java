package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.parameter.ParameterSource;
import org.panoptim.parameter.Tensors;
import org.panoptim.rule.MatrixView;
import org.panoptim.rule.Prodigy;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SGD;
import org.panoptim.rule.Slot;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What states begin as, and what a refused group leaves behind: nothing. */
class StateBeginningsTest {

    private final Backend backend = Backend.named("reference");

    @AfterEach
    void close() {
        backend.close();
    }

    private Optimizer simple() {
        return Optimizer.builder(SGD.withLearningRate(0.1))
                .group("sgd", List.of(vector("w", 1, 2)))
                .backend(backend)
                .build();
    }

    private static Parameter closed() {
        try (var arena = Arena.ofShared()) {
            return Parameter.of("closed", Shape.of(2), arena.allocate(8, 8));
        }
    }

    private static ParameterGroup group(String name, Parameter... parameters) {
        return new ParameterGroup(name, Prodigy.defaults(), List.of(parameters));
    }

    /** A parameter whose states no machine has the memory for. */
    private static Parameter large() {
        return Parameter.of("large", Shape.of(1L << 46), Tensors.memoryAt(1L << 20, 1L << 48));
    }

    @Test
    void aGroupThatIsRefusedLeavesNoStatesToTheNextOne() {
        try (var optimizer = simple()) {
            var p = gradient(vector("p", 1, 2, 3), 0.5f, 1.5f, 2.5f);
            // There is no memory for the second parameter's states.
            assertThatThrownBy(() -> optimizer.add(group("first", p, large())))
                    .isInstanceOf(Throwable.class);
            assertThat(optimizer.groups()).hasSize(1);

            ((HostMemory) p.value()).segment().set(ValueLayout.JAVA_FLOAT, 0, 10);
            optimizer.add(group("second", p));
            assertThat(optimizer.state("p", "p0").toArray()).containsExactly(10, 2, 3);
            for (int i = 0; i < 5; i++) {
                optimizer.step();
            }

            var alone = gradient(vector("p", 10, 2, 3), 0.5f, 1.5f, 2.5f);
            try (var other =
                    Optimizer.builder(Prodigy.defaults())
                            .group("second", List.of(alone))
                            .backend(backend)
                            .build()) {
                for (int i = 0; i < 5; i++) {
                    other.step();
                }
                assertThat(values(p)).containsExactly(values(alone));
                assertThat(optimizer.ruleState("second", "d").value())
                        .isEqualTo(other.ruleState("second", "d").value());
            }
        }
    }

    @Test
    void aNameThatWasRefusedBeginsAnew() {
        try (var optimizer = simple()) {
            assertThatThrownBy(() -> optimizer.add(group("late", vector("p", 1), large())))
                    .isInstanceOf(Throwable.class);

            var rule = Rules.with(Prodigy.defaults(), Map.of("d0", "1e-3"));
            optimizer.add(new ParameterGroup("late", rule, List.of(vector("q", 1))));

            assertThat(optimizer.ruleState("late", "d").value()).isEqualTo(1e-3);
        }
    }

    @Test
    void aParameterThatAStateBeginsAsMustBeOpen() {
        var problem = "parameter 'closed': the arena of its value is closed";
        assertThatIllegalStateException()
                .isThrownBy(
                        () ->
                                Optimizer.builder(Prodigy.defaults())
                                        .group("all", List.of(closed()))
                                        .backend(backend)
                                        .build())
                .withMessage(problem);
        try (var optimizer = simple()) {
            assertThatIllegalStateException()
                    .isThrownBy(() -> optimizer.add(group("late", closed())))
                    .withMessage(problem);
            assertThat(optimizer.groups()).hasSize(1);
        }
    }

    @Test
    void aParameterThatAStateBeginsAsMustBeThisThreads() throws InterruptedException {
        var confined = new Parameter[1];
        var thread =
                new Thread(
                        () ->
                                confined[0] =
                                        Parameter.of(
                                                "theirs",
                                                Shape.of(2),
                                                Arena.ofConfined().allocate(8, 8)));
        thread.start();
        thread.join();

        assertThatIllegalStateException()
                .isThrownBy(
                        () ->
                                Optimizer.builder(Prodigy.defaults())
                                        .group("all", List.of(confined[0]))
                                        .backend(backend)
                                        .build())
                .withMessageStartingWith(
                        "parameter 'theirs': the arena of its value is confined to a thread");
    }

    /** A framework that may have moved its memory, or be gone. */
    private static final class Framework implements ParameterSource {

        boolean moved;
        boolean gone;
        final List<String> asked = new ArrayList<>();

        @Override
        public Watch watch(List<Parameter> parameters) {
            if (gone) {
                throw new IllegalStateException("the framework is closed");
            }
            return new Watch() {
                @Override
                public void refresh() {
                    if (moved) {
                        throw new IllegalStateException("the framework has moved 'w'");
                    }
                }

                @Override
                public void checkValue(int index) {
                    asked.add(parameters.get(index).name());
                }

                @Override
                public void valueWritten(int index) {}

                @Override
                public void gradientWritten(int index) {}
            };
        }
    }

    private static Parameter of(Framework framework) {
        return of("framework", framework);
    }

    private static Parameter of(String name, Framework framework) {
        return Parameter.of(
                name,
                Shape.of(2),
                DimensionOrder.contiguous(1),
                new HostMemory(MemorySegment.ofArray(new float[] {1, 2})),
                framework);
    }

    @Test
    void aFrameworkIsAskedBeforeItsMemoryIsCopied() {
        var framework = new Framework();
        framework.moved = true;
        assertThatIllegalStateException()
                .isThrownBy(
                        () ->
                                Optimizer.builder(Prodigy.defaults())
                                        .group("all", List.of(of(framework)))
                                        .backend(backend)
                                        .build())
                .withMessage("the framework has moved 'w'");
        try (var optimizer = simple()) {
            assertThatIllegalStateException()
                    .isThrownBy(() -> optimizer.add(group("late", of(framework))))
                    .withMessage("the framework has moved 'w'");
            assertThat(optimizer.groups()).hasSize(1);
        }
    }

    @Test
    void aFrameworkIsAskedForTheValuesThatStatesBeginAsAndNoOthers() {
        var framework = new Framework();
        var first = of("first", framework);
        var second = of("second", framework);
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(1))
                        .group("others", List.of(of("other", framework)))
                        .group("all", List.of(first, second), Prodigy.defaults())
                        .backend(backend)
                        .build()) {
            assertThat(framework.asked).containsExactly("first", "second");
            framework.asked.clear();
            optimizer.add(group("late", of("third", framework)));
            assertThat(framework.asked).containsExactly("third");
            framework.asked.clear();
            optimizer.freeze("late");
            optimizer.step();
            assertThat(framework.asked).isEmpty();
        }
    }

    @Test
    void aFrameworkThatRefusesAGroupLeavesEverythingAsItWas() {
        var framework = new Framework();
        framework.gone = true;
        var theirs = gradient(of(framework), 1, 1);
        try (var optimizer = simple()) {
            var late = new ParameterGroup("late", SGD.withLearningRate(1), List.of(theirs));
            assertThatIllegalStateException()
                    .isThrownBy(() -> optimizer.add(late))
                    .withMessage("the framework is closed");
            assertThat(optimizer.groups()).hasSize(1);
            optimizer.step();
            assertThat(values(theirs)).containsExactly(1, 2);

            framework.gone = false;
            optimizer.add(late);
            optimizer.step();
            assertThat(values(theirs)).containsExactly(0, 1);
        }
    }

    @Test
    void aTensorWithoutElementsHasEmptyStatesOfEveryExtent() {
        var empty = Shape.of(1L << 40, 0);
        for (var extent : List.of(Slot.Extent.ELEMENT, Slot.Extent.ROW)) {
            assertThat(new Slot("s", extent).byteSize(empty, MatrixView.LAST_TWO))
                    .as("%s", extent)
                    .isZero();
        }
        assertThat(
                        new Slot("s", Slot.Extent.COLUMN)
                                .byteSize(Shape.of(0, 1L << 40), MatrixView.LAST_TWO))
                .isZero();
    }
}

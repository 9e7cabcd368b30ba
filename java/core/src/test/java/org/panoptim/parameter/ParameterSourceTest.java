package org.panoptim.parameter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.gradientValues;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.LBFGS;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.backend.TestDevice;
import org.panoptim.memory.HostMemory;
import org.panoptim.rule.SAM;
import org.panoptim.rule.SGD;
import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** A framework is asked before an optimizer touches its memory, and told what was written. */
class ParameterSourceTest {

    private static final SGD RULE = SGD.withLearningRate(1);

    private final Backend backend = Backend.named("reference");
    private final List<String> said = new ArrayList<>();

    /** What the framework does when it is asked. */
    private Runnable onRefresh = () -> said.add("refresh");

    private final ParameterSource source = this::watch;
    private final Parameter a = owned("a", source);
    private final Parameter b = owned("b", source);
    private final Parameter free = vector("free", 1, 1);

    @AfterEach
    void close() {
        backend.close();
    }

    private static Parameter owned(String name, ParameterSource source) {
        return Parameter.of(
                name,
                Shape.of(2),
                DimensionOrder.contiguous(1),
                new HostMemory(MemorySegment.ofArray(new float[2])),
                source);
    }

    private ParameterSource.Watch watch(List<Parameter> parameters) {
        return new ParameterSource.Watch() {
            @Override
            public void refresh() {
                onRefresh.run();
            }

            @Override
            public void checkValue(int index) {
                said.add("check " + parameters.get(index).name());
            }

            @Override
            public void valueWritten(int index) {
                said.add("value of " + parameters.get(index).name());
            }

            @Override
            public void gradientWritten(int index) {
                said.add("gradient of " + parameters.get(index).name());
            }
        };
    }

    private Optimizer.Builder<SGD> builder() {
        return Optimizer.builder(RULE)
                .group("first", List.of(a, free))
                .group("second", List.of(b))
                .backend(backend);
    }

    @Test
    void aFrameworkWouldNotKnowTheParameterWithAnOutput() {
        var output = new Output(DType.F32, new HostMemory(MemorySegment.ofArray(new float[2])));
        for (var call :
                List.<ThrowingCallable>of(() -> a.copiedTo(output), () -> a.averagedIn(output))) {
            assertThatThrownBy(call)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(
                            "parameter 'a': it belongs to a framework, which would not know another"
                                    + " one for it");
        }
    }

    @Test
    void aStepUsesTheGradientsThatTheSourceSets() {
        try (var optimizer = builder().build()) {
            gradient(a, 9, 9);
            gradient(free, 1, 1);
            onRefresh = () -> gradient(a, 1, 2);

            optimizer.step();
            assertThat(values(a)).containsExactly(-1, -2);

            onRefresh = a::clearGradient;
            optimizer.step();
            assertThat(values(a)).containsExactly(-1, -2);
            assertThat(optimizer.report().counts())
                    .containsEntry("a", 1L)
                    .containsEntry("free", 2L);
        }
    }

    @Test
    void aPassAsksAndTellsOfWhatItGoesOver() {
        try (var optimizer = builder().companion(SAM.withRho(1)).build()) {
            gradient(a, 3, 4);
            optimizer.run(SAM.PERTURB);
            assertThat(said).containsExactly("refresh", "value of a");
            assertThat(values(a)).containsExactly(0.6f, 0.8f);
            said.clear();
            // Over all of them, of which only those with a gradient were looked at.
            optimizer.run(SAM.RESTORE);
            assertThat(said)
                    .containsExactlyInAnyOrder("refresh", "check b", "value of a", "value of b");
            said.clear();
            optimizer.freeze("second");
            optimizer.run(SAM.PERTURB);
            optimizer.run(SAM.RESTORE);
            assertThat(said).containsExactly("refresh", "value of a", "refresh", "value of a");
        }
    }

    @Test
    void aPassOverMemoryThatHasMovedChangesNothing() {
        try (var optimizer = builder().companion(SAM.withRho(1)).build()) {
            gradient(a, 3, 4);
            onRefresh =
                    () -> {
                        throw new IllegalStateException("a has moved");
                    };
            assertThatThrownBy(() -> optimizer.run(SAM.PERTURB)).hasMessage("a has moved");
            assertThat(values(a)).containsExactly(0, 0);
            onRefresh = () -> {};
            optimizer.run(SAM.PERTURB);
            assertThat(values(a)).containsExactly(0.6f, 0.8f);
        }
    }

    @Test
    void whatTheSourceRefusesIsNotTaken() {
        try (var optimizer = builder().zeroGradients(true).build()) {
            gradient(a, 1, 1);
            gradient(free, 1, 1);
            onRefresh =
                    () -> {
                        throw new IllegalStateException("a has moved");
                    };
            for (var call : List.<Runnable>of(optimizer::step, optimizer::zeroGrad)) {
                assertThatThrownBy(call::run)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessage("a has moved");
            }
            assertThatThrownBy(optimizer::capture).hasMessage("a has moved");
            assertThat(values(free)).containsExactly(1, 1);
            assertThat(gradientValues(free)).containsExactly(1, 1);
            assertThat(optimizer.report().step()).isZero();
            assertThat(said).isEmpty();

            onRefresh = () -> {};
            optimizer.step();
            assertThat(values(free)).containsExactly(0, 0);
        }
    }

    @Test
    void onlyWhatWasUpdatedCountsAsWritten() {
        try (var optimizer = builder().build()) {
            gradient(a, 1, 1);
            optimizer.step();
            assertThat(said).containsExactly("refresh", "value of a");

            said.clear();
            gradient(b, 1, 1);
            optimizer.freeze("first");
            optimizer.step();
            assertThat(said).containsExactly("refresh", "value of b");
        }
    }

    @Test
    void zeroedGradientsCountAsWrittenThoseOfFrozenGroupsToo() {
        try (var optimizer = builder().zeroGradients(true).build()) {
            gradient(a, 1, 1);
            gradient(b, 1, 1);
            optimizer.freeze("second");
            optimizer.step();
            assertThat(said)
                    .containsExactly("refresh", "value of a", "gradient of a", "gradient of b");
            assertThat(gradientValues(b)).containsExactly(0, 0);
        }
    }

    @Test
    void zeroGradWritesGradientsAlone() {
        try (var optimizer = builder().build()) {
            gradient(b, 1, 1);
            optimizer.zeroGrad();
            assertThat(said).containsExactly("refresh", "gradient of b");
        }
    }

    @Test
    void aTransformCountsAsWritingTheGradientsOfAnAcceptedStep() {
        try (var optimizer = builder().transform(_ -> {}).nonFinite(NonFinitePolicy.SKIP).build()) {
            gradient(a, 1, 1);
            optimizer.step();
            assertThat(said).containsExactly("refresh", "value of a", "gradient of a");

            said.clear();
            gradient(a, Float.NaN, 1);
            optimizer.step();
            assertThat(said).containsExactly("refresh");
        }
    }

    @Test
    void aRefusedStepWritesNothingButZeros() {
        for (var policy : List.of(NonFinitePolicy.SKIP, NonFinitePolicy.FAIL)) {
            for (boolean zeroing : List.of(false, true)) {
                said.clear();
                try (var optimizer = builder().nonFinite(policy).zeroGradients(zeroing).build()) {
                    gradient(a, Float.NaN, 1);
                    try {
                        optimizer.step();
                    } catch (NonFiniteGradientException e) {
                        assertThat(policy).isEqualTo(NonFinitePolicy.FAIL);
                    }
                    assertThat(said)
                            .as("%s, zeroing: %s", policy, zeroing)
                            .isEqualTo(
                                    zeroing
                                            ? List.of("refresh", "gradient of a")
                                            : List.of("refresh"));
                }
            }
        }
    }

    @Test
    void aFailedStepWritesNothing() {
        try (var optimizer =
                builder()
                        .transform(
                                _ -> {
                                    throw new IllegalStateException("no");
                                })
                        .build()) {
            gradient(a, 1, 1);
            assertThatThrownBy(optimizer::step).hasMessage("no");
            assertThat(said).containsExactly("refresh");
        }
    }

    @Test
    void aLaunchAsksFirstCountsAsWritingAndNeedsTheGradientsWhereTheyWereCaptured() {
        try (var arena = Arena.ofConfined();
                var device = new TestDevice();
                var optimizer = builder().backend(device).build()) {
            a.gradient(arena.allocate(ValueLayout.JAVA_FLOAT, 2));
            b.gradient(arena.allocate(ValueLayout.JAVA_FLOAT, 2));
            try (var captured = optimizer.capture()) {
                said.clear();
                captured.launch();
                assertThat(said).containsExactly("refresh", "value of a", "value of b");

                for (var moved : List.of(a, b)) {
                    var before = moved.gradient().orElseThrow();
                    moved.gradient(arena.allocate(ValueLayout.JAVA_FLOAT, 2));
                    said.clear();
                    assertThatThrownBy(captured::launch)
                            .isInstanceOf(IllegalStateException.class)
                            .hasMessage(
                                    "the gradient of parameter '%s' is not where it was when the"
                                            + " step was captured; capture the step anew",
                                    moved.name());
                    assertThat(said).containsExactly("refresh");
                    moved.gradient(before);
                }
                captured.launch();
            }
            assertThat(device.calls).filteredOn("launch"::equals).hasSize(2);
        }
    }

    @Test
    void aSourceIsAskedOnlyOfParametersThatTheOptimizerHas() {
        var other = owned("other", source);
        var asked = new ArrayList<List<Parameter>>();
        ParameterSource counting =
                parameters -> {
                    asked.add(parameters);
                    return watch(parameters);
                };
        var c = owned("c", counting);
        var d = owned("d", counting);
        try (var optimizer =
                Optimizer.builder(RULE).group("all", List.of(d, free)).backend(backend).build()) {
            assertThat(asked).containsExactly(List.of(d));
            optimizer.add(new ParameterGroup("late", RULE, List.of(other, c)));
            assertThat(asked).containsExactly(List.of(d), List.of(d, c));

            gradient(c, 1, 1);
            gradient(other, 1, 1);
            optimizer.step();
            assertThat(said)
                    .containsExactlyInAnyOrder(
                            "refresh", "refresh", "value of c", "value of other");
        }
    }

    /** A step of L-BFGS reads gradients after the closure, and writes every value. */
    @Test
    void lbfgsAsksBeforeEachPassAndTellsOfEachMove() {
        try (var optimizer =
                LBFGS.builder(List.of(a, b)).maxIterations(1).backend(backend).build()) {
            optimizer.step(
                    () -> {
                        said.add("closure");
                        gradient(a, 1, 1);
                        return 1;
                    });
            assertThat(said)
                    .containsExactly(
                            "closure",
                            "refresh",
                            "check b",
                            "refresh",
                            "check b",
                            "value of a",
                            "value of b");
            onRefresh =
                    () -> {
                        throw new IllegalStateException("moved");
                    };
            assertThatThrownBy(() -> optimizer.step(() -> 1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("moved");
        }
    }
}

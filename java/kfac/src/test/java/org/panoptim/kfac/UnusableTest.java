package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.panoptim.kfac.Matrices.random;
import static org.panoptim.kfac.OneLayer.INPUTS;
import static org.panoptim.kfac.OneLayer.OUTPUTS;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.panoptim.UnusableOptimizerException;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.StepContext;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.Map;

/** Where what failed half way cannot be taken back, all but closing is refused, with the reason. */
class UnusableTest {

    private static final StepContext STEP = new StepContext(true, 1, 1, 1);

    private final TestDevice device = new TestDevice();

    private OneLayer trained() {
        var layer = new OneLayer(device, builder -> builder, builder -> builder);
        prepare(layer);
        layer.optimizer.step();
        return layer;
    }

    private static void prepare(OneLayer layer) {
        layer.accumulate(random(6, INPUTS, 1), random(6, OUTPUTS, 2));
        layer.gradient(random(OUTPUTS, INPUTS + 1, 3));
    }

    private static void assertRefused(String what, Map<String, ThrowingCallable> calls) {
        calls.forEach(
                (name, call) ->
                        assertThatThrownBy(call)
                                .as(name)
                                .isExactlyInstanceOf(IllegalStateException.class)
                                .hasMessage(what));
    }

    private static Map<String, ThrowingCallable> calls(OneLayer layer, Map<String, String> saved) {
        var kfac = layer.kfac;
        return Map.of(
                "factorsDue", kfac::factorsDue,
                "factorsDue of a layer", () -> kfac.factorsDue("l"),
                "accumulate", () -> prepare(layer),
                "discard", kfac::discard,
                "refresh", kfac::refresh,
                "transform", () -> kfac.transform(STEP),
                "metadata", kfac::metadata,
                "states", kfac::states,
                "checkMetadata", () -> kfac.checkMetadata(saved));
    }

    private static String kfac(String failure) {
        return "this Kfac is unusable: a step or refresh failed half way, and what it had changed"
                + " could not be taken back; close the optimizer, and load its last checkpoint"
                + " into a new one. The failure was: "
                + failure;
    }

    @Test
    void afterAStepOfKfac() {
        try (var layer = trained()) {
            var saved = layer.kfac.metadata();
            prepare(layer);
            device.fail("precondition", "undo");
            assertThatThrownBy(layer.optimizer::step)
                    .isInstanceOf(UnusableOptimizerException.class)
                    .hasRootCauseMessage("precondition fails");
            device.recover();
            assertRefused(kfac("precondition fails"), calls(layer, saved));
        }
        assertThat(device.open).as("closing works").isZero();
    }

    @Test
    void afterARefreshOfKfac() {
        try (var layer = trained()) {
            var saved = layer.kfac.metadata();
            device.fail("invert", "undo");
            var thrown = catchThrowable(layer.kfac::refresh);
            assertThat(thrown).hasMessage("invert fails");
            assertThat(thrown.getSuppressed())
                    .singleElement()
                    .satisfies(undo -> assertThat(undo).hasMessage("undo fails"));
            device.recover();
            assertRefused(kfac("invert fails"), calls(layer, saved));
        }
        assertThat(device.open).as("closing works").isZero();
    }

    @Test
    void afterAStepOfAdaFisher() {
        try (var layers = new FisherLayers(device, 1)) {
            var curvature = layers.curvature;
            var saved = curvature.metadata();
            layers.accumulate("first");
            device.fail("commit", "undo");
            assertThatThrownBy(layers.optimizer::step)
                    .isInstanceOf(UnusableOptimizerException.class)
                    .hasRootCauseMessage("commit fails");
            device.recover();
            assertRefused(
                    "this curvature is unusable: a step failed half way, and what it had changed"
                            + " could not be taken back; close the optimizer, and load its last"
                            + " checkpoint into a new one. The failure was: commit fails",
                    Map.of(
                            "factorsDue",
                            curvature::factorsDue,
                            "factorsDue of a layer",
                            () -> curvature.factorsDue("first"),
                            "accumulate",
                            () -> layers.accumulate("first"),
                            "discard",
                            curvature::discard,
                            "transform",
                            () -> curvature.transform(STEP),
                            "metadata",
                            curvature::metadata,
                            "states",
                            curvature::states,
                            "checkMetadata",
                            () -> curvature.checkMetadata(saved)));
        }
        assertThat(device.open).as("closing works").isZero();
    }

    @Test
    void aTransformThatIsCalledByHandSaysSoToo() {
        var parameter =
                Parameter.of("w", Shape.of(2, 2), MemorySegment.ofArray(new float[4]))
                        .gradient(MemorySegment.ofArray(new float[4]));
        try (var kfac = Kfac.builder(device).layer("l", parameter).build()) {
            device.fail("precondition", "undo");
            assertThatThrownBy(() -> kfac.transform(STEP))
                    .isInstanceOf(PartialChangeException.class)
                    .hasMessage("a step failed half way")
                    .hasRootCauseMessage("precondition fails");
        }
        device.close();
    }

    @Test
    void aGradientThatCannotBeRewrittenIsFoundBeforeThereIsAnythingToTakeBack() {
        try (var layer = trained()) {
            prepare(layer);
            layer.weight.gradient(Matrices.floats(layer.arena, random(2, 3, 9)).asReadOnly());
            var before = layer.kfac.metadata();
            device.fail("undo");
            assertThatThrownBy(layer.optimizer::step)
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessage(
                            "layer 'l': the gradient of parameter 'weight' cannot be rewritten: the"
                                    + " segment is read-only");
            assertThat(layer.kfac.metadata()).isEqualTo(before);
            layer.gradient(random(OUTPUTS, INPUTS + 1, 3));
            assertThatCode(layer.optimizer::step).doesNotThrowAnyException();
        }
    }

    @Test
    void aKfacThatCannotBeBuiltLeavesNothingOpen() {
        var parameter = Parameter.of("w", Shape.of(2, 2), MemorySegment.ofArray(new float[4]));
        device.fail("adoptIdentity");
        var builder =
                Kfac.builder(device).layer("l", parameter).withoutInverse(WithoutInverse.IDENTITY);
        assertThatThrownBy(builder::build)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("adoptIdentity fails");
        assertThat(device.open).isZero();
        device.close();
    }
}

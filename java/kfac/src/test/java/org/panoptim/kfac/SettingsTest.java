package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.DoubleFunction;

/** The ranges of what K-FAC, AdaFisher's curvature and batches are told. */
class SettingsTest {

    private static final Map<String, BiFunction<Kfac.Builder, Double, Kfac.Builder>> SETTERS =
            Map.of(
                    "damping", Kfac.Builder::damping,
                    "factorDecay", Kfac.Builder::factorDecay,
                    "klClip", Kfac.Builder::klClip,
                    "factorPeriod", (builder, value) -> builder.factorPeriod(value.intValue()),
                    "inversePeriod", (builder, value) -> builder.inversePeriod(value.intValue()),
                    "tolerance", Kfac.Builder::tolerance,
                    "newtonError", Kfac.Builder::warmNewton);

    private static final Map<String, DoubleFunction<Batch>> BATCHES =
            Map.of(
                    "averagedOver",
                    Batch::meanOver,
                    "lossScale",
                    value -> Batch.mean().withLossScale(value));

    private final Backend backend = Backend.named("reference");

    @AfterEach
    void close() {
        backend.close();
    }

    private static Parameter parameter(String name, int outputs, int inputs) {
        return Parameter.of(
                name,
                Shape.of(outputs, inputs),
                MemorySegment.ofArray(new float[outputs * inputs]));
    }

    private static Parameter vector(String name, int elements) {
        return Parameter.of(name, Shape.of(elements), MemorySegment.ofArray(new float[elements]));
    }

    private Kfac.Builder builder() {
        return Kfac.builder(backend).layer("l", parameter("w", 2, 3));
    }

    @ParameterizedTest
    @CsvSource({
        "damping, 4.9E-324", "damping, 1.7976931348623157E308",
        "factorDecay, 0", "factorDecay, 0.999",
        "klClip, 4.9E-324", "klClip, Infinity",
        "factorPeriod, 1", "factorPeriod, 2147483647",
        "inversePeriod, 1", "inversePeriod, 2147483647",
        "tolerance, 4.9E-324", "tolerance, Infinity",
        "newtonError, 0", "newtonError, 1"
    })
    void itMayBe(String setting, double value) {
        assertThatCode(() -> SETTERS.get(setting).apply(builder(), value).build().close())
                .doesNotThrowAnyException();
    }

    @ParameterizedTest
    @CsvSource({
        "damping, 0, 'finite and above 0'",
        "damping, -1, 'finite and above 0'",
        "damping, Infinity, 'finite and above 0'",
        "damping, NaN, 'finite and above 0'",
        "factorDecay, -0.1, 'in [0, 1)'",
        "factorDecay, 1, 'in [0, 1)'",
        "factorDecay, NaN, 'in [0, 1)'",
        "klClip, 0, above 0",
        "klClip, NaN, above 0",
        "factorPeriod, 0, at least 1",
        "inversePeriod, 0, at least 1",
        "tolerance, 0, above 0",
        "tolerance, NaN, above 0",
        "newtonError, -4.9E-324, at least 0",
        "newtonError, NaN, at least 0"
    })
    void itMayNotBe(String setting, double value, String rule) {
        assertThatThrownBy(() -> SETTERS.get(setting).apply(builder(), value).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("%s must be %s, but is %s".formatted(setting, rule, value));
    }

    @ParameterizedTest
    @CsvSource({
        "averagedOver, 0", "averagedOver, -1", "averagedOver, Infinity", "averagedOver, NaN",
        "lossScale, 0", "lossScale, -1", "lossScale, Infinity", "lossScale, NaN"
    })
    void ofABatchItMayNotBe(String what, double value) {
        assertThatThrownBy(() -> BATCHES.get(what).apply(value))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("%s must be finite and above 0, but is %s".formatted(what, value));
    }

    @ParameterizedTest
    @CsvSource({
        "averagedOver, 4.9E-324", "averagedOver, 1.7976931348623157E308",
        "lossScale, 4.9E-324", "lossScale, 1.7976931348623157E308"
    })
    void ofABatchItMayBe(String what, double value) {
        assertThatCode(() -> BATCHES.get(what).apply(value)).doesNotThrowAnyException();
    }

    @Test
    void thePeriodOfAdaFisher() {
        var builder = AdaFisherCurvature.builder(backend);
        assertThatThrownBy(() -> builder.period(0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("period must be at least 1, but is 0");
    }

    @Test
    void aBiasBelongsToOneLayer() {
        var bias = vector("b", 2);
        var builder = Kfac.builder(backend).layer("first", parameter("w", 2, 3), bias);
        assertThatThrownBy(() -> builder.layer("second", parameter("v", 2, 4), bias))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "layer 'second': parameter 'b' belongs to another layer already; let the"
                                + " layers that share it contribute to one");
    }

    @Test
    void aNewDampingIsCheckedAndTheOldOneKept() {
        try (var kfac = builder().damping(.5).build()) {
            assertThatThrownBy(() -> kfac.damping(0))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("damping must be finite and above 0, but is 0.0");
            assertThat(kfac.damping()).isEqualTo(.5);
        }
    }
}

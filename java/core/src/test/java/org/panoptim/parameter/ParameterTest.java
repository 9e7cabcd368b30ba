package org.panoptim.parameter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;
import static org.panoptim.parameter.Tensors.curvature;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.vector;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.HostMemory;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.List;

/** What memory a parameter takes, and how it refuses the rest. */
class ParameterTest {

    private static final Shape SHAPE = Shape.of(2, 3);

    private static void assertRefused(ThrowingCallable call, String message) {
        assertThatThrownBy(call).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
    }

    @Test
    void aParameterSaysWhatItIs() {
        var segment = MemorySegment.ofArray(new float[6]);
        var parameter = Parameter.of("w", SHAPE, segment);
        assertThat(parameter.name()).isEqualTo("w");
        assertThat(parameter.shape()).isEqualTo(SHAPE);
        assertThat(parameter.dtype()).isEqualTo(DType.F32);
        assertThat(parameter.elements()).isEqualTo(6);
        assertThat(parameter.value()).isEqualTo(new HostMemory(segment));
        assertThat(parameter.gradient()).isEmpty();
        assertThat(parameter.curvature()).isEmpty();
        assertThat(parameter).hasToString("Parameter w[2, 3]");
    }

    @Test
    void anEmptyNameIsRefused() {
        assertRefused(() -> vector("", 1), "a parameter's name must not be empty");
    }

    @Test
    void aNameThatWouldBreakLinesIsRefused() {
        assertRefused(
                () -> vector("a\nb", 1),
                "a parameter's name must not have control characters, but 'a?b' has U+000A at index"
                        + " 1");
        assertRefused(
                () -> vector("\u0085", 1),
                "a parameter's name must not have control characters, but '?' has U+0085 at index"
                        + " 0");
        assertRefused(
                () -> vector("x".repeat(90) + "\r", 1),
                "a parameter's name must not have control characters, but '"
                        + "x".repeat(80)
                        + "…' has U+000D at index 90");
        assertThat(vector("w, \"x\" 漢 😀", 1).name()).isEqualTo("w, \"x\" 漢 😀");
    }

    @Test
    void aValueOfAnotherSizeIsRefused() {
        assertRefused(
                () -> Parameter.of("w", SHAPE, MemorySegment.ofArray(new float[5])),
                "parameter 'w': shape [2, 3] of F32 needs 24 bytes, but the value has 20");
        assertRefused(
                () -> Parameter.of("w", Shape.of(0), MemorySegment.ofArray(new float[1])),
                "parameter 'w': shape [0] of F32 needs 0 bytes, but the value has 4");
        assertRefused(
                () -> Parameter.of("w", Shape.of(), MemorySegment.ofArray(new float[0])),
                "parameter 'w': shape [] of F32 needs 4 bytes, but the value has 0");
    }

    @Test
    void aShapeBeyondThirtyTwoBitsDoesNotWrapAround() {
        // 2³² + 1 elements would be one element in 32 bits, and 4 bytes of 2³⁴ + 4.
        assertRefused(
                () ->
                        Parameter.of(
                                "w", Shape.of((1L << 32) + 1), MemorySegment.ofArray(new float[1])),
                "parameter 'w': shape [4294967297] of F32 needs 17179869188 bytes, but the value"
                        + " has 4");
        var large = Tensors.memoryAt(1L << 40, (1L << 33) + 4);
        assertThat(Parameter.of("w", Shape.of((1L << 31) + 1), large).elements())
                .isEqualTo(2_147_483_649L);
    }

    @Test
    void aGradientOrCurvatureOfAnotherSizeIsRefusedAndTheOldOneStays() {
        var parameter = vector("w", 1, 2, 3);
        var good = MemorySegment.ofArray(new float[3]);
        parameter.gradient(good).curvature(good);
        var bad = MemorySegment.ofArray(new float[4]);
        assertRefused(
                () -> parameter.gradient(bad),
                "parameter 'w': shape [3] of F32 needs 12 bytes, but the gradient has 16");
        assertRefused(
                () -> parameter.curvature(bad),
                "parameter 'w': shape [3] of F32 needs 12 bytes, but the curvature has 16");
        assertThat(parameter.gradient()).contains(new HostMemory(good));
        assertThat(parameter.curvature()).contains(new HostMemory(good));
    }

    @Test
    void unalignedNativeMemoryIsRefusedWithItsAddress() {
        try (var arena = Arena.ofConfined()) {
            var memory = arena.allocate(64, 64);
            for (int offset = 1; offset < 4; offset++) {
                var slice = memory.asSlice(offset, 24);
                assertRefused(
                        () -> Parameter.of("w", SHAPE, slice),
                        "parameter 'w': the value must be aligned to 4 bytes, but lies at 0x"
                                + Long.toHexString(slice.address()));
                assertRefused(
                        () -> vector("w", 1, 2, 3, 4, 5, 6).gradient(slice),
                        "parameter 'w': the gradient must be aligned to 4 bytes, but lies at 0x"
                                + Long.toHexString(slice.address()));
            }
            assertThat(Parameter.of("w", SHAPE, memory.asSlice(4, 24)).elements()).isEqualTo(6);
        }
    }

    @Test
    void arraysOfSmallElementsAreRefused() {
        var advice = "; use a float[] or native memory";
        assertRefused(
                () -> Parameter.of("w", SHAPE, MemorySegment.ofArray(new byte[24])),
                "parameter 'w': the value must be aligned to 4 bytes, but lies where its Java array"
                        + " aligns to 1"
                        + advice);
        assertRefused(
                () -> vector("w", 1, 2).gradient(MemorySegment.ofArray(new short[4])),
                "parameter 'w': the gradient must be aligned to 4 bytes, but lies where its Java"
                        + " array aligns to 2"
                        + advice);
        // A float[] that is cut between its elements is no better.
        assertRefused(
                () -> vector("w", 1).gradient(MemorySegment.ofArray(new float[2]).asSlice(2, 4)),
                "parameter 'w': the gradient must be aligned to 4 bytes, but lies where its Java"
                        + " array aligns to 2"
                        + advice);
    }

    @Test
    void arraysOfLargeElementsAreTaken() {
        assertThat(Parameter.of("w", SHAPE, MemorySegment.ofArray(new int[6])).elements())
                .isEqualTo(6);
        assertThat(Parameter.of("w", SHAPE, MemorySegment.ofArray(new double[3])).elements())
                .isEqualTo(6);
    }

    @Test
    void aReadOnlyValueIsRefused() {
        assertRefused(
                () -> Parameter.of("w", SHAPE, MemorySegment.ofArray(new float[6]).asReadOnly()),
                "parameter 'w': the value's segment is read-only");
    }

    @Test
    void aGradientOrCurvatureThatOverlapsTheValueIsRefused() {
        var array = MemorySegment.ofArray(new float[6]);
        var onHeap = Parameter.of("w", Shape.of(4), array.asSlice(0, 16));
        assertRefused(
                () -> onHeap.gradient(array.asSlice(8, 16)),
                "parameter 'w': the gradient overlaps the value");
        assertRefused(
                () -> onHeap.curvature(array.asSlice(0, 16)),
                "parameter 'w': the curvature overlaps the value");
        try (var arena = Arena.ofConfined()) {
            var memory = arena.allocate(ValueLayout.JAVA_FLOAT, 8);
            var offHeap = Parameter.of("w", Shape.of(4), memory.asSlice(16, 16));
            assertRefused(
                    () -> offHeap.gradient(memory.asSlice(4, 16)),
                    "parameter 'w': the gradient overlaps the value");
            // The same memory by another segment is the same memory.
            var again = Tensors.memoryAt(memory.address(), 32);
            assertRefused(
                    () -> offHeap.gradient(again.asSlice(4, 16)),
                    "parameter 'w': the gradient overlaps the value");
            // What touches without overlapping is taken.
            assertThat(offHeap.gradient(memory.asSlice(0, 16)).hasGradient()).isTrue();
        }
    }

    @Test
    void aGradientOrCurvatureThatOverlapsAnOutputIsRefused() {
        var all = MemorySegment.ofArray(new float[6]);
        var copied = vector("w", 1, 2).copiedTo(floats(all.asSlice(0, 8)));
        var both = copied.averagedIn(floats(all.asSlice(8, 8)));
        assertRefused(
                () -> copied.gradient(all.asSlice(4, 8)),
                "parameter 'w': the gradient overlaps the copy");
        assertRefused(
                () -> both.curvature(all.asSlice(0, 8)),
                "parameter 'w': the curvature overlaps the copy");
        assertRefused(
                () -> both.gradient(all.asSlice(12, 8)),
                "parameter 'w': the gradient overlaps the average");
        assertRefused(
                () -> both.curvature(all.asSlice(8, 8)),
                "parameter 'w': the curvature overlaps the average");
        // What touches without overlapping is taken.
        assertThat(copied.gradient(all.asSlice(8, 8)).hasGradient()).isTrue();
        assertThat(both.curvature(all.asSlice(16, 8)).hasCurvature()).isTrue();
    }

    private static Output floats(MemorySegment segment) {
        return new Output(DType.F32, new HostMemory(segment));
    }

    @Test
    void everyChangeOfGradientOrCurvatureIsAnotherRevision() {
        var parameter = vector("w", 1);
        var seen = new HashSet<>(List.of(parameter.revision()));
        for (var change :
                List.<Runnable>of(
                        () -> gradient(parameter, 1),
                        () -> curvature(parameter, 1),
                        parameter::clearGradient,
                        parameter::clearCurvature)) {
            change.run();
            assertThat(seen.add(parameter.revision())).isTrue();
        }
        // What is not there is not taken away.
        parameter.clearGradient();
        parameter.clearCurvature();
        assertThat(seen).contains(parameter.revision());
    }

    @Test
    void gradientsAndCurvatureHaveAnAddressWhereTheyCannotMove() {
        var parameter = vector("w", 1);
        assertThat(parameter.gradientAddress()).isZero();
        assertThat(parameter.curvatureAddress()).isZero();
        gradient(parameter, 1);
        curvature(parameter, 1);
        assertThat(parameter.gradientAddress()).isEqualTo(Parameter.ON_HEAP);
        assertThat(parameter.curvatureAddress()).isEqualTo(Parameter.ON_HEAP);
        parameter.gradient(Tensors.memoryAt(0x1000, 4)).curvature(Tensors.memoryAt(0x2000, 4));
        assertThat(parameter.gradientAddress()).isEqualTo(0x1000);
        assertThat(parameter.curvatureAddress()).isEqualTo(0x2000);
        parameter.clearGradient().clearCurvature();
        assertThat(parameter.gradientAddress()).isZero();
        assertThat(parameter.curvatureAddress()).isZero();
        var empty = vector("empty").gradient(Tensors.memoryAt(0x1000, 0));
        assertThat(empty.gradientAddress()).isZero();
    }

    @Test
    void deviceMemoryIsComparedWithDeviceMemoryAlone() {
        var value = new DeviceMemory(0x1000, 16);
        var parameter = Parameter.of("w", Shape.of(4), value);
        assertRefused(
                () -> parameter.gradient(new DeviceMemory(0x100c, 16)),
                "parameter 'w': the gradient overlaps the value");
        assertRefused(
                () -> parameter.gradient(new DeviceMemory(0xff4, 16)),
                "parameter 'w': the gradient overlaps the value");
        // What touches at either end without overlapping is taken.
        parameter.gradient(new DeviceMemory(0x1010, 16));
        parameter.gradient(new DeviceMemory(0xff0, 16));
        parameter.gradient(Tensors.memoryAt(0x1000, 16));
        assertThat(parameter.gradientAddress()).isEqualTo(0x1000);
        assertRefused(
                () -> Parameter.of("w", Shape.of(4), new DeviceMemory(0x1002, 16)),
                "parameter 'w': the value must be aligned to 4 bytes, but lies at 0x1002");
    }

    @Test
    void deviceMemoryHasAnAddressAndASize() {
        assertRefused(() -> new DeviceMemory(0, 4), "a device address must not be 0");
        assertRefused(() -> new DeviceMemory(4, -1), "byteSize must be at least 0, but is -1");
    }

    @Test
    void nullsAreNamed() {
        assertThatThrownBy(() -> Parameter.of("w", SHAPE, (MemorySegment) null))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("segment");
        assertThatThrownBy(() -> vector("w", 1).gradient((MemorySegment) null))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("segment");
    }

    private static MemorySegment halves(int count) {
        return MemorySegment.ofArray(new short[count]);
    }

    @Test
    void aParameterOfBfloat16HasGradientsOfIt() {
        var parameter = Parameter.of("w", SHAPE, DType.BF16, new HostMemory(halves(6)));
        assertThat(parameter.dtype()).isEqualTo(DType.BF16);
        assertThat(parameter.gradient(halves(6)).hasGradient()).isTrue();
        assertRefused(
                () -> parameter.gradient(MemorySegment.ofArray(new float[6])),
                "parameter 'w': shape [2, 3] of BF16 needs 12 bytes, but the gradient has 24");
        assertRefused(
                () -> Parameter.of("w", SHAPE, DType.F16, new HostMemory(halves(6))),
                "parameter 'w': dtype must be F32 or BF16, but is F16");
        assertRefused(
                () ->
                        Parameter.of(
                                "w",
                                SHAPE,
                                DType.BF16,
                                new HostMemory(MemorySegment.ofArray(new byte[12]))),
                "parameter 'w': the value must be aligned to 2 bytes, but lies where its Java array"
                        + " aligns to 1; use a short[] or native memory");
        var odd = Tensors.memoryAt(0x1001, 12);
        assertRefused(
                () -> Parameter.of("w", SHAPE, DType.BF16, new HostMemory(odd)),
                "parameter 'w': the value must be aligned to 2 bytes, but lies at 0x1001");
    }

    @Test
    void aParameterHasTheOutputsThatItIsGiven() {
        var value = MemorySegment.ofArray(new float[6]);
        var copy = new Output(DType.BF16, new HostMemory(halves(6)));
        var average = new Output(DType.F32, new HostMemory(MemorySegment.ofArray(new float[6])));
        var plain = Parameter.of("w", SHAPE, value);
        assertThat(plain.outputs()).isEmpty();
        var both = plain.copiedTo(copy).averagedIn(average);
        assertThat(both.copy()).contains(copy);
        assertThat(both.average()).contains(average);
        assertThat(both.outputs()).containsExactly(entry("copy", copy), entry("average", average));
        assertThat(both.value()).isEqualTo(plain.value());
        assertThat(both.name()).isEqualTo("w");
        assertThat(both.hasGradient() || both.hasCurvature()).isFalse();
        assertThat(plain.averagedIn(average).copiedTo(copy).outputs()).isEqualTo(both.outputs());
    }

    @Test
    void aParameterWithOutputsKeepsGradientAndCurvature() {
        var gradient = MemorySegment.ofArray(new float[6]);
        var curvature = MemorySegment.ofArray(new float[6]);
        var plain =
                Parameter.of("w", SHAPE, DType.F32, MemorySegment.ofArray(new float[6]))
                        .gradient(gradient)
                        .curvature(curvature);
        for (var with :
                List.of(
                        plain.copiedTo(new Output(DType.BF16, halves(6))),
                        plain.averagedIn(
                                new Output(DType.F32, MemorySegment.ofArray(new float[6]))))) {
            assertThat(with.gradient()).contains(new HostMemory(gradient));
            assertThat(with.curvature()).contains(new HostMemory(curvature));
        }
        assertRefused(
                () -> plain.copiedTo(new Output(DType.F32, gradient)),
                "parameter 'w': the gradient overlaps the copy");
    }

    @Test
    void anOutputThatDoesNotFitIsRefused() {
        var all = MemorySegment.ofArray(new float[12]);
        var parameter = Parameter.of("w", SHAPE, all.asSlice(0, 24));
        assertRefused(
                () -> parameter.copiedTo(new Output(DType.BF16, new HostMemory(halves(5)))),
                "parameter 'w': shape [2, 3] of BF16 needs 12 bytes, but the copy has 10");
        assertRefused(
                () ->
                        parameter.averagedIn(
                                new Output(DType.F32, new HostMemory(all.asSlice(20, 24)))),
                "parameter 'w': the average overlaps the value");
        var output = new Output(DType.F32, new HostMemory(all.asSlice(24, 24)));
        assertRefused(
                () -> parameter.copiedTo(output).averagedIn(output),
                "parameter 'w': the average overlaps the copy");
        assertRefused(
                () -> new Output(DType.F64, new HostMemory(all)),
                "the type must be F32 or BF16, but is F64");
        assertRefused(
                () -> new Output(DType.F32, new HostMemory(all.asReadOnly())),
                "the output's segment is read-only");
    }
}

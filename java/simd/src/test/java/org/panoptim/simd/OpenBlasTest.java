package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.matrix.HostAlgebra;
import org.panoptim.matrix.HostMatrices;
import org.panoptim.matrix.Inverted;
import org.panoptim.matrix.PlainHostAlgebra;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/** Kronecker factors over OpenBLAS, against plain Java. */
class OpenBlasTest {

    private final Arena arena = Arena.ofConfined();
    private final HostAlgebra plain = new PlainHostAlgebra();
    private final HostAlgebra blas =
            new OpenBlasAlgebra(
                    OpenBlasLibrary.get().functions().orElseThrow(),
                    SimdBackend.usableTiers().getFirst());
    private final Random random = new Random(1);
    @TempDir private Path folder;

    @AfterEach
    void close() {
        arena.close();
    }

    private MemorySegment zeros(long count) {
        return arena.allocate(count * Float.BYTES, 64);
    }

    private MemorySegment random(long count) {
        var values = zeros(count);
        for (long i = 0; i < count; i++) {
            values.setAtIndex(JAVA_FLOAT, i, (float) random.nextGaussian());
        }
        return values;
    }

    private static MemorySegment copy(MemorySegment source, Arena arena) {
        return arena.allocate(source.byteSize(), 64).copyFrom(source);
    }

    private static void assertClose(MemorySegment actual, MemorySegment expected, float error) {
        assertThat(actual.toArray(JAVA_FLOAT))
                .containsExactly(expected.toArray(JAVA_FLOAT), within(error));
    }

    private MemorySegment factor(int n, int rows) {
        var factor = zeros((long) n * n);
        plain.addRows(1.0 / rows, random((long) rows * n), rows, n, false, factor);
        return factor;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 16, 65, 130})
    void rowsAreAdded(int columns) {
        for (boolean ones : new boolean[] {false, true}) {
            int n = columns + (ones ? 1 : 0);
            var rows = random(40L * columns);
            var expected = factor(n, 5);
            var actual = copy(expected, arena);
            plain.addRows(.025, rows, 40, columns, ones, expected);
            blas.addRows(.025, rows, 40, columns, ones, actual);
            assertClose(actual, expected, 1e-5f);
            var onHeap = MemorySegment.ofArray(rows.toArray(JAVA_FLOAT));
            var again = copy(actual, arena);
            blas.addRows(.025, onHeap, 40, columns, ones, again);
            blas.addRows(.025, rows, 40, columns, ones, actual);
            assertThat(again.mismatch(actual)).isEqualTo(-1);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 31, 64, 100, 300})
    void inversesAreThose(int n) {
        var factor = factor(n, 2 * n);
        for (boolean inDouble : new boolean[] {false, true}) {
            var expected = zeros((long) n * n);
            var actual = zeros((long) n * n);
            assertThat(plain.invert(n, factor, .1, true, expected))
                    .isEqualTo(Inverted.Status.INVERTED);
            assertThat(blas.invert(n, factor, .1, inDouble, actual))
                    .isEqualTo(Inverted.Status.INVERTED);
            assertClose(actual, expected, 1e-4f);
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < i; j++) {
                    assertThat(actual.getAtIndex(JAVA_FLOAT, (long) i * n + j))
                            .isEqualTo(actual.getAtIndex(JAVA_FLOAT, (long) j * n + i));
                }
            }
        }
    }

    @Test
    void whatIsNotPositiveDefiniteHasNone() {
        var factor = factor(40, 80);
        factor.setAtIndex(JAVA_FLOAT, 40, 100);
        factor.setAtIndex(JAVA_FLOAT, 1, 100);
        var inverse = zeros(1600);
        assertThat(blas.invert(40, factor, 0, false, inverse))
                .isEqualTo(Inverted.Status.NOT_POSITIVE_DEFINITE);
        assertThat(blas.invert(40, factor, 0, true, inverse))
                .isEqualTo(Inverted.Status.NOT_POSITIVE_DEFINITE);
    }

    @Test
    void productsAndSumsAreThose() {
        var a = random(7 * 9);
        var b = random(9 * 5);
        var expected = zeros(35);
        var actual = zeros(35);
        plain.multiply(7, 5, 9, a, b, expected);
        blas.multiply(7, 5, 9, a, b, actual);
        assertClose(actual, expected, 1e-5f);

        var target = random(35);
        var same = copy(target, arena);
        plain.combine(.3, expected, .7, target, 35);
        blas.combine(.3, expected, .7, same, 35);
        assertClose(same, target, 1e-6f);
        target.fill((byte) 0xFF); // NaN, which is not to be read
        blas.combine(2, expected, 0, target, 35);
        plain.combine(2, expected, 0, same, 35);
        assertClose(target, same, 0);
    }

    @Test
    void aMissingLibraryIsToldAndNothingElseTried() {
        var library = OpenBlasLibrary.search(folder.resolve("none.so").toString());
        assertThat(library.functions()).isEmpty();
        assertThat(library.tried())
                .singleElement()
                .asString()
                .startsWith("system property panoptim.openblas: ")
                .endsWith("none.so: no such file");
    }

    @Test
    void aFileThatIsNoLibraryIsTold() throws IOException {
        var file = Files.writeString(folder.resolve("libopenblas.so.0"), "no library");
        var library = OpenBlasLibrary.search(file.toString());
        assertThat(library.functions()).isEmpty();
        assertThat(library.tried()).singleElement().asString().contains("cannot be loaded");
    }

    @Test
    void theArtifactsLibraryIsTheOneThatIsUsed() {
        assertThat(OpenBlasLibrary.get().tried())
                .singleElement()
                .asString()
                .startsWith("artifact org.bytedeco:openblas: loaded, OpenBLAS 0.3.");
        try (var backend = SimdBackend.open(SimdOptions.defaults())) {
            assertThat(backend.extension(HostMatrices.class).orElseThrow().explain())
                    .isEqualTo(OpenBlasLibrary.get().tried());
        }
    }
}

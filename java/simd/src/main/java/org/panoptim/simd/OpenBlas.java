package org.panoptim.simd;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;

/**
 * The functions of OpenBLAS that are used: of CBLAS by rows, and of LAPACK by columns, where the
 * upper triangle is the lower one by rows.
 */
final class OpenBlas {

    private static final int BY_ROWS = 101;
    private static final int BY_COLUMNS = 102;
    private static final int PLAIN = 111;
    private static final int TRANSPOSED = 112;
    private static final int LOWER = 122;
    private static final byte UPPER_BY_COLUMNS = 'U';

    private final MethodHandle sgemm;
    private final MethodHandle dgemm;
    private final MethodHandle sgemv;
    private final MethodHandle ssyrk;
    private final MethodHandle saxpby;
    private final MethodHandle spotrf;
    private final MethodHandle spotri;
    private final MethodHandle dpotrf;
    private final MethodHandle dpotri;
    private final MethodHandle setThreads;
    private final MethodHandle config;

    /**
     * Links the functions.
     *
     * @throws java.util.NoSuchElementException if the library lacks one
     */
    OpenBlas(SymbolLookup library) {
        var i = JAVA_INT;
        var f = JAVA_FLOAT;
        var d = JAVA_DOUBLE;
        var p = ADDRESS;
        sgemm = procedure(library, "cblas_sgemm", i, i, i, i, i, i, f, p, i, p, i, f, p, i);
        dgemm = procedure(library, "cblas_dgemm", i, i, i, i, i, i, d, p, i, p, i, d, p, i);
        sgemv = procedure(library, "cblas_sgemv", i, i, i, i, f, p, i, p, i, f, p, i);
        ssyrk = procedure(library, "cblas_ssyrk", i, i, i, i, i, f, p, i, f, p, i);
        saxpby = procedure(library, "cblas_saxpby", i, f, p, i, f, p, i);
        spotrf = function(library, "LAPACKE_spotrf_work", i, JAVA_BYTE, i, p, i);
        spotri = function(library, "LAPACKE_spotri_work", i, JAVA_BYTE, i, p, i);
        dpotrf = function(library, "LAPACKE_dpotrf_work", i, JAVA_BYTE, i, p, i);
        dpotri = function(library, "LAPACKE_dpotri_work", i, JAVA_BYTE, i, p, i);
        setThreads = procedure(library, "openblas_set_num_threads", i);
        config =
                Linker.nativeLinker()
                        .downcallHandle(
                                library.findOrThrow("openblas_get_config"),
                                FunctionDescriptor.of(p));
    }

    private static MethodHandle procedure(
            SymbolLookup library, String name, MemoryLayout... arguments) {
        return Linker.nativeLinker()
                .downcallHandle(library.findOrThrow(name), FunctionDescriptor.ofVoid(arguments));
    }

    private static MethodHandle function(
            SymbolLookup library, String name, MemoryLayout... arguments) {
        return Linker.nativeLinker()
                .downcallHandle(
                        library.findOrThrow(name), FunctionDescriptor.of(JAVA_INT, arguments));
    }

    /** What a call does; declared so that the handles' exceptions are handled once. */
    @FunctionalInterface
    private interface Call<T> {
        T run() throws Throwable;
    }

    private static <T> T call(Call<T> body) {
        try {
            return body.run();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("OpenBLAS cannot be called", e);
        }
    }

    /** As {@link org.panoptim.matrix.HostAlgebra#multiply}. */
    void multiply(
            int rows,
            int columns,
            int inner,
            float alpha,
            MemorySegment a,
            boolean transposeA,
            MemorySegment b,
            boolean transposeB,
            float beta,
            MemorySegment c) {
        call(
                () -> {
                    sgemm.invokeExact(
                            BY_ROWS,
                            transposeA ? TRANSPOSED : PLAIN,
                            transposeB ? TRANSPOSED : PLAIN,
                            rows,
                            columns,
                            inner,
                            alpha,
                            a,
                            transposeA ? rows : inner,
                            b,
                            transposeB ? inner : columns,
                            beta,
                            c,
                            columns);
                    return this;
                });
    }

    /** {@code c ← a b}, of doubles. */
    void multiplyDoubles(
            int rows, int columns, int inner, MemorySegment a, MemorySegment b, MemorySegment c) {
        call(
                () -> {
                    dgemm.invokeExact(
                            BY_ROWS, PLAIN, PLAIN, rows, columns, inner, 1d, a, inner, b, columns,
                            0d, c, columns);
                    return this;
                });
    }

    /** {@code lower(c) ← lower(c) + alpha aᵀa} for a of count × n, c of rows of {@code stride}. */
    void addSquares(float alpha, MemorySegment a, int count, int n, MemorySegment c, int stride) {
        call(
                () -> {
                    ssyrk.invokeExact(
                            BY_ROWS, LOWER, TRANSPOSED, n, count, alpha, a, n, 1f, c, stride);
                    return this;
                });
    }

    /** {@code y ← y + alpha aᵀx} for a of count × n. */
    void addProduct(
            float alpha, MemorySegment a, int count, int n, MemorySegment x, MemorySegment y) {
        call(
                () -> {
                    sgemv.invokeExact(BY_ROWS, TRANSPOSED, count, n, alpha, a, n, x, 1, 1f, y, 1);
                    return this;
                });
    }

    /** {@code y ← a x + b y}. */
    void combine(int count, float a, MemorySegment x, float b, MemorySegment y) {
        call(
                () -> {
                    saxpby.invokeExact(count, a, x, 1, b, y, 1);
                    return this;
                });
    }

    /**
     * Leaves the inverse of a symmetric positive definite matrix in its lower triangle.
     *
     * @param matrix n × n floats by rows, of which the lower triangle is read
     * @return false if it is not positive definite
     */
    boolean invert(int n, MemorySegment matrix) {
        return call(
                () ->
                        (int) spotrf.invokeExact(BY_COLUMNS, UPPER_BY_COLUMNS, n, matrix, n) == 0
                                && (int)
                                                spotri.invokeExact(
                                                        BY_COLUMNS, UPPER_BY_COLUMNS, n, matrix, n)
                                        == 0);
    }

    /**
     * Leaves L of {@code L Lᵀ} in the lower triangle of a symmetric positive definite matrix.
     *
     * @param matrix n × n floats by rows, of which the lower triangle is read
     * @return false if it is not positive definite
     */
    boolean factorise(int n, MemorySegment matrix) {
        return call(
                () -> (int) spotrf.invokeExact(BY_COLUMNS, UPPER_BY_COLUMNS, n, matrix, n) == 0);
    }

    /** As {@link #invert}, of doubles. */
    boolean invertDoubles(int n, MemorySegment matrix) {
        return call(
                () ->
                        (int) dpotrf.invokeExact(BY_COLUMNS, UPPER_BY_COLUMNS, n, matrix, n) == 0
                                && (int)
                                                dpotri.invokeExact(
                                                        BY_COLUMNS, UPPER_BY_COLUMNS, n, matrix, n)
                                        == 0);
    }

    /** How many threads a call uses. */
    void setThreads(int count) {
        call(
                () -> {
                    setThreads.invokeExact(count);
                    return this;
                });
    }

    /** Its version and the processor that it took for its kernels. */
    String config() {
        return call(
                () -> {
                    var text = (MemorySegment) config.invokeExact();
                    var words = text.reinterpret(Long.MAX_VALUE).getString(0).strip().split("\\s+");
                    return String.join(" ", Arrays.asList(words));
                });
    }
}

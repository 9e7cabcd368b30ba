package org.panoptim.cuda.driver;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.panoptim.cuda.driver.bindings.LibCublas;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** cuBLAS through jextract's bindings. */
final class FfmCudaBlas implements CudaBlas {

    private static final int BETA = Float.BYTES;

    private final Scratch scratch = new Scratch();

    @Override
    public String name() {
        return "FFM";
    }

    @Override
    public long create() {
        try (var arena = Arena.ofConfined()) {
            var handle = arena.allocate(JAVA_LONG);
            check(LibCublas.cublasCreate_v2(handle), "cublasCreate");
            return handle.get(JAVA_LONG, 0);
        }
    }

    @Override
    public void destroy(long handle) {
        check(LibCublas.cublasDestroy_v2(pointer(handle)), "cublasDestroy");
    }

    @Override
    public int version(long handle) {
        try (var arena = Arena.ofConfined()) {
            var version = arena.allocate(JAVA_INT);
            check(LibCublas.cublasGetVersion_v2(pointer(handle), version), "cublasGetVersion");
            return version.get(JAVA_INT, 0);
        }
    }

    @Override
    public void setStream(long handle, long stream) {
        check(LibCublas.cublasSetStream_v2(pointer(handle), pointer(stream)), "cublasSetStream");
    }

    @Override
    public void sgemm(
            long handle,
            boolean transposeA,
            boolean transposeB,
            int m,
            int n,
            int k,
            float alpha,
            long a,
            int lda,
            long b,
            int ldb,
            float beta,
            long c,
            int ldc) {
        int piece = scratch.acquire();
        int status;
        try {
            var scalars = scalars(piece, alpha, beta);
            status =
                    LibCublas.cublasSgemm_v2(
                            pointer(handle),
                            operation(transposeA),
                            operation(transposeB),
                            m,
                            n,
                            k,
                            scalars,
                            pointer(a),
                            lda,
                            pointer(b),
                            ldb,
                            scalars.asSlice(BETA),
                            pointer(c),
                            ldc);
        } finally {
            scratch.release(piece);
        }
        if (status != LibCublas.CUBLAS_STATUS_SUCCESS()) {
            throw CublasStatus.failure("cublasSgemm of " + CublasStatus.shape(m, n, k), status);
        }
    }

    @Override
    public void sgemmStridedBatched(
            long handle,
            boolean transposeA,
            boolean transposeB,
            int m,
            int n,
            int k,
            float alpha,
            long a,
            int lda,
            long strideA,
            long b,
            int ldb,
            long strideB,
            float beta,
            long c,
            int ldc,
            long strideC,
            int count) {
        int piece = scratch.acquire();
        int status;
        try {
            var scalars = scalars(piece, alpha, beta);
            status =
                    LibCublas.cublasSgemmStridedBatched(
                            pointer(handle),
                            operation(transposeA),
                            operation(transposeB),
                            m,
                            n,
                            k,
                            scalars,
                            pointer(a),
                            lda,
                            strideA,
                            pointer(b),
                            ldb,
                            strideB,
                            scalars.asSlice(BETA),
                            pointer(c),
                            ldc,
                            strideC,
                            count);
        } finally {
            scratch.release(piece);
        }
        if (status != LibCublas.CUBLAS_STATUS_SUCCESS()) {
            throw CublasStatus.failure(
                    "cublasSgemmStridedBatched of " + count + " of " + CublasStatus.shape(m, n, k),
                    status);
        }
    }

    private MemorySegment scalars(int piece, float alpha, float beta) {
        var scalars = scratch.at(piece);
        scalars.set(JAVA_FLOAT, 0, alpha);
        scalars.set(JAVA_FLOAT, BETA, beta);
        return scalars;
    }

    private static int operation(boolean transpose) {
        return transpose ? LibCublas.CUBLAS_OP_T() : LibCublas.CUBLAS_OP_N();
    }

    private static MemorySegment pointer(long address) {
        return MemorySegment.ofAddress(address);
    }

    private static void check(int status, String call) {
        if (status != LibCublas.CUBLAS_STATUS_SUCCESS()) {
            throw CublasStatus.failure(call, status);
        }
    }
}

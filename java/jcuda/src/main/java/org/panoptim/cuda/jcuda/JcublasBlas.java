package org.panoptim.cuda.jcuda;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import jcuda.Pointer;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;

import org.panoptim.cuda.driver.CublasStatus;
import org.panoptim.cuda.driver.CudaBlas;

import java.lang.foreign.Arena;
import java.util.function.IntSupplier;

/** cuBLAS through JCublas2. */
final class JcublasBlas implements CudaBlas {

    @Override
    public String name() {
        return "JCublas " + JcudaDriver.VERSION;
    }

    @Override
    public long create() {
        var handle = new cublasHandle();
        check("cublasCreate", () -> JCublas2.cublasCreate(handle));
        return Handles.get(handle);
    }

    @Override
    public void destroy(long handle) {
        check("cublasDestroy", () -> JCublas2.cublasDestroy(handle(handle)));
    }

    @Override
    public int version(long handle) {
        var version = new int[1];
        check("cublasGetVersion", () -> JCublas2.cublasGetVersion(handle(handle), version));
        return version[0];
    }

    @Override
    public void setStream(long handle, long stream) {
        var cudaStream = Handles.set(new cudaStream_t(), stream);
        check("cublasSetStream", () -> JCublas2.cublasSetStream(handle(handle), cudaStream));
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
        try (var arena = Arena.ofConfined()) {
            var alphaAt = pointer(arena.allocateFrom(JAVA_FLOAT, alpha).address());
            var betaAt = pointer(arena.allocateFrom(JAVA_FLOAT, beta).address());
            check(
                    "cublasSgemm of " + CublasStatus.shape(m, n, k),
                    () ->
                            JCublas2.cublasSgemm(
                                    handle(handle),
                                    operation(transposeA),
                                    operation(transposeB),
                                    m,
                                    n,
                                    k,
                                    alphaAt,
                                    pointer(a),
                                    lda,
                                    pointer(b),
                                    ldb,
                                    betaAt,
                                    pointer(c),
                                    ldc));
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
        try (var arena = Arena.ofConfined()) {
            var alphaAt = pointer(arena.allocateFrom(JAVA_FLOAT, alpha).address());
            var betaAt = pointer(arena.allocateFrom(JAVA_FLOAT, beta).address());
            check(
                    "cublasSgemmStridedBatched of " + count + " of " + CublasStatus.shape(m, n, k),
                    () ->
                            JCublas2.cublasSgemmStridedBatched(
                                    handle(handle),
                                    operation(transposeA),
                                    operation(transposeB),
                                    m,
                                    n,
                                    k,
                                    alphaAt,
                                    pointer(a),
                                    lda,
                                    strideA,
                                    pointer(b),
                                    ldb,
                                    strideB,
                                    betaAt,
                                    pointer(c),
                                    ldc,
                                    strideC,
                                    count));
        }
    }

    private static int operation(boolean transpose) {
        return transpose ? cublasOperation.CUBLAS_OP_T : cublasOperation.CUBLAS_OP_N;
    }

    private static cublasHandle handle(long handle) {
        return Handles.set(new cublasHandle(), handle);
    }

    private static Pointer pointer(long address) {
        return Handles.set(new Pointer(), address);
    }

    private static void check(String call, IntSupplier function) {
        int status = Errors.codeOf(function, cublasStatus::stringFor);
        if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
            throw CublasStatus.failure(call, status);
        }
    }
}

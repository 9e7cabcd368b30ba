package org.panoptim.cuda.driver;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** A cuBLAS whose products a {@link TimingDriver} times between its kernels. */
public final class TimingBlas extends ForwardingBlas {

    /** The name of a product. */
    public static final String PRODUCT = "cublasSgemm";

    /** The name of several products of equal shape. */
    public static final String PRODUCTS = "cublasSgemmStridedBatched";

    private final TimingDriver driver;
    private final Map<Long, Long> streams = new ConcurrentHashMap<>();

    /** Times products on the streams that the driver serves. */
    public TimingBlas(CudaBlas blas, TimingDriver driver) {
        super(blas);
        this.driver = driver;
    }

    @Override
    public void setStream(long handle, long stream) {
        super.setStream(handle, stream);
        streams.put(handle, stream);
    }

    @Override
    public void destroy(long handle) {
        streams.remove(handle);
        super.destroy(handle);
    }

    private void time(String name, long handle, Runnable work) {
        driver.time(name, streams.getOrDefault(handle, 0L), work);
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
        time(
                PRODUCT,
                handle,
                () ->
                        super.sgemm(
                                handle,
                                transposeA,
                                transposeB,
                                m,
                                n,
                                k,
                                alpha,
                                a,
                                lda,
                                b,
                                ldb,
                                beta,
                                c,
                                ldc));
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
        time(
                PRODUCTS,
                handle,
                () ->
                        super.sgemmStridedBatched(
                                handle,
                                transposeA,
                                transposeB,
                                m,
                                n,
                                k,
                                alpha,
                                a,
                                lda,
                                strideA,
                                b,
                                ldb,
                                strideB,
                                beta,
                                c,
                                ldc,
                                strideC,
                                count));
    }
}

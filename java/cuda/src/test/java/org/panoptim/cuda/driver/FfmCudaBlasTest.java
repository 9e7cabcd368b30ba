package org.panoptim.cuda.driver;

/** cuBLAS through FFM. */
class FfmCudaBlasTest extends CudaBlasContract {

    @Override
    protected CudaDriver loadDriver() {
        return FfmCuda.load();
    }

    @Override
    protected CudaBlas load() {
        return FfmCuda.loadBlas();
    }
}

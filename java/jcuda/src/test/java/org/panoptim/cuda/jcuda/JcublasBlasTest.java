package org.panoptim.cuda.jcuda;

import org.panoptim.cuda.driver.CudaBlas;
import org.panoptim.cuda.driver.CudaBlasContract;
import org.panoptim.cuda.driver.CudaDriver;

/** cuBLAS through JCublas. */
class JcublasBlasTest extends CudaBlasContract {

    @Override
    protected CudaDriver loadDriver() {
        return Jcuda.load();
    }

    @Override
    protected CudaBlas load() {
        return Jcuda.loadBlas();
    }
}

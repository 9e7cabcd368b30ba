package org.panoptim.cuda;

import org.panoptim.backend.Backend;
import org.panoptim.backend.BackendProvider;
import org.panoptim.backend.BackendStatus;
import org.panoptim.cuda.driver.FfmCuda;

/** Offers the CUDA backend through the Foreign Function and Memory API. */
public final class CudaFfmProvider implements BackendProvider {

    /** The backend's name. */
    public static final String NAME = "cuda-ffm";

    private static final int PREFERENCE = 300;

    /** Called by the service loader. */
    public CudaFfmProvider() {}

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public int preference() {
        return PREFERENCE;
    }

    @Override
    public boolean usesHostMemory() {
        return false;
    }

    @Override
    public BackendStatus probe() {
        return CudaProviders.probe(NAME, FfmCuda::load);
    }

    @Override
    public Backend open() {
        return open(CudaOptions.defaults());
    }

    /**
     * Opens the backend with these options.
     *
     * @throws org.panoptim.backend.BackendUnavailableException if it does not work here, with the
     *     reason
     */
    public static CudaBackend open(CudaOptions options) {
        return CudaProviders.open(NAME, FfmCuda::load, FfmCuda::loadBlas, options);
    }
}

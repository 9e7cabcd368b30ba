package org.panoptim.cuda.jcuda;

import org.panoptim.backend.Backend;
import org.panoptim.backend.BackendProvider;
import org.panoptim.backend.BackendStatus;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.cuda.CudaProviders;
import org.panoptim.cuda.driver.FfmCuda;

import java.util.ArrayList;

/** Offers the CUDA backend through JCuda. */
public final class CudaJcudaProvider implements BackendProvider {

    /** The backend's name. */
    public static final String NAME = "cuda-jcuda";

    private static final int PREFERENCE = 200;

    /** Called by the service loader. */
    public CudaJcudaProvider() {}

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
        // Whether there is a driver and a device is checked without JCuda.
        var throughFfm = CudaProviders.probe(NAME, FfmCuda::load);
        if (!throughFfm.available()) {
            return new BackendStatus(NAME, false, throughFfm.summary(), throughFfm.tried(), false);
        }
        var status = CudaProviders.probe(NAME, Jcuda::load);
        var tried = new ArrayList<>(Jcuda.tried());
        tried.addAll(status.tried());
        return new BackendStatus(
                NAME, status.available(), status.summary(), tried, status.expected());
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
        return CudaProviders.open(NAME, Jcuda::load, Jcuda::loadBlasOrFfm, options);
    }
}

package org.panoptim.tests.curvature;

import org.panoptim.cuda.CudaFfmProvider;
import org.panoptim.cuda.jcuda.CudaJcudaProvider;
import org.panoptim.testkit.VirtualGpu;

import java.util.List;

/** The backends that this run of the tests compares. */
final class CurvatureBackends {

    private CurvatureBackends() {}

    /** By name; the reference is the yardstick, and certified itself. */
    static List<String> names() {
        return VirtualGpu.isChosen()
                ? List.of(CudaFfmProvider.NAME, CudaJcudaProvider.NAME)
                : List.of("reference", "simd");
    }
}

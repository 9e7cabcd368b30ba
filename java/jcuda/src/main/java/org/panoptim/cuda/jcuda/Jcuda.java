package org.panoptim.cuda.jcuda;

import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;

import org.panoptim.cuda.driver.CudaBlas;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.CudaUnavailableException;
import org.panoptim.cuda.driver.FfmCuda;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntSupplier;

/**
 * The entry to CUDA through JCuda 12.6.
 *
 * <p>JCuda looks for its native parts in {@code java.library.path} and then unpacks them from its
 * jars into {@code java.io.tmpdir}, under the same names in every process. Its jars must be on the
 * class path. Whether it throws exceptions of its own is a switch of the whole process, which is
 * left alone.
 */
public final class Jcuda {

    private Jcuda() {}

    /**
     * CUDA's driver.
     *
     * @throws CudaUnavailableException if JCuda, its native part or the driver is not there
     */
    public static CudaDriver load() {
        refuse("JCuda", DriverHolder.PROBLEM);
        return DriverHolder.DRIVER;
    }

    /**
     * cuBLAS, of CUDA 12: JCublas2 is linked against {@code libcublas.so.12}. Where only a later
     * one is installed, the binding through FFM serves.
     *
     * @throws CudaUnavailableException if JCublas2, its native part or libcublas.so.12 is not there
     */
    public static CudaBlas loadBlas() {
        refuse("JCublas2", BlasHolder.PROBLEM);
        return BlasHolder.BLAS;
    }

    /**
     * cuBLAS through JCublas2 or, where that cannot be loaded, through the Foreign Function and
     * Memory API.
     *
     * @throws CudaUnavailableException if there is none, with the reason of either
     */
    public static CudaBlas loadBlasOrFfm() {
        try {
            return loadBlas();
        } catch (CudaUnavailableException jcublas) {
            try {
                return FfmCuda.loadBlas();
            } catch (CudaUnavailableException ffm) {
                var tried = new ArrayList<>(List.of(jcublas.reason()));
                tried.addAll(ffm.tried());
                throw new CudaUnavailableException("no cuBLAS can be loaded", tried);
            }
        }
    }

    private static void refuse(String what, Optional<String> problem) {
        problem.ifPresent(
                reason -> {
                    throw new CudaUnavailableException(what + " cannot be loaded: " + reason);
                });
    }

    /** Why the class of a native part cannot be used, if it cannot. */
    private static Optional<String> problem(String library, String remedy, IntSupplier firstCall) {
        try {
            // Any call would do; the class loads its native part first.
            firstCall.getAsInt();
            return Optional.empty();
        } catch (jcuda.CudaException _) {
            return Optional.empty();
        } catch (NoClassDefFoundError e) {
            return Optional.of("its class is not there: " + e.getMessage());
        } catch (UnsatisfiedLinkError e) {
            return Optional.of(explain(String.valueOf(e.getMessage()), library, remedy));
        } catch (LinkageError | RuntimeException e) {
            return Optional.of(e.toString());
        }
    }

    /** JCuda's message spans a page; what it lacks is in one of its lines. */
    private static String explain(String message, String library, String remedy) {
        return message.contains(library)
                ? remedy
                : "its native part is neither in java.library.path nor in a jar of the class path";
    }

    private static final class DriverHolder {
        static final Optional<String> PROBLEM =
                problem(
                        "libcuda.so.1",
                        "no CUDA driver is installed or found; libcuda.so.1 is missing",
                        () -> JCudaDriver.cuDriverGetVersion(new int[1]));
        static final CudaDriver DRIVER = new JcudaDriver();
    }

    private static final class BlasHolder {
        static final Optional<String> PROBLEM =
                problem(
                        "libcublas.so.12",
                        "it needs libcublas.so.12 of CUDA 12, which is not found",
                        () -> {
                            JCublas2.initialize();
                            return 0;
                        });
        static final CudaBlas BLAS = new JcublasBlas();
    }
}

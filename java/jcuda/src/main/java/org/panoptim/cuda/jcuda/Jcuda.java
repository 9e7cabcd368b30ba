package org.panoptim.cuda.jcuda;

import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;

import org.panoptim.cuda.driver.CudaBlas;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.CudaUnavailableException;
import org.panoptim.cuda.driver.FfmCuda;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The entry to CUDA through JCuda 12.6.
 *
 * <p>JCuda is not touched where there is no driver. It looks for its native parts in {@code
 * java.library.path}; those in its jars are unpacked as all of the project's are, into a folder
 * that nobody else can write to. Its jars must be on the class path. Whether it throws exceptions
 * of its own is a switch of the whole process, which is left alone.
 */
public final class Jcuda {

    private Jcuda() {}

    /**
     * CUDA's driver.
     *
     * @throws CudaUnavailableException if JCuda, its native part or the driver is not there
     */
    public static CudaDriver load() {
        refuse("JCuda", DriverHolder.NATIVE.problem());
        return DriverHolder.DRIVER;
    }

    /**
     * cuBLAS, of CUDA 12: JCublas2 is linked against {@code libcublas.so.12}. Where only a later
     * one is installed, the binding through FFM serves.
     *
     * @throws CudaUnavailableException if JCublas2, its native part or libcublas.so.12 is not there
     */
    public static CudaBlas loadBlas() {
        refuse("JCublas2", BlasHolder.NATIVE.problem());
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

    /** Where JCuda's part for the driver was unpacked, and which folders were passed over. */
    static List<String> tried() {
        return DriverHolder.NATIVE.tried();
    }

    private static void refuse(String what, Optional<String> problem) {
        problem.ifPresent(
                reason -> {
                    throw new CudaUnavailableException(what + " cannot be loaded: " + reason);
                });
    }

    /**
     * A native part of JCuda.
     *
     * @param tried where it was unpacked; a line each
     * @param problem why its class cannot be used, if it cannot
     */
    private record NativePart(List<String> tried, Optional<String> problem) {

        static NativePart load(String part, String needs, String remedy, Runnable firstCall) {
            try {
                var library = new JcudaLibrary(part);
                var problem = tryOut(library, needs, remedy, firstCall);
                return new NativePart(library.tried(), problem);
            } catch (NoClassDefFoundError e) {
                return new NativePart(
                        List.of(), Optional.of("its class is not there: " + e.getMessage()));
            }
        }

        private static Optional<String> tryOut(
                JcudaLibrary library, String needs, String remedy, Runnable firstCall) {
            try {
                library.load(firstCall);
                return Optional.empty();
            } catch (jcuda.CudaException _) {
                return Optional.empty();
            } catch (IOException e) {
                return Optional.of("its native part cannot be unpacked: " + e.getMessage());
            } catch (NoClassDefFoundError e) {
                return Optional.of("its class is not there: " + e.getMessage());
            } catch (UnsatisfiedLinkError e) {
                return Optional.of(explain(String.valueOf(e.getMessage()), needs, remedy));
            } catch (LinkageError | RuntimeException e) {
                return Optional.of(e.toString());
            }
        }

        /** JCuda's message spans a page; what it lacks is in one of its lines. */
        private static String explain(String message, String needs, String remedy) {
            return message.contains(needs)
                    ? remedy
                    : "its native part is neither in java.library.path nor in a jar of the class"
                            + " path";
        }
    }

    private static final class DriverHolder {
        static final NativePart NATIVE = load();
        static final CudaDriver DRIVER = new JcudaDriver();

        private static NativePart load() {
            try {
                // Asked without JCuda, which would unpack its part only to find that out.
                FfmCuda.load();
            } catch (CudaUnavailableException e) {
                return new NativePart(e.tried(), Optional.of(e.getMessage()));
            }
            return NativePart.load(
                    "JCudaDriver",
                    "libcuda.so.1",
                    "no CUDA driver is installed or found; libcuda.so.1 is missing",
                    // Any call would do; the class loads its native part first.
                    () -> JCudaDriver.cuDriverGetVersion(new int[1]));
        }
    }

    private static final class BlasHolder {
        static final NativePart NATIVE =
                NativePart.load(
                        "JCublas2",
                        "libcublas.so.12",
                        "it needs libcublas.so.12 of CUDA 12, which is not found",
                        JCublas2::initialize);
        static final CudaBlas BLAS = new JcublasBlas();
    }
}

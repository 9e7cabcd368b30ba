package org.panoptim.cuda.driver;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Finds out whether an implementation of {@link CudaDriver} can be used here, without taking hold
 * of a device.
 *
 * @param available whether it can
 * @param version if it can, the newest version of CUDA that the driver serves, for example 13000
 *     for 13.0; else 0
 * @param summary in one line: the device, or why there is none
 * @param tried the attempts in order, each with its outcome in a line
 * @param expected whether there is a device, or a driver that fails otherwise than for want of one,
 *     so that it ought to be usable
 */
public record CudaProbe(
        boolean available, int version, String summary, List<String> tried, boolean expected) {

    /**
     * The oldest version of CUDA that the driver must serve, drivers 525 and later: that of the PTX
     * for older drivers, and of what JCuda's native part needs. The calls through FFM have all been
     * there since 11.4.
     */
    public static final int MINIMUM_VERSION = 12000;

    /** The oldest compute capability, ten times the major number and the minor one. */
    public static final int MINIMUM_CAPABILITY = 80;

    private static final int CAPABILITY_MAJOR = 75;
    private static final int CAPABILITY_MINOR = 76;
    private static final int CUDA_ERROR_NO_DEVICE = 100;

    /** Copies the list. */
    public CudaProbe {
        tried = List.copyOf(tried);
    }

    /**
     * Probes the first device.
     *
     * @param implementation loads a driver; what it throws is the reason
     */
    public static CudaProbe of(Supplier<CudaDriver> implementation) {
        return of(implementation, 0);
    }

    /** Probes the device of this number. */
    public static CudaProbe of(Supplier<CudaDriver> implementation, int ordinal) {
        var tried = new ArrayList<String>();
        try {
            var driver = implementation.get();
            tried.add("library: loaded through " + driver.name());
            return of(driver, ordinal, tried);
        } catch (CudaUnavailableException e) {
            var lines = e.tried().isEmpty() ? List.of(e.reason()) : e.tried();
            lines.forEach(line -> tried.add("library: " + line));
            return new CudaProbe(false, 0, e.reason(), tried, false);
        }
    }

    private static CudaProbe of(CudaDriver driver, int ordinal, List<String> tried) {
        try {
            require(driver, ordinal, tried);
            return new CudaProbe(
                    true,
                    driver.version(),
                    driver.deviceName(ordinal) + " through " + driver.name(),
                    tried,
                    true);
        } catch (CudaUnavailableException e) {
            return new CudaProbe(false, 0, e.reason(), tried, hasDevice(driver));
        } catch (CudaException e) {
            tried.add(e.getMessage());
            return new CudaProbe(false, 0, e.getMessage(), tried, true);
        }
    }

    private static boolean hasDevice(CudaDriver driver) {
        try {
            return countDevices(driver) > 0;
        } catch (CudaException _) {
            return true;
        }
    }

    /**
     * Checks that a device can be used.
     *
     * @throws CudaUnavailableException if it cannot, with the reason
     */
    static void require(CudaDriver driver, int ordinal) {
        require(driver, ordinal, new ArrayList<>());
    }

    private static void require(CudaDriver driver, int ordinal, List<String> tried) {
        int version = driver.version();
        tried.add("driver: serves CUDA " + versionText(version));
        if (version < MINIMUM_VERSION) {
            throw new CudaUnavailableException(
                    "the driver serves CUDA %s, but at least %s is needed; install a newer driver"
                            .formatted(versionText(version), versionText(MINIMUM_VERSION)));
        }
        int count = countDevices(driver);
        tried.add("devices: " + count);
        if (count == 0) {
            throw new CudaUnavailableException("the driver finds no device");
        }
        if (ordinal < 0 || ordinal >= count) {
            throw new CudaUnavailableException(
                    "there is no device %d, only %d, counted from 0".formatted(ordinal, count));
        }
        int capability = capability(driver, ordinal);
        var name = driver.deviceName(ordinal);
        // Joined, since the first formatting of a process takes longer than all of this.
        tried.add(
                "device "
                        + ordinal
                        + ": "
                        + name
                        + ", compute capability "
                        + capabilityText(capability));
        if (capability < MINIMUM_CAPABILITY) {
            throw new CudaUnavailableException(
                    "%s has compute capability %s, but at least %s is needed"
                            .formatted(
                                    name,
                                    capabilityText(capability),
                                    capabilityText(MINIMUM_CAPABILITY)));
        }
    }

    /** Ten times the major number and the minor one, for example 90. */
    static int capability(CudaDriver driver, int ordinal) {
        return 10 * driver.deviceAttribute(CAPABILITY_MAJOR, ordinal)
                + driver.deviceAttribute(CAPABILITY_MINOR, ordinal);
    }

    private static int countDevices(CudaDriver driver) {
        try {
            return driver.deviceCount();
        } catch (CudaException e) {
            if (e.code() == CUDA_ERROR_NO_DEVICE) {
                return 0;
            }
            throw e;
        }
    }

    private static String versionText(int version) {
        return version / 1000 + "." + version % 1000 / 10;
    }

    private static String capabilityText(int capability) {
        return capability / 10 + "." + capability % 10;
    }
}

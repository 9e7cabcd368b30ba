package org.panoptim.tests.cuda;

import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.CudaException;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Set;

/** Lets any one call of a driver fail, whichever function it is of. */
final class FaultyDriver {

    /** Functions that ask nothing of CUDA. */
    private static final Set<String> SILENT = Set.of("name", "toString", "hashCode", "equals");

    private final CudaDriver driver;
    private final CudaDriver faulty;
    private int calls;
    private int failing;
    private String failed = "none";

    FaultyDriver(CudaDriver driver) {
        this.driver = driver;
        faulty =
                (CudaDriver)
                        Proxy.newProxyInstance(
                                CudaDriver.class.getClassLoader(),
                                new Class<?>[] {CudaDriver.class},
                                (_, method, arguments) -> call(method, arguments));
    }

    /** The driver whose calls fail. */
    CudaDriver driver() {
        return faulty;
    }

    /** Lets one of the following calls fail, counted from 1; with 0 none does. */
    void failAt(int call) {
        calls = 0;
        failing = call;
        if (call > 0) {
            failed = "none";
        }
    }

    /** The calls since {@link #failAt}. */
    int calls() {
        return calls;
    }

    /** The function whose call failed last. */
    String failed() {
        return failed;
    }

    /** Whether that would have freed something, which is left open then. */
    boolean failedToFree() {
        return failed.startsWith("free")
                || failed.startsWith("destroy")
                || failed.startsWith("unload")
                || failed.startsWith("release");
    }

    private Object call(Method method, Object[] arguments) throws Throwable {
        if (!SILENT.contains(method.getName())) {
            calls++;
            if (calls == failing) {
                failed = method.getName();
                throw new CudaException(
                        method.getName() + " (call " + calls + ")",
                        2,
                        "CUDA_ERROR_OUT_OF_MEMORY",
                        "planted by a test");
            }
        }
        try {
            return method.invoke(driver, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }
}

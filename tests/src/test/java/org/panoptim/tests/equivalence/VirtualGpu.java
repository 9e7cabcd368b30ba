package org.panoptim.tests.equivalence;

import org.panoptim.Backend;
import org.panoptim.cuda.CudaFfmProvider;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.cuda.jcuda.CudaJcudaProvider;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * The CUDA backend over the device that runs kernels on the CPU, in several orders of threads. It
 * is what the suite compares where the property {@code panoptim.virtual-gpu} is true; the driver's
 * library must then be on the path of libraries.
 */
final class VirtualGpu {

    private static final List<String> ORDERS = List.of("forward", "reverse", "random:1");

    private VirtualGpu() {}

    static boolean isChosen() {
        return Boolean.getBoolean("panoptim.virtual-gpu");
    }

    /** Every implementation of the driver's interface, with every order of threads. */
    static List<Contender> contenders(Map<String, StructLayout> ownRules) {
        var options = new CudaOptions(0, 0, ownRules);
        return ORDERS.stream()
                .flatMap(
                        order ->
                                Stream.of(
                                        contender(
                                                CudaFfmProvider.NAME,
                                                order,
                                                () -> CudaFfmProvider.open(options)),
                                        contender(
                                                CudaJcudaProvider.NAME,
                                                order,
                                                () -> CudaJcudaProvider.open(options))))
                .toList();
    }

    private static Contender contender(String name, String order, Supplier<Backend> opener) {
        return new Contender(
                name + ", threads " + order,
                () -> new OnDevice(opener.get(), () -> setOrder(order)));
    }

    private static void setOrder(String order) {
        try (var arena = Arena.ofConfined()) {
            int status = (int) Order.SET.invokeExact(arena.allocateFrom(order));
            if (status != 0) {
                throw new IllegalStateException("order " + order + " gives status " + status);
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    private static final class Order {
        static final MethodHandle SET =
                Linker.nativeLinker()
                        .downcallHandle(
                                SymbolLookup.libraryLookup("libcuda.so.1", Arena.global())
                                        .findOrThrow("panoptimVirtualOrder"),
                                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS));
    }
}

package org.panoptim.pytorch;

import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Asks the engine about tensors before every step: through the C functions that libtorch exports
 * for compiled models ({@code torch/csrc/inductor/aoti_torch/c/shim.h}, a stable interface), which
 * allocate nothing, where JavaCPP makes an object of each address and type.
 *
 * <p>A tensor is identified by the address of its {@code at::Tensor}. One thread at a time.
 */
final class TensorQueries {

    /** All memory, for what lies at the engine's addresses. */
    private static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private static final Linker.Option SHORT = Linker.Option.critical(false);

    private static final MethodHandle LAYOUT = function("layout", SHORT);
    private static final MethodHandle DTYPE = function("dtype", SHORT);
    private static final MethodHandle DEVICE_TYPE = function("device_type", SHORT);
    private static final MethodHandle DEVICE_INDEX = function("device_index", SHORT);
    private static final MethodHandle DIM = function("dim", SHORT);
    private static final MethodHandle SIZES = function("sizes", SHORT);
    private static final MethodHandle STRIDES = function("strides", SHORT);

    /** Not short: it may copy what is shared until it is written to. */
    private static final MethodHandle DATA = function("data_ptr");

    /** Where the functions leave what they found. */
    private final long answer;

    TensorQueries(Arena arena) {
        answer = arena.allocate(ValueLayout.JAVA_LONG).address();
    }

    private static MethodHandle function(String what, Linker.Option... options) {
        Loader.load(torch.class);
        var name = "aoti_torch_get_" + what;
        var address = Loader.addressof(name);
        if (address == null) {
            throw new UnsatisfiedLinkError(
                    "libtorch does not export " + name + ", so it must be of another version");
        }
        return Linker.nativeLinker()
                .downcallHandle(
                        MemorySegment.ofAddress(address.address()),
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG),
                        options);
    }

    /** Whether it is a dense float32 tensor; the other questions are for tensors that are. */
    boolean isDenseFloat(long tensor) {
        return number(LAYOUT, tensor) == torch.Layout.Strided.value
                && number(DTYPE, tensor) == torch.ScalarType.Float.value;
    }

    /** Whether its elements lie so. */
    boolean isLaidOut(long tensor, Layout layout) {
        return layout.describes(value(DIM, tensor), value(SIZES, tensor), value(STRIDES, tensor));
    }

    /** The number of the type of its device. */
    int deviceType(long tensor) {
        return number(DEVICE_TYPE, tensor);
    }

    /** The number of its device among those of the type. */
    int deviceIndex(long tensor) {
        return number(DEVICE_INDEX, tensor);
    }

    /** Where its first element lies; 0 for a tensor without elements. */
    long data(long tensor) {
        return value(DATA, tensor);
    }

    /** Where the engine's {@code TensorImpl} lies: an {@code at::Tensor} is a pointer to it. */
    static long implementation(long tensor) {
        return number(tensor, 0);
    }

    /** One of the 64-bit numbers that lie at an address. */
    static long number(long address, int index) {
        return MEMORY.get(ValueLayout.JAVA_LONG, address + (long) index * Long.BYTES);
    }

    private int number(MethodHandle function, long tensor) {
        ask(function, tensor);
        return MEMORY.get(ValueLayout.JAVA_INT, answer);
    }

    private long value(MethodHandle function, long tensor) {
        ask(function, tensor);
        return MEMORY.get(ValueLayout.JAVA_LONG, answer);
    }

    private void ask(MethodHandle function, long tensor) {
        int status;
        try {
            status = (int) function.invokeExact(tensor, answer);
        } catch (Throwable e) {
            throw new IllegalStateException("libtorch cannot be called", e);
        }
        if (status != 0) {
            throw new IllegalStateException("libtorch refused to say where a tensor lies");
        }
    }
}

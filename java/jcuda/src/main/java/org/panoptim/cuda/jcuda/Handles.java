package org.panoptim.cuda.jcuda;

import jcuda.NativePointerObject;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Reads and writes the pointer that an object of JCuda stands for. JCuda lets its own packages
 * alone do so; an object that can be set anew saves one for each argument of each call.
 */
final class Handles {

    private static final VarHandle POINTER = pointer();

    private Handles() {}

    private static VarHandle pointer() {
        try {
            return MethodHandles.privateLookupIn(NativePointerObject.class, MethodHandles.lookup())
                    .findVarHandle(NativePointerObject.class, "nativePointer", long.class);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("JCuda's objects hold no nativePointer", e);
        }
    }

    /** The pointer that an object stands for. */
    static long get(NativePointerObject object) {
        return (long) POINTER.get(object);
    }

    /** Makes an object stand for a pointer. */
    static <T extends NativePointerObject> T set(T object, long pointer) {
        POINTER.set((NativePointerObject) object, pointer);
        return object;
    }
}

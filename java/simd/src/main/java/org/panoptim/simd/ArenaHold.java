package org.panoptim.simd;

import static java.lang.foreign.ValueLayout.ADDRESS;

import org.jspecify.annotations.Nullable;
import org.panoptim.spi.ArenaSet;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * Keeps arenas from being closed while native code uses their memory by its address: whoever tries
 * meanwhile gets an {@link IllegalStateException}. An arena stays open as long as a segment of it
 * is an argument of a native call, so something is run by a function that calls back, {@code
 * panoptim_hold}. It takes some arenas; for more of them calls are nested.
 *
 * <p>Used by one thread at a time. A run allocates nothing.
 */
final class ArenaHold {

    /** Arenas that one call takes. */
    private static final int AT_ONCE = 8;

    /** Arenas that are held at most: nested calls need space on the stack. */
    static final int MOST = 128 * AT_ONCE;

    private final Arena life;
    private @Nullable MemorySegment callback;

    // What the present run is about.
    private ArenaSet arenas = new ArenaSet();
    private Runnable body = () -> {};
    private int held;
    private @Nullable Throwable thrown;

    /**
     * Ready for runs.
     *
     * @param life the arena that must be open at each of them
     */
    ArenaHold(Arena life) {
        this.life = life;
    }

    /** What the calls need; linked only if there is an arena to be held. */
    private static final class Calls {
        private static final MethodHandle HANDLE =
                Linker.nativeLinker()
                        .downcallHandle(
                                FunctionDescriptor.ofVoid(
                                        ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS,
                                        ADDRESS, ADDRESS, ADDRESS));
        private static final MethodHandle BACK;

        static {
            try {
                BACK =
                        MethodHandles.lookup()
                                .findVirtual(
                                        ArenaHold.class,
                                        "callBack",
                                        MethodType.methodType(void.class));
            } catch (ReflectiveOperationException e) {
                throw new ExceptionInInitializerError(e);
            }
        }

        static MemorySegment callback(ArenaHold hold, Arena life) {
            return Linker.nativeLinker()
                    .upcallStub(BACK.bindTo(hold), FunctionDescriptor.ofVoid(), life);
        }
    }

    /**
     * Runs the body while none of the arenas can be closed, the first {@link #MOST} of them.
     *
     * @throws IllegalStateException if one of them is closed; the body was not run
     */
    void run(ArenaSet newArenas, Runnable newBody) {
        if (newArenas.size() == 0) {
            newBody.run();
            return;
        }
        if (callback == null) {
            callback = Calls.callback(this, life);
        }
        arenas = newArenas;
        body = newBody;
        held = 0;
        thrown = null;
        holdMore();
        var problem = thrown;
        thrown = null;
        if (problem != null) {
            throw ArenaHold.<RuntimeException>rethrown(problem);
        }
    }

    /** As the body threw it: Kotlin's checked exceptions too, which no method declares. */
    @SuppressWarnings("unchecked")
    private static <E extends Throwable> RuntimeException rethrown(Throwable problem) throws E {
        throw (E) problem;
    }

    private void holdMore() {
        int first = held;
        held += AT_ONCE;
        var back = callback;
        try {
            Calls.HANDLE.invokeExact(
                    StepCalls.HOLD,
                    back,
                    segment(first),
                    segment(first + 1),
                    segment(first + 2),
                    segment(first + 3),
                    segment(first + 4),
                    segment(first + 5),
                    segment(first + 6),
                    segment(first + 7));
        } catch (IllegalStateException e) {
            throw closed(e);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("a native call threw", e);
        }
    }

    /** Says what it means that a call was refused for one of its arguments. */
    static IllegalStateException closed(IllegalStateException refusal) {
        return new IllegalStateException(
                "the arena of a parameter's value, gradient, curvature, copy or average was closed"
                        + " by another thread; nothing was changed",
                refusal);
    }

    private MemorySegment segment(int index) {
        return index < arenas.size() ? arenas.segment(index) : MemorySegment.NULL;
    }

    /** Called from native code, which nothing may be thrown through. */
    private void callBack() {
        try {
            if (held < Math.min(arenas.size(), MOST)) {
                holdMore();
            } else {
                body.run();
            }
        } catch (Throwable e) {
            thrown = e;
        }
    }
}

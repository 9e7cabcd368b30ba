package org.panoptim.simd;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.panoptim.abi.WordCalls;
import org.panoptim.spi.ArenaSet;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * A step in one call, for one that is too small to be split over threads. Its arenas cannot be
 * closed meanwhile, since a segment of each is an argument of the call: that takes less time than
 * {@link ArenaHold} does, and shows only in steps as small as these.
 */
final class WholeStep {

    /**
     * Arenas that the call takes: enough for values, gradients and curvatures each in a separate
     * one.
     */
    static final int MOST_ARENAS = 3;

    private WholeStep() {}

    /** Linked only if there is an arena to be held. */
    private static final class Holding {
        private static final MethodHandle HANDLE =
                Linker.nativeLinker()
                        .downcallHandle(
                                FunctionDescriptor.of(
                                        JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, ADDRESS, ADDRESS,
                                        ADDRESS));
    }

    /**
     * Takes the step.
     *
     * @param arenas at most {@link #MOST_ARENAS}
     * @return the library's status
     * @throws IllegalStateException if one of the arenas is closed; nothing was changed
     */
    static int run(int tier, long plan, int phases, ArenaSet arenas) {
        if (arenas.size() == 0) {
            return (int) WordCalls.call(StepCalls.STEP, tier, plan, phases);
        }
        try {
            return (int)
                    Holding.HANDLE.invokeExact(
                            StepCalls.STEP,
                            tier,
                            plan,
                            phases,
                            segment(arenas, 0),
                            segment(arenas, 1),
                            segment(arenas, 2));
        } catch (IllegalStateException e) {
            throw ArenaHold.closed(e);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("a native call threw", e);
        }
    }

    private static MemorySegment segment(ArenaSet arenas, int index) {
        return index < arenas.size() ? arenas.segment(index) : MemorySegment.NULL;
    }
}

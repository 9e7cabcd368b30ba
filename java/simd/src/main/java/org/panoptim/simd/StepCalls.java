package org.panoptim.simd;

import org.panoptim.abi.WordCalls;
import org.panoptim.simd.bindings.NativeLibrary;

import java.lang.foreign.MemorySegment;

/** The library's functions that lead to a step and make it; addresses are {@code long}s. */
final class StepCalls {

    private static final MemorySegment TIER_PROBE = function("panoptim_tier_probe");
    private static final MemorySegment RULE_COUNT = function("panoptim_rule_count");
    private static final MemorySegment RULE_DESCRIBE = function("panoptim_rule_describe");
    private static final MemorySegment MEASURE = function("panoptim_measure");
    private static final MemorySegment GATHER = function("panoptim_gather");
    private static final MemorySegment DECIDE = function("panoptim_decide");
    private static final MemorySegment PREPARE = function("panoptim_prepare");
    private static final MemorySegment UPDATE = function("panoptim_update");
    private static final MemorySegment UPDATE_PANELS = function("panoptim_update_panels");
    private static final MemorySegment ADVANCE_LINES = function("panoptim_advance_lines");
    private static final MemorySegment FINISH = function("panoptim_finish");
    private static final MemorySegment TRY = function("panoptim_try");

    /** {@code panoptim_step}, of whose arguments some may be segments. */
    static final MemorySegment STEP = function("panoptim_step");

    /** {@code panoptim_hold}, whose arguments are segments. */
    static final MemorySegment HOLD = function("panoptim_hold");

    private StepCalls() {}

    private static MemorySegment function(String name) {
        return WordCalls.function(NativeLibrary.get().symbols().findOrThrow(name));
    }

    static int tierProbe(int tier) {
        return (int) WordCalls.call(TIER_PROBE, tier);
    }

    static int ruleCount() {
        return (int) WordCalls.call(RULE_COUNT);
    }

    private static String text(long address) {
        return MemorySegment.ofAddress(address).reinterpret(Long.MAX_VALUE).getString(0);
    }

    static int ruleDescribe(int index, MemorySegment rule) {
        return (int) WordCalls.call(RULE_DESCRIBE, index, rule.address());
    }

    static int measure(int tier, long plan, long begin, long end) {
        return (int) WordCalls.call(MEASURE, tier, plan, begin, end);
    }

    static int gather(long plan) {
        return (int) WordCalls.call(GATHER, plan);
    }

    static int decide(long plan) {
        return (int) WordCalls.call(DECIDE, plan);
    }

    static int prepare(long plan, int phase) {
        return (int) WordCalls.call(PREPARE, plan, phase);
    }

    static int update(int tier, long plan, int phase, long begin, long end) {
        return (int) WordCalls.call(UPDATE, tier, plan, phase, begin, end);
    }

    static int updatePanels(int tier, long plan, int phase, long begin, long end) {
        return (int) WordCalls.call(UPDATE_PANELS, tier, plan, phase, begin, end);
    }

    static int advanceLines(long plan, int stage, int phase, long begin, long end) {
        return (int) WordCalls.call(ADVANCE_LINES, plan, stage, phase, begin, end);
    }

    static int tryStep(long plan) {
        return (int) WordCalls.call(TRY, plan);
    }

    static int finish(long plan) {
        return (int) WordCalls.call(FINISH, plan);
    }
}

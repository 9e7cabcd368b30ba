package org.panoptim.bench;

import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** Nanoseconds that the two bodies of a {@link Pair} took in an iteration; JMH reports both. */
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.EVENTS)
public class PairTimes {

    /** Nanoseconds of the first body. */
    public long first;

    /** Nanoseconds of the second body. */
    public long second;

    /** How often both ran. */
    public long calls;

    /** Made by JMH. */
    public PairTimes() {}
}

package org.panoptim.bench;

import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** What the two sides of a {@link Pair} took in an iteration; JMH reports all. */
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.EVENTS)
public class PairTimes {

    /** Nanoseconds of the first side's body, summed over turns. */
    public double first;

    /** Nanoseconds of the second side's body, summed over turns. */
    public double second;

    /** How often both had their turn. */
    public long turns;

    /** How many bodies the second side ran, untimed ones too. */
    public long steps;

    /** Made by JMH. */
    public PairTimes() {}
}

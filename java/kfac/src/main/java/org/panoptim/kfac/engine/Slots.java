package org.panoptim.kfac.engine;

/** Names of what engines keep, as checkpoints have them; by side: 0 inputs, 1 output gradients. */
public final class Slots {

    private static final String[] SIDES = {"input", "output"};

    private Slots() {}

    /** Of a factor's average. */
    public static String average(int factor) {
        return "kfac." + SIDES[factor % 2] + "_factor";
    }

    /** Of a factor's inverse. */
    public static String inverse(int factor) {
        return "kfac." + SIDES[factor % 2] + "_inverse";
    }

    /** Of a factor's averaged diagonal. */
    public static String fisher(int factor) {
        return "fisher." + SIDES[factor % 2];
    }
}

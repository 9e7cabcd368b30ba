package org.panoptim.cli.process;

import java.io.IOException;

/**
 * Ends this process as soon as the one that started it is gone, however that came about: standard
 * input is a pipe then, whose other end nobody else has.
 */
public final class ParentWatch {

    /** What a shell shows of a program that lost its terminal: 128 + SIGHUP. */
    private static final int PARENT_GONE = 129;

    private ParentWatch() {}

    /** Begins to watch. */
    public static void start() {
        Thread.ofPlatform().daemon().name("panoptim-parent").start(ParentWatch::watch);
    }

    private static void watch() {
        try {
            while (System.in.read() >= 0) {}
        } catch (IOException _) {
            // It is of no use any more, as if it had ended.
        }
        // Nobody is there who would see results, and the work at hand may be waiting for others.
        Runtime.getRuntime().halt(PARENT_GONE);
    }
}

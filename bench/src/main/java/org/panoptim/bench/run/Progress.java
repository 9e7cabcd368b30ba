package org.panoptim.bench.run;

/** Hears how far the measuring has come. */
interface Progress {

    /** Something begins. */
    void begin(String name);

    /** One iteration is done. */
    void advance();
}

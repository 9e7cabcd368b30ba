package org.panoptim.testkit.scenario;

/**
 * A difference between two runs.
 *
 * @param units in units in the last place; 0 if all bits are equal
 * @param what in which number or text it is
 * @param expected what the reference has there
 * @param actual what the other has there
 */
public record Difference(long units, String what, String expected, String actual) {

    /** No difference at all. */
    public static final Difference NONE = new Difference(0, "", "", "");

    /** Whether all bits are equal. */
    public boolean isNone() {
        return units == 0;
    }

    /** The units as text. */
    public String unitsText() {
        return units == Units.INCOMPARABLE ? "NaN" : Long.toString(units);
    }

    /** The larger one, and this one of two that are equally large. */
    public Difference orLarger(Difference other) {
        return other.units > units ? other : this;
    }

    @Override
    public String toString() {
        return isNone()
                ? "no difference"
                : unitsText()
                        + " units at "
                        + what
                        + ": expected "
                        + expected
                        + ", found "
                        + actual;
    }
}

package org.panoptim.cli.verify;

/**
 * The largest difference between two runs.
 *
 * @param units in units in the last place; 0 if all bits are equal
 * @param place where it is
 * @param expected what the reference has there
 * @param found what the other has there
 */
public record Difference(long units, String place, String expected, String found) {

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

    @Override
    public String toString() {
        return isNone()
                ? "no difference"
                : unitsText()
                        + " units at "
                        + place
                        + ": expected "
                        + expected
                        + ", found "
                        + found;
    }
}

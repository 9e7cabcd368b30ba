package org.panoptim.rule;

/**
 * A row or a column of a matrix between two phases, with its sums and its states; valid for the
 * call that it is an argument of.
 */
public interface Line {

    /** How many elements it has. */
    long elements();

    /** How many lines of its kind its matrix has, itself among them. */
    long lines();

    /**
     * A sum over its elements that the phase before has taken.
     *
     * @param reduction its place in {@link UpdateRule#reductions(org.panoptim.tensor.Shape)}
     * @throws IllegalArgumentException if it is of something else than this kind of line, or of
     *     another phase
     */
    double sum(int reduction);

    /**
     * The value of a state of the line.
     *
     * @param slot its place in {@link UpdateRule#slots(org.panoptim.tensor.Shape)}
     * @throws IllegalArgumentException if it is a state of something else
     */
    float state(int slot);

    /**
     * Sets the value of a state of the line.
     *
     * @throws IllegalArgumentException if it is a state of something else
     */
    void state(int slot, float value);
}

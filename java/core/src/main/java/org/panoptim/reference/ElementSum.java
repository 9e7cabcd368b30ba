package org.panoptim.reference;

/** A sum that the elements of a parameter add to, each a product. */
sealed interface ElementSum permits ReductionTree, LineSums {

    /** Adds an element's product; indices must not fall. */
    void add(long index, float a, float b);
}

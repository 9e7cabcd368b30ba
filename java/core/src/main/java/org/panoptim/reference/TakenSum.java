package org.panoptim.reference;

import org.panoptim.rule.Reduction;

/**
 * A sum that a phase takes of a parameter.
 *
 * @param place of the reduction among the rule's
 */
record TakenSum(int place, Reduction reduction, ElementSum sum) {

    static TakenSum begin(int place, Reduction reduction, long elements, MatrixStack stack) {
        var sum =
                switch (reduction.scope()) {
                    case TENSOR, GROUP, ALL -> new ReductionTree(elements);
                    case ROW -> new LineSums.OfRows(stack);
                    case COLUMN -> new LineSums.OfColumns(stack);
                };
        return new TakenSum(place, reduction, sum);
    }
}

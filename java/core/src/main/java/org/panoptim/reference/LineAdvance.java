package org.panoptim.reference;

import org.panoptim.rule.Line;
import org.panoptim.rule.LineRule;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.Slot;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Locale;

/**
 * Advances the states of a parameter's rows and columns before a phase.
 *
 * @param phase the phase that comes next
 * @param preparation what the rule's prepare knew of it
 * @param states the memory of the states, in the order of the slots
 * @param sums those that the phase before has taken
 */
record LineAdvance(
        LineRule rule,
        int phase,
        Preparation preparation,
        List<Slot> slots,
        MemorySegment[] states,
        MatrixStack stack,
        List<TakenSum> sums) {

    void run() {
        for (long matrix = 0; matrix < stack.matrices(); matrix++) {
            var terms = new double[Math.toIntExact(stack.rows())];
            for (int row = 0; row < terms.length; row++) {
                terms[row] = rule.advanceRow(phase, preparation, row(matrix, row, sums));
            }
            for (int column = 0; column < stack.columns(); column++) {
                rule.advanceColumn(phase, preparation, column(matrix, column));
            }
            if (rule.takesTotals()) {
                double total = ReductionTree.join(terms);
                for (int row = 0; row < terms.length; row++) {
                    rule.finishRow(phase, preparation, row(matrix, row, List.of()), total);
                }
            }
        }
    }

    private Line row(long matrix, int row, List<TakenSum> known) {
        return new View(
                known,
                Reduction.Scope.ROW,
                Slot.Extent.ROW,
                matrix * stack.rows() + row,
                stack.columns(),
                stack.rows());
    }

    private Line column(long matrix, int column) {
        return new View(
                sums,
                Reduction.Scope.COLUMN,
                Slot.Extent.COLUMN,
                matrix * stack.columns() + column,
                stack.rows(),
                stack.columns());
    }

    private final class View implements Line {

        private final List<TakenSum> known;
        private final Reduction.Scope scope;
        private final Slot.Extent extent;
        private final long number;
        private final long elements;
        private final long lines;

        /**
         * A line.
         *
         * @param known the sums that may be asked for
         * @param number counted through all matrices
         */
        View(
                List<TakenSum> known,
                Reduction.Scope scope,
                Slot.Extent extent,
                long number,
                long elements,
                long lines) {
            this.known = known;
            this.scope = scope;
            this.extent = extent;
            this.number = number;
            this.elements = elements;
            this.lines = lines;
        }

        @Override
        public long elements() {
            return elements;
        }

        @Override
        public long lines() {
            return lines;
        }

        @Override
        public double sum(int reduction) {
            for (var taken : known) {
                if (taken.place() == reduction
                        && taken.reduction().scope() == scope
                        && taken.sum() instanceof LineSums lines) {
                    return lines.sum(number);
                }
            }
            throw new IllegalArgumentException(
                    "before phase %d no sum %d of a %s is known here"
                            .formatted(phase, reduction, extent.name().toLowerCase(Locale.ROOT)));
        }

        @Override
        public float state(int slot) {
            return memory(slot).getAtIndex(ValueLayout.JAVA_FLOAT, number);
        }

        @Override
        public void state(int slot, float value) {
            memory(slot).setAtIndex(ValueLayout.JAVA_FLOAT, number, value);
        }

        private MemorySegment memory(int slot) {
            if (slots.get(slot).extent() != extent) {
                throw new IllegalArgumentException(
                        "a %s has no state '%s'"
                                .formatted(
                                        extent.name().toLowerCase(Locale.ROOT), slots.get(slot)));
            }
            return states[slot];
        }
    }
}

package org.panoptim.rule;

import org.panoptim.internal.Arguments;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.util.List;
import java.util.Objects;

/**
 * A state that a rule keeps from step to step, or memory for the phases of one step, or from a pass
 * to the one that closes it.
 *
 * @param name the state's name in PyTorch, for example {@code "exp_avg"}
 * @param extent what there is a value for
 * @param initial what it begins as
 * @param reported whether reports tell it; see {@link #asReported}
 */
public record Slot(String name, Extent extent, Initial initial, boolean reported) {

    /** What a state has a value for. */
    public enum Extent {
        /** A float32 for each element, which the update reads and sets. */
        ELEMENT,
        /**
         * A float32 for each row: a state of the parameter's shape with 1 as its last dimension,
         * which the update reads and {@link LineRule#advanceRow} sets. In another {@link
         * MatrixView} 1 stands for all dimensions that number columns.
         */
        ROW,
        /**
         * A float32 for each column: a state of the parameter's shape with 1 as its last but one
         * dimension, if it has so many, which the update reads and {@link LineRule#advanceColumn}
         * sets. In another {@link MatrixView} 1 stands for the dimension that numbers rows.
         */
        COLUMN,
        /** A float64 for the parameter, which {@link UpdateRule#prepare} reads and sets. */
        TENSOR,
        /** A float64 for the group's rule, which {@link UpdateRule#settle} reads and sets. */
        RULE;

        /** The type of the values. */
        public DType dtype() {
            return this == TENSOR || this == RULE ? DType.F64 : DType.F32;
        }

        /** Whether there is a value for each parameter at least. */
        public boolean isOfParameter() {
            return this != RULE;
        }

        /**
         * The shape of the state of a parameter; of one without elements it has none either.
         *
         * @param view which rows and columns are meant
         */
        public Shape shape(Shape parameter, MatrixView view) {
            Objects.requireNonNull(parameter, "parameter");
            Objects.requireNonNull(view, "view");
            return switch (this) {
                case ELEMENT -> parameter;
                case ROW -> view.rowShape(parameter);
                case COLUMN -> view.columnShape(parameter);
                case TENSOR, RULE -> Shape.of();
            };
        }
    }

    /** What a state begins as. */
    public sealed interface Initial {

        /** The same number everywhere. */
        record Constant(double value) implements Initial {}

        /**
         * The parameter, of which a state of {@link Extent#ELEMENT} is a copy: as it is when its
         * optimizer is built, or its group added.
         */
        record ParameterValue() implements Initial {}

        /**
         * Nothing: memory of any extent but {@link Extent#RULE} which no step leaves to the next.
         * Zero at first; in no checkpoint.
         */
        record None() implements Initial {}
    }

    private static final Initial ZERO = new Initial.Constant(0);

    /** Checks the components. */
    public Slot {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(extent, "extent");
        Objects.requireNonNull(initial, "initial");
        if (!isName(name)) {
            throw new IllegalArgumentException(
                    "a slot's name is lower case letters, digits and underscores, not '"
                            + name
                            + "'");
        }
        if (initial instanceof Initial.None && extent == Extent.RULE) {
            throw new IllegalArgumentException(
                    "slot '" + name + "' is the rule's, so it must be kept from step to step");
        }
        if (reported && extent.isOfParameter() && extent != Extent.TENSOR) {
            throw new IllegalArgumentException(
                    "slot '" + name + "' is not one number, so reports cannot tell it");
        }
        if (initial instanceof Initial.ParameterValue && extent != Extent.ELEMENT) {
            throw new IllegalArgumentException(
                    "slot '"
                            + name
                            + "' has no value for each element to begin as the parameter's");
        }
    }

    /**
     * Whether these are lower case letters, digits and underscores, a letter first, as the names of
     * passes are too. Without a regular expression, since rules make their slots and passes anew
     * whenever they are asked for them.
     */
    static boolean isName(String text) {
        for (int i = 0; i < text.length(); i++) {
            char character = text.charAt(i);
            boolean letter = character >= 'a' && character <= 'z';
            boolean further = character >= '0' && character <= '9' || character == '_';
            if (!letter && (i == 0 || !further)) {
                return false;
            }
        }
        return !text.isEmpty();
    }

    /** A state of elements that begins at zero. */
    public Slot(String name) {
        this(name, Extent.ELEMENT);
    }

    /** A state that begins at zero. */
    public Slot(String name, Extent extent) {
        this(name, extent, ZERO, false);
    }

    /** This state beginning at a number. */
    public Slot startingAt(double value) {
        return new Slot(name, extent, new Initial.Constant(value), reported);
    }

    /** This state beginning as a copy of the parameter. */
    public Slot startingAtParameter() {
        return new Slot(name, extent, new Initial.ParameterValue(), reported);
    }

    /** Memory that no step leaves to the next; see {@link Initial.None}. */
    public Slot forOneStep() {
        return new Slot(name, extent, new Initial.None(), reported);
    }

    /**
     * This one number, of the tensor or the rule, told by reports under its name ({@link
     * org.panoptim.StepStatistics#numbers}), since it says something to those who train; the rule's
     * documentation says what. Others are the rule's own business.
     */
    public Slot asReported() {
        return new Slot(name, extent, initial, true);
    }

    /** Whether it is kept from step to step, and so a state. */
    public boolean isKept() {
        return !(initial instanceof Initial.None);
    }

    /**
     * How many values there are for a parameter of a shape.
     *
     * @param view which rows and columns are meant
     */
    public long elements(Shape parameter, MatrixView view) {
        return extent.shape(parameter, view).elements();
    }

    /**
     * The size in bytes for a parameter of a shape.
     *
     * @param view which rows and columns are meant
     */
    public long byteSize(Shape parameter, MatrixView view) {
        return elements(parameter, view) * extent.dtype().byteSize();
    }

    /** The bytes that states take for each element of a parameter. */
    public static int elementBytes(List<Slot> slots) {
        Arguments.requireElements(slots, "slots");
        int bytes = 0;
        for (var slot : slots) {
            if (slot.extent == Extent.ELEMENT) {
                bytes += slot.extent.dtype().byteSize();
            }
        }
        return bytes;
    }

    /** Whether one of the states begins as the parameter. */
    public static boolean beginAtParameter(List<Slot> slots) {
        Arguments.requireElements(slots, "slots");
        for (var slot : slots) {
            if (slot.initial instanceof Initial.ParameterValue) {
                return true;
            }
        }
        return false;
    }

    /** Whether two lists are of the same states, wherever these begin. */
    public static boolean sameStates(List<Slot> one, List<Slot> other) {
        Arguments.requireElements(one, "one");
        Arguments.requireElements(other, "other");
        if (one.size() != other.size()) {
            return false;
        }
        for (int i = 0; i < one.size(); i++) {
            if (!one.get(i).name.equals(other.get(i).name)
                    || one.get(i).extent != other.get(i).extent
                    || one.get(i).isKept() != other.get(i).isKept()) {
                return false;
            }
        }
        return true;
    }

    /** Its name, and its extent where that is not the usual one, or that it is for one step. */
    @Override
    public String toString() {
        if (!isKept()) {
            return name + " (for one step)";
        }
        return extent == Extent.ELEMENT ? name : name + " (" + extent + ")";
    }
}

package org.panoptim.testkit.rule;

import org.panoptim.rule.Element;
import org.panoptim.rule.PhaseSpan;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What a step or a pass of a rule moves between memory and processor for each element of a float32
 * parameter, its gradient and states included: what rules with several phases move is the sum over
 * these. States of rows, columns, parameters and rules are too few to count, and curvature is left
 * out, which only some steps have.
 *
 * <p>It is found from the rule's own formula, run over an element that keeps a record. Kernels do
 * not branch, so what a phase touches under any condition it always touches there: the formula runs
 * at a first step and at later ones, and with different states.
 *
 * @param read bytes read
 * @param written bytes written
 */
public record RuleTraffic(int read, int written) {

    /** The shape that it is found for: not a vector, which some rules treat otherwise. */
    public static final Shape MATRIX = Shape.of(2, 3);

    /** The numbers of steps at which rules change their ways: the first, and when they are warm. */
    private static final List<Long> COUNTS = List.of(1L, 2L, 1000L);

    private static final List<Float> VALUES = List.of(0f, 1f);

    /** Of a step, without curvature; nothing for a companion. */
    public static RuleTraffic ofStep(UpdateRule rule) {
        return of(rule, PhaseSpan.ofStep(rule));
    }

    /** Of the pass of a name; nothing if the rule has none. */
    public static RuleTraffic ofPass(UpdateRule rule, String pass) {
        return of(rule, PhaseSpan.ofPass(rule, pass));
    }

    /** Bytes read and written together. */
    public int bytes() {
        return read + written;
    }

    private static RuleTraffic of(UpdateRule rule, PhaseSpan span) {
        int read = 0;
        int written = 0;
        for (int phase = span.first(); phase < span.end(); phase++) {
            var record = new Recorder(rule.slots(MATRIX));
            for (long count : COUNTS) {
                for (boolean advanced : new boolean[] {false, true}) {
                    var update = rule.prepare(phase, preparation(rule, count, advanced));
                    for (float value : VALUES) {
                        record.value = value;
                        update.update(record);
                    }
                }
            }
            read += record.read.size() * Float.BYTES;
            written += record.written.size() * Float.BYTES;
        }
        return new RuleTraffic(read, written);
    }

    /**
     * A step's preparation.
     *
     * @param advanced whether the numbers that are the parameter's or the rule's as a whole have
     *     left their beginning, as a step size that was found has
     */
    private static Preparation preparation(UpdateRule rule, long count, boolean advanced) {
        var slots = rule.slots(MATRIX);
        var states = new MemorySegment[slots.size()];
        for (int i = 0; i < states.length; i++) {
            states[i] = MemorySegment.ofArray(new double[1]);
            states[i].set(ValueLayout.JAVA_DOUBLE, 0, advanced ? 1 : beginning(slots.get(i)));
        }
        var sums = new double[rule.reductions().size()];
        Arrays.fill(sums, 1);
        return new Preparation(
                1, Double.NaN, count, count, MATRIX, slots, Slot.Extent.TENSOR, states, sums);
    }

    private static double beginning(Slot slot) {
        return slot.initial() instanceof Slot.Initial.Constant(double value) ? value : 0;
    }

    /** An element that remembers which of its arrays were read and written, all of one value. */
    private static final class Recorder implements Element {

        private static final int PARAMETER = -1;
        private static final int GRADIENT = -2;
        private static final int AVERAGE = -3;

        private final List<Slot> slots;
        private final Set<Integer> read = new HashSet<>();
        private final Set<Integer> written = new HashSet<>();
        private float value;

        Recorder(List<Slot> slots) {
            this.slots = slots;
        }

        @Override
        public float parameter() {
            read.add(PARAMETER);
            return value;
        }

        @Override
        public void parameter(float ignored) {
            written.add(PARAMETER);
        }

        @Override
        public float gradient() {
            read.add(GRADIENT);
            return value;
        }

        @Override
        public void gradient(float ignored) {
            written.add(GRADIENT);
        }

        @Override
        public float average() {
            read.add(AVERAGE);
            return value;
        }

        @Override
        public boolean hasCurvature() {
            return false;
        }

        @Override
        public float curvature() {
            throw new IllegalStateException("there is no curvature");
        }

        @Override
        public float state(int slot) {
            if (slots.get(slot).extent() == Slot.Extent.ELEMENT) {
                read.add(slot);
            }
            return value;
        }

        @Override
        public void state(int slot, float ignored) {
            written.add(slot);
        }

        @Override
        public void held() {}

        @Override
        public void reduce(int reduction, float a, float b) {}
    }
}

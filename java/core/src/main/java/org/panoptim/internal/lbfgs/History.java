package org.panoptim.internal.lbfgs;

import org.panoptim.spi.Cleanup;
import org.panoptim.tensor.StateTensor;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The pairs that stand for the inverse of the Hessian, the oldest first, and the pair to come. A
 * pair takes memory when it is first needed; the oldest one's is the next one's when there are as
 * many as there may be.
 */
final class History implements AutoCloseable {

    /** What the product of y and s must exceed. */
    private static final double LEAST_CURVATURE = 1e-10;

    private final Vectors vectors;
    private final int limit;
    private final Deque<Pair> pairs = new ArrayDeque<>();
    private Pair coming;

    /** What the inverse of the Hessian is taken for before any pair: so much of the identity. */
    private double scale = 1;

    History(Vectors vectors, int limit) {
        this.vectors = vectors;
        this.limit = limit;
        coming = new Pair(vectors);
    }

    /** The next pair begins where the gradient is the present one. */
    void begin() {
        coming.begin();
    }

    /**
     * Takes up the pair that was begun last, unless its curvature is not positive.
     *
     * @param step how much of the direction was gone since; 0 takes up none
     */
    void complete(double step) {
        coming.complete(step);
        double curvature = coming.curvature();
        if (!(curvature > LEAST_CURVATURE)) {
            return;
        }
        // First what may fail.
        double change = coming.change();
        var next = pairs.size() < limit ? new Pair(vectors) : pairs.removeFirst();
        pairs.addLast(coming);
        coming = next;
        scale = curvature / change;
    }

    /** Multiplies the direction by what stands for the inverse of the Hessian. */
    void precondition() {
        if (pairs.isEmpty()) {
            return;
        }
        // The oldest pair is the last one of the first loop, behind which comes the scale.
        pairs.getFirst().scale(scale);
        pairs.descendingIterator().forEachRemaining(Pair::subtract);
        pairs.forEach(Pair::add);
    }

    /** What the inverse of the Hessian is taken for before any pair. */
    double scale() {
        return scale;
    }

    /** The curvatures of the pairs. */
    List<Double> curvatures() {
        return pairs.stream().map(Pair::curvature).toList();
    }

    /** What a checkpoint has of it, by name, all after PyTorch. */
    Map<String, StateTensor> states() {
        var states = new LinkedHashMap<String, StateTensor>();
        for (int i = 0; i < vectors.parameters().size(); i++) {
            put(states, "prev_flat_grad", coming.gradientChange(i));
        }
        int index = 0;
        for (var pair : pairs) {
            for (int i = 0; i < vectors.parameters().size(); i++) {
                put(states, "old_stps/" + index, pair.step(i));
                put(states, "old_dirs/" + index, pair.gradientChange(i));
            }
            index++;
        }
        return states;
    }

    private static void put(Map<String, StateTensor> states, String prefix, StateTensor state) {
        states.put(prefix + "/" + state.parameter(), state);
    }

    /**
     * A history of so many pairs with nothing in them yet, for a checkpoint.
     *
     * @param curvatures of the pairs
     */
    History like(List<Double> curvatures, double newScale) {
        var other = new History(vectors, limit);
        try {
            for (double curvature : curvatures) {
                var pair = new Pair(vectors);
                other.pairs.addLast(pair);
                pair.curvature(curvature);
            }
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, other::close);
            throw e;
        }
        other.scale = newScale;
        return other;
    }

    @Override
    public void close() {
        var cleanup = new Cleanup();
        cleanup.keep(coming);
        pairs.forEach(cleanup::keep);
        cleanup.run();
    }
}

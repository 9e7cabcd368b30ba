package org.panoptim.schedule;

import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Lowers the learning rate when a metric that should fall has stopped falling.
 *
 * <p>Source: PyTorch, {@code ReduceLROnPlateau} in mode {@code min} with a relative threshold; for
 * metrics below 0, where PyTorch takes a standstill for an improvement, the threshold's sign
 * follows the metric's. Call {@link #observe} once an epoch; checkpoints carry what it remembers.
 * Not safe for use by several threads at once. Each optimizer needs one of its own.
 */
public final class ReduceOnPlateau implements Schedule {

    private static final String FACTOR = "factor";
    private static final String BEST = "best";
    private static final String BAD_EPOCHS = "bad_epochs";
    private static final String COOLDOWN = "cooldown";

    private final double reduction;
    private final int patience;
    private final double threshold;
    private final int cooldown;
    private final double floor;

    private double factor = 1;
    private double best = Double.POSITIVE_INFINITY;
    private int badEpochs;
    private int cooldownLeft;
    private final AtomicBoolean attached = new AtomicBoolean();

    /**
     * A schedule that has seen nothing yet.
     *
     * @param reduction multiplies the factor on a plateau, in (0, 1)
     * @param patience observations without improvement to bear before reducing, at least 0
     * @param threshold an improvement is below best − |best| · threshold; in [0, 1)
     * @param cooldown observations to let pass after a reduction, at least 0
     * @param floor the least factor, in [0, 1]
     */
    public ReduceOnPlateau(
            double reduction, int patience, double threshold, int cooldown, double floor) {
        require(reduction > 0 && reduction < 1, "reduction must be in (0, 1), but is " + reduction);
        require(patience >= 0, "patience must be at least 0, but is " + patience);
        require(
                threshold >= 0 && threshold < 1,
                "threshold must be in [0, 1), but is " + threshold);
        require(cooldown >= 0, "cooldown must be at least 0, but is " + cooldown);
        require(floor >= 0 && floor <= 1, "floor must be in [0, 1], but is " + floor);
        this.reduction = reduction;
        this.patience = patience;
        this.threshold = threshold;
        this.cooldown = cooldown;
        this.floor = floor;
    }

    /** PyTorch's defaults: a tenth, patience 10, threshold 1e-4, no cooldown, no floor. */
    public static ReduceOnPlateau defaults() {
        return new ReduceOnPlateau(0.1, 10, 1e-4, 0, 0);
    }

    /**
     * Takes in the metric of another epoch.
     *
     * @param metric lower is better; NaN counts as no improvement
     * @return whether the factor was lowered
     */
    public boolean observe(double metric) {
        // For a best above 0, infinity included, this is PyTorch's expression to the bit.
        if (metric < best * (best < 0 ? 1 + threshold : 1 - threshold)) {
            best = metric;
            badEpochs = 0;
        } else {
            badEpochs++;
        }
        if (cooldownLeft > 0) {
            cooldownLeft--;
            badEpochs = 0;
        }
        if (badEpochs <= patience) {
            return false;
        }
        badEpochs = 0;
        cooldownLeft = cooldown;
        double lowered = Math.max(factor * reduction, floor);
        if (lowered >= factor) {
            return false;
        }
        factor = lowered;
        return true;
    }

    @Override
    public double factor(long step) {
        Schedules.requireStep(step);
        return factor;
    }

    @Override
    public Map<String, Double> state() {
        return Map.of(
                FACTOR,
                factor,
                BEST,
                best,
                BAD_EPOCHS,
                (double) badEpochs,
                COOLDOWN,
                (double) cooldownLeft);
    }

    @Override
    public void restore(Map<String, Double> state) {
        Objects.requireNonNull(state, "state");
        if (!state.keySet().equals(Set.of(FACTOR, BEST, BAD_EPOCHS, COOLDOWN))) {
            throw new IllegalArgumentException(
                    "reduceOnPlateau: state has factor, best, bad_epochs and cooldown, but came"
                            + " with "
                            + state.keySet());
        }
        double newFactor = number(state, FACTOR);
        double newBest = number(state, BEST);
        int newBadEpochs = count(state, BAD_EPOCHS);
        int newCooldown = count(state, COOLDOWN);
        require(newFactor >= 0 && newFactor <= 1, "factor must be in [0, 1], but is " + newFactor);
        require(!Double.isNaN(newBest), "best must be a number, but is NaN");
        factor = newFactor;
        best = newBest;
        badEpochs = newBadEpochs;
        cooldownLeft = newCooldown;
    }

    @Override
    public void attach() {
        if (!attached.compareAndSet(false, true)) {
            throw new IllegalStateException(
                    "reduceOnPlateau: another optimizer follows this schedule, or it is there twice"
                            + " in one; it remembers what it observed, so each place needs one of"
                            + " its own");
        }
    }

    @Override
    public void detach() {
        attached.set(false);
    }

    private static double number(Map<String, Double> state, String name) {
        var value = state.get(name);
        require(value != null, name + " must be a number, but is null");
        return value;
    }

    private static int count(Map<String, Double> state, String name) {
        double value = number(state, name);
        require(
                value >= 0 && value == (int) value,
                name + " must be a whole number of at least 0, but is " + value);
        return (int) value;
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException("reduceOnPlateau: " + message);
        }
    }
}

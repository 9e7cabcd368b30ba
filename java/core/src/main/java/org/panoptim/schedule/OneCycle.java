package org.panoptim.schedule;

/**
 * One cycle of the learning rate and, against it, of the momentum (Smith and Topin, 2019).
 *
 * <p>Source: PyTorch, {@code OneCycleLR}, two phases with cosines. The group's learning rate is the
 * peak. After the last step the values stay as they are.
 *
 * @param total all steps of the training, at least 2
 * @param rising the share of the steps in which the rate rises, in (0, 1)
 * @param startDivisor the rate rises from 1 / startDivisor, which is the first factor if {@code
 *     rising · total} is above 1; of fewer steps the first is at the peak or beyond it, as
 *     PyTorch's is; at least 1
 * @param endDivisor the last factor is 1 / (startDivisor · endDivisor); at least 1
 * @param lowMomentum at the peak, in [0, 1)
 * @param highMomentum at both ends, in [0, 1)
 */
public record OneCycle(
        long total,
        double rising,
        double startDivisor,
        double endDivisor,
        double lowMomentum,
        double highMomentum)
        implements Schedule {

    /** Checks the components. */
    public OneCycle {
        require(total >= 2, "total must be at least 2, but is " + total);
        require(rising > 0 && rising < 1, "rising must be in (0, 1), but is " + rising);
        require(
                startDivisor >= 1 && startDivisor < Double.POSITIVE_INFINITY,
                "startDivisor must be finite and at least 1, but is " + startDivisor);
        require(
                endDivisor >= 1 && endDivisor < Double.POSITIVE_INFINITY,
                "endDivisor must be finite and at least 1, but is " + endDivisor);
        require(
                lowMomentum >= 0 && lowMomentum < 1,
                "lowMomentum must be in [0, 1), but is " + lowMomentum);
        require(
                highMomentum >= 0 && highMomentum < 1,
                "highMomentum must be in [0, 1), but is " + highMomentum);
    }

    /** PyTorch's defaults. */
    public static OneCycle defaults(long total) {
        return new OneCycle(total, 0.3, 25, 1e4, 0.85, 0.95);
    }

    @Override
    public double factor(long step) {
        double first = 1 / startDivisor;
        return curve(step, first, 1, first / endDivisor);
    }

    @Override
    public double momentum(long step) {
        return curve(step, highMomentum, lowMomentum, highMomentum);
    }

    private double curve(long step, double start, double peak, double end) {
        Schedules.requireStep(step);
        double position = Math.min(step, total) - 1;
        double top = rising * total - 1;
        double last = total - 1.0;
        return position < top
                ? Schedules.cosine(start, peak, position / top)
                : Schedules.cosine(peak, end, (position - top) / (last - top));
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException("oneCycle: " + message);
        }
    }
}

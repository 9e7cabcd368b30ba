package org.panoptim.cuda.kfac;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.panoptim.abi.bindings.panoptim_kfac_layer;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.cuda.device.Uploads;
import org.panoptim.kfac.engine.Averages;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.kfac.engine.Preconditioning;
import org.panoptim.kfac.engine.SharedFactors;
import org.panoptim.spi.StepContext;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.OptionalDouble;

/**
 * What members of a team do together about factors on their devices. What is pending of a layer on
 * a device is the mean of a leaf's products, since {@link #LEAF_DECAY} leaves nothing of the
 * average in it. Sums travel over the host, where owners fold them into their averages: n² floats
 * for a factor, which is little compared with gradients, and waits for the device.
 *
 * @param layers all of them
 * @param buffers of which those of other members' layers have nothing but what is pending
 * @param sums what travels
 */
record SharedLayers(
        DeviceContext context,
        KroneckerPlan plan,
        LayerTable layers,
        FactorBuffers buffers,
        SharedFactors sums) {

    /** With this decay a contribution leaves nothing of the average in what is pending. */
    static final double LEAF_DECAY = 0;

    /** Ends a leaf, of which the device has the means. */
    void endLeaf(List<Integer> due, int count) {
        if (layers.anyContribution()) {
            try (var scratch = Arena.ofConfined()) {
                var records = layers.read(scratch);
                for (int layer = 0; layer < plan.layers().size(); layer++) {
                    if (layers.contributions(layer) > 0) {
                        bring(layer, panoptim_kfac_layer.asSlice(records, layer));
                    }
                }
            }
            layers.forget();
        }
        sums.endLeaf(due, count);
    }

    /** Brings the sums of a layer's leaf to the host. */
    private void bring(int layer, MemorySegment record) {
        double rows = panoptim_kfac_layer.rows(record, layers.slot(layer));
        if (rows == 0) {
            return;
        }
        var traces = new double[2];
        try {
            for (int side = 0; side < 2; side++) {
                int factor = 2 * layer + side;
                var sum = sums.sum(factor);
                DeviceState.read(context, pending(factor, record), sum);
                int n = plan.size(factor);
                for (long i = 0; i < (long) n * n; i++) {
                    sum.setAtIndex(JAVA_FLOAT, i, (float) (rows * sum.getAtIndex(JAVA_FLOAT, i)));
                }
                traces[side] = trace(sum, n);
            }
        } catch (RuntimeException | Error e) {
            sums.drop(layer);
            throw e;
        }
        sums.note(layer, rows, traces[0], traces[1]);
    }

    private long pending(int factor, MemorySegment record) {
        return buffers.buffer(factor, 1 - panoptim_kfac_layer.current(record));
    }

    private static double trace(MemorySegment matrix, int n) {
        double trace = 0;
        for (long i = 0; i < n; i++) {
            trace += matrix.getAtIndex(JAVA_FLOAT, i * n + i);
        }
        return trace;
    }

    /** Lets owners take up what all members have contributed, and everybody count it. */
    void commit(StepContext step) {
        var found = step.accepted() ? sums.exchange() : List.<Integer>of();
        if (!found.isEmpty()) {
            try (var scratch = Arena.ofConfined()) {
                var records = layers.read(scratch);
                var finite = new double[found.size()];
                for (int i = 0; i < finite.length; i++) {
                    int layer = found.get(i);
                    if (sums.owns(layer)) {
                        var record = panoptim_kfac_layer.asSlice(records, layer);
                        double traces = fold(2 * layer, record) + fold(2 * layer + 1, record);
                        // Diagonals are sums of squares: where they are finite, everything is.
                        finite[i] = Double.isFinite(traces) ? 1 : 0;
                    }
                }
                var taken = sums.ofOwners(finite, found);
                for (int i = 0; i < taken.length; i++) {
                    var record = panoptim_kfac_layer.asSlice(records, found.get(i));
                    note(record, taken[i] != 0, sums.owns(found.get(i)), step.step());
                }
                layers.write(records);
            }
        }
        sums.clear();
    }

    /** Makes the coming average of the present one and the sum of all leaves; its trace. */
    private double fold(int factor, MemorySegment record) {
        int n = plan.size(factor);
        double fresh = Averages.share(plan.decay(), panoptim_kfac_layer.updates(record) + 1);
        double weight = fresh / sums.rows(factor / 2);
        var sum = sums.sum(factor);
        try (var scratch = Arena.ofConfined()) {
            var average = scratch.allocate(JAVA_FLOAT, (long) n * n);
            int current = panoptim_kfac_layer.current(record);
            DeviceState.read(context, buffers.buffer(factor, current), average);
            for (long i = 0; i < (long) n * n; i++) {
                double old = (1 - fresh) * average.getAtIndex(JAVA_FLOAT, i);
                double value = old + weight * sum.getAtIndex(JAVA_FLOAT, i);
                sum.setAtIndex(JAVA_FLOAT, i, (float) value);
            }
        }
        DeviceState.write(context, pending(factor, record), sum);
        return trace(sum, n);
    }

    /**
     * Rewrites the gradients of this member's layers, in a step that was accepted, clipped by the
     * sum over those of all members.
     */
    void precondition(
            GradientPreconditioner preconditioner,
            Uploads uploads,
            StepContext step,
            List<Preconditioning> wanted,
            double klClip) {
        var own = wanted.stream().filter(each -> sums.owns(each.layer())).toList();
        var products = context.call(() -> preconditioner.products(uploads, step, own));
        var numbers = wanted.stream().map(Preconditioning::layer).toList();
        var ofOwn = numbers.stream().mapToDouble(layer -> products[layer]).toArray();
        double sum = 0;
        for (double product : sums.ofOwners(ofOwn, numbers)) {
            sum += product;
        }
        var coefficient = coefficient(sum, klClip);
        context.call(
                () -> {
                    preconditioner.apply(coefficient);
                    return this;
                });
    }

    private static OptionalDouble coefficient(double sum, double klClip) {
        if (!Double.isFinite(sum)) {
            return OptionalDouble.empty();
        }
        return OptionalDouble.of(sum > 0 ? Math.min(1, Math.sqrt(klClip / sum)) : 1);
    }

    private static void note(MemorySegment record, boolean taken, boolean own, long step) {
        if (!taken) {
            panoptim_kfac_layer.refused(record, panoptim_kfac_layer.refused(record) + 1);
            return;
        }
        panoptim_kfac_layer.updates(record, panoptim_kfac_layer.updates(record) + 1);
        panoptim_kfac_layer.step(record, step);
        if (own) {
            panoptim_kfac_layer.current(record, 1 - panoptim_kfac_layer.current(record));
        }
    }
}

package org.panoptim.cuda.kfac;

import static org.panoptim.abi.bindings.PanoptimKfac.PANOPTIM_KFAC_SMALL;
import static org.panoptim.abi.bindings.PanoptimKfac.PANOPTIM_KFAC_SMALL_BLOCK;

import org.panoptim.abi.bindings.panoptim_kfac_task;
import org.panoptim.cuda.device.CudaKernels;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.kfac.engine.Inversion;
import org.panoptim.matrix.InversionMethod;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Inverts small factors in the shared memory of a thread block each, all in one launch. */
final class SmallInverter {

    private static final int THREADS = 512;

    private SmallInverter() {}

    /** Which of the inversions it takes, the largest first; none where the device lacks memory. */
    static List<Integer> choose(
            DeviceContext context, InversionTables matrices, List<Inversion> inversions) {
        var chosen = new ArrayList<Integer>();
        for (int i = 0; i < inversions.size(); i++) {
            if (inversions.get(i).method() instanceof InversionMethod.Cholesky(var precise)
                    && !precise
                    && matrices.size(i) <= PANOPTIM_KFAC_SMALL()) {
                chosen.add(i);
            }
        }
        if (chosen.isEmpty() || kernel(context).isEmpty()) {
            return List.of();
        }
        chosen.sort(Comparator.comparingInt(matrices::size).reversed());
        return chosen;
    }

    /** Computes the candidates of these matrices. */
    static void run(DeviceContext context, InversionTables matrices, List<Integer> chosen) {
        if (chosen.isEmpty()) {
            return;
        }
        matrices.launch(
                kernel(context).orElseThrow(),
                bytes(matrices.size(chosen.getFirst())),
                chosen.size(),
                rows -> {
                    for (int i = 0; i < chosen.size(); i++) {
                        panoptim_kfac_task.matrix(
                                panoptim_kfac_task.asSlice(rows, i), chosen.get(i));
                    }
                });
    }

    private static Optional<CudaKernels.Kernel> kernel(DeviceContext context) {
        return context.kernels().kronecker("invert_small", THREADS, bytes(PANOPTIM_KFAC_SMALL()));
    }

    /** The packed triangle of a matrix that is padded to whole blocks. */
    private static int bytes(int size) {
        int block = PANOPTIM_KFAC_SMALL_BLOCK();
        int padded = Math.ceilDiv(size, block) * block;
        return Float.BYTES * padded * (padded + 1) / 2;
    }
}

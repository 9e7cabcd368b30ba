package org.panoptim.bench.run;

import org.panoptim.bench.DeviceKind;
import org.panoptim.bench.FactorSizes;
import org.panoptim.bench.KfacBenchmark;
import org.panoptim.bench.result.Results.KfacTimes;
import org.panoptim.cuda.driver.CudaException;

import java.util.ArrayList;
import java.util.List;

/** Measures on a device what K-FAC does between refreshes. */
final class KfacWork {

    private static final int ROUNDS = 9;
    private static final int ROUNDS_IF_QUICK = 3;

    private final Target target;
    private final List<FactorSizes> models;
    private final int rounds;

    KfacWork(Target target, Plan plan) {
        this.target = target;
        models = target.device() == DeviceKind.CPU ? List.of() : plan.models();
        rounds = plan.quick() ? ROUNDS_IF_QUICK : ROUNDS;
    }

    int units() {
        return models.size();
    }

    List<KfacTimes> measure(ProgressDisplay progress) {
        var times = new ArrayList<KfacTimes>();
        for (var model : models) {
            progress.begin("accumulating and preconditioning, " + model);
            try {
                times.addAll(KfacBenchmark.measure(target.name(), model, rounds));
            } catch (IllegalStateException | CudaException e) {
                throw new BenchException("K-FAC on %s: %s".formatted(model, e.getMessage()), e);
            }
            progress.advance();
        }
        return times;
    }
}

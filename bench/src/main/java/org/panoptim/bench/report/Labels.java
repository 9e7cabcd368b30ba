package org.panoptim.bench.report;

import org.panoptim.bench.FactorSizes;
import org.panoptim.bench.Workload;
import org.panoptim.bench.result.KernelTimes;
import org.panoptim.bench.result.Results.KfacTimes;

/** What was measured on a device, in words. */
public final class Labels {

    private Labels() {}

    /** A model's name for a reader. */
    static String model(String name) {
        return FactorSizes.valueOf(name).title();
    }

    /** Work of K-FAC. */
    public static String of(KfacTimes work) {
        return work.hasProducts()
                ? work.work()
                : "%s %s rows a layer".formatted(work.work(), Format.count(work.rows()));
    }

    /** The rule that a kernel belongs to, and its tensors. */
    static String tensors(KernelTimes kernel) {
        boolean factors = kernel.rule().equals(KernelTimes.KFAC);
        return kernel.rule()
                + ", "
                + (factors ? model(kernel.workload()) : Workload.named(kernel.workload()).title());
    }

    /** What a kernel was launched in: the rule, the tensors and the work. */
    public static String of(KernelTimes kernel) {
        var tensors = tensors(kernel);
        return kernel.work().isEmpty() ? tensors : tensors + ", " + kernel.work();
    }

    /** A kernel's name as code; what is none, in words. */
    static String kernel(KernelTimes kernel) {
        return kernel.work().isEmpty() ? kernel.kernel() : "`" + kernel.kernel() + "`";
    }
}

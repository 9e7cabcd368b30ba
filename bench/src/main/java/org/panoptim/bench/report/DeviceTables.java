package org.panoptim.bench.report;

import org.panoptim.bench.result.KernelTimes;
import org.panoptim.bench.result.Results;
import org.panoptim.bench.result.Results.KfacTimes;
import org.panoptim.bench.result.Spread;
import org.panoptim.cli.page.Html;
import org.panoptim.cli.page.HtmlTable;

import java.util.List;
import java.util.stream.Collectors;

/** The page's tables of what is measured on devices alone. */
final class DeviceTables {

    private static final double MEGA = 1e6;
    private static final double GIGA = 1e9;

    private DeviceTables() {}

    /** K-FAC's work between refreshes. */
    static String kfac(Results results) {
        return results.kfac().isEmpty()
                ? ""
                : BenchReport.section(
                        "K-FAC: between refreshes",
                        HtmlTable.of(
                                        List.of(
                                                "Model",
                                                "Scenario",
                                                "Time",
                                                "Its products alone",
                                                "Products / work"),
                                        results.kfac().stream().map(DeviceTables::row).toList())
                                .html(),
                        "All layers of the model, by the device's clock. Products alone: the same"
                                + " calls of cuBLAS, of other numbers in matrices of the same"
                                + " shapes, in turn with the work.");
    }

    private static List<String> row(KfacTimes work) {
        return List.of(
                Labels.model(work.model()),
                Labels.of(work),
                Format.time(Spread.of(work.seconds())),
                work.hasProducts() ? Format.time(Spread.of(work.products())) : "",
                work.hasProducts() ? Format.ratio(work.share()) : "");
    }

    /** Kernels by themselves, a table for each rule and the tensors that it stepped. */
    static String kernels(Results results) {
        var tables =
                results.kernels().stream()
                        .map(Labels::tensors)
                        .distinct()
                        .map(tensors -> kernels(results, tensors))
                        .collect(Collectors.joining("\n"));
        return tables.isEmpty()
                ? ""
                : BenchReport.section(
                        "Kernels by themselves",
                        tables,
                        "Each launch lies between two events; what these take with nothing between"
                            + " them is a part of every time. Launches: in one such work. MB: what"
                            + " a launch reads and writes, as the kernel's header counts it. Each"
                            + " work is queued behind a copy within the device's memory, which"
                            + " kernels are compared with.");
    }

    private static String kernels(Results results, String tensors) {
        return "<h3>%s</h3>%n".formatted(Html.escape(tensors))
                + HtmlTable.of(
                                List.of(
                                        "Kernel",
                                        "In",
                                        "Launches",
                                        "A launch",
                                        "MB",
                                        "GB/s",
                                        "Of the copy"),
                                results.kernels().stream()
                                        .filter(kernel -> Labels.tensors(kernel).equals(tensors))
                                        .map(DeviceTables::row)
                                        .toList())
                        .html();
    }

    private static List<String> row(KernelTimes kernel) {
        return List.of(
                kernel.kernel(),
                kernel.work(),
                Format.count(kernel.launches()),
                Format.time(kernel.seconds()),
                kernel.hasBytes() ? Format.digits(kernel.bytes() / MEGA) : "",
                kernel.hasBytes() ? Format.digits(kernel.bandwidth().median() / GIGA) : "",
                kernel.hasBytes() ? Format.ratio(kernel.share()) : "");
    }
}

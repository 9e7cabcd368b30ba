package org.panoptim.bench.run;

import org.panoptim.bench.DeviceKind;
import org.panoptim.bench.FactorSizes;
import org.panoptim.bench.Scenario;
import org.panoptim.bench.Workload;
import org.panoptim.cli.InputException;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.UpdateRule;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** What is measured, and how thoroughly. */
final class Plan {

    private static final String LIMIT = "limit";
    private static final String FLOATS = "floats";
    private static final String ALONE = "none";
    private static final String TOO_LARGE = ": too large for the device's memory";
    private static final String HOURS = ": the virtual device would take hours";

    private static final Effort THOROUGH = new Effort(3, 0, 5, Duration.ofMillis(600));
    private static final Effort ONCE = new Effort(1, 0, 5, Duration.ofMillis(600));
    private static final Effort QUICK = new Effort(1, 0, 3, Duration.ofMillis(250));

    /** That fill and step fast, and show bandwidth and cost per tensor. */
    private static final List<String> QUICK_WORKLOADS =
            List.of(Workload.FLAT, Workload.RESNET_50, Workload.SMALL);

    /** Too slow, or between the others, for a run of two minutes that names no workloads. */
    private static final Set<String> NOT_QUICK_PEERS = Set.of("torch-foreach");

    /** Steps of a team that end before its processes have started. */
    private static final long QUICK_TEAM_ELEMENTS = 1_000_000;

    private static final Set<String> NOT_QUICK_WITH_PEERS = Set.of(Workload.RESNET_50);

    private static final List<Scenario> WITH_PEERS =
            List.of(Scenario.STEP, Scenario.CLIP_STEP_ZERO);

    /** Those whose factors are inverted unless workloads are named. */
    private static final List<FactorSizes> MODELS =
            List.of(FactorSizes.RESNET50, FactorSizes.GPT2_SMALL);

    private final boolean quick;
    private final List<String> wanted;
    private final List<UpdateRule> rules;
    private final List<FactorSizes> models;

    /** Whether it is quick and the choice of what to measure was left to it. */
    private final boolean shortened;

    private final boolean workloadsNamed;

    private final List<String> workloads;
    private final Target target;
    private final Set<Part> parts;

    /** With the rules whose kernels are measured by themselves; none: AdamW. */
    Plan(
            boolean quick,
            List<String> workloads,
            List<UpdateRule> rules,
            Target target,
            Set<Part> parts) {
        this.quick = quick;
        this.rules = rules.isEmpty() ? List.of(AdamW.defaults()) : rules;
        models = workloads.isEmpty() ? usualModels(target) : models(workloads);
        workloadsNamed = !workloads.isEmpty();
        shortened = quick && !workloadsNamed;
        wanted = !workloads.isEmpty() ? workloads : quick ? QUICK_WORKLOADS : Workload.USUAL;
        this.workloads = wanted.stream().filter(name -> fits(target, name)).toList();
        this.target = target;
        this.parts = parts;
    }

    private static List<FactorSizes> usualModels(Target target) {
        return target.device() == DeviceKind.VIRTUAL_GPU ? List.of(FactorSizes.TINY) : MODELS;
    }

    private static List<FactorSizes> models(List<String> workloads) {
        return workloads.stream().map(FactorSizes::of).flatMap(Optional::stream).toList();
    }

    boolean quick() {
        return quick;
    }

    boolean has(Part part) {
        return parts.contains(part);
    }

    /** Whether a part is measured that takes long by itself. */
    boolean hasLong(Part part) {
        return has(part) && !(quick && takesLong(part));
    }

    private boolean takesLong(Part part) {
        return switch (part) {
            case MEMORY, LAUNCH -> true;
            case KFAC -> target.device() == DeviceKind.CPU;
            case LIMIT, PEERS, TYPES, STATISTICS, SCALING, START_UP, TEAM, KERNELS -> false;
        };
    }

    /** The models whose Kronecker factors are worked on. */
    List<FactorSizes> models() {
        return models.stream().filter(target::holds).toList();
    }

    /** The workloads whose steps' kernels are measured by themselves. */
    List<String> workloads() {
        return workloads;
    }

    /** What teams of processes step. */
    List<Workload> teamWorkloads() {
        var usual = quick ? Workload.elements(QUICK_TEAM_ELEMENTS) : Workload.GPT2_SMALL;
        return (workloadsNamed ? workloads : List.of(usual)).stream().map(Workload::named).toList();
    }

    /** The rules whose kernels are measured by themselves. */
    List<UpdateRule> rules() {
        return rules;
    }

    private static boolean fits(Target target, String workload) {
        return target.holds(Workload.named(workload));
    }

    /**
     * Demands that what is wanted can be measured while someone waits.
     *
     * @throws InputException if it cannot
     */
    void requireFeasible() {
        if (has(Part.KERNELS) && target.device() == DeviceKind.CPU) {
            throw new InputException(
                    "--only: kernels are measured by themselves on a device; name one with"
                            + " --backend cuda-ffm or cuda-jcuda");
        }
        if (takesWorkloads()) {
            wanted.forEach(name -> target.requireFeasible(Workload.named(name)));
        }
    }

    private boolean takesWorkloads() {
        return has(Part.LIMIT)
                || has(Part.PEERS)
                || (has(Part.TYPES) || has(Part.STATISTICS) || has(Part.TEAM)) && workloadsNamed
                || has(Part.KERNELS);
    }

    /** What is wanted, but takes too long or too much memory. */
    List<String> leftOut() {
        var lines = new ArrayList<String>();
        if (takesWorkloads()) {
            tooLarge(wanted.stream()).forEach(lines::add);
        }
        if (has(Part.KFAC)) {
            models.stream()
                    .filter(model -> !target.holds(model))
                    .map(model -> "factors of " + model.title() + TOO_LARGE)
                    .forEach(lines::add);
            if (models.isEmpty()) {
                lines.add("kfac: the workloads named are no models of linear layers");
            }
        }
        if (has(Part.SCALING)) {
            if (isVirtual()) {
                lines.add(Part.SCALING.option() + HOURS);
            } else {
                tooLarge(scaled()).forEach(lines::add);
            }
        }
        if (has(Part.TEAM) && target.device() != DeviceKind.CPU) {
            lines.add("team: measured on the processor alone");
        }
        if (isVirtual() && !workloadsNamed) {
            Stream.of(Part.TYPES, Part.STATISTICS)
                    .filter(this::has)
                    .map(part -> part.option() + HOURS)
                    .forEach(lines::add);
        }
        if (shortened && has(Part.PEERS)) {
            lines.add(
                    "%s, and peers on %s: take long, and --quick was asked for without --workload"
                            .formatted(
                                    String.join(", ", NOT_QUICK_PEERS),
                                    String.join(", ", NOT_QUICK_WITH_PEERS)));
        }
        if (quick) {
            Stream.of(Part.MEMORY, Part.LAUNCH, Part.KFAC)
                    .filter(part -> has(part) && takesLong(part))
                    .map(part -> part.option() + ": takes long, and --quick was asked for")
                    .forEach(lines::add);
        }
        return lines;
    }

    private Stream<String> tooLarge(Stream<String> names) {
        return names.filter(name -> !fits(target, name)).map(name -> name + TOO_LARGE);
    }

    private boolean isVirtual() {
        return target.device() == DeviceKind.VIRTUAL_GPU;
    }

    /**
     * All steps to measure, in order.
     *
     * @param peers names of the peers that are here, and what they are
     */
    List<StepRun> steps(Map<String, String> peers) {
        var runs = new ArrayList<StepRun>();
        if (has(Part.LIMIT)) {
            runs.addAll(againstLimit());
        }
        if (has(Part.PEERS)) {
            runs.addAll(againstPeers(peers));
        }
        if (has(Part.TYPES)) {
            runs.addAll(againstFloats(Workload.FLAT, Scenario.OF_TYPES));
        }
        if (has(Part.STATISTICS)) {
            runs.addAll(againstFloats(Workload.GPT2_SMALL, Scenario.OF_STATISTICS));
        }
        if (has(Part.SCALING) && !isVirtual()) {
            scaled().filter(name -> fits(target, name))
                    .map(name -> run(name, Scenario.STEP, LIMIT, quick ? QUICK : ONCE))
                    .forEach(runs::add);
        }
        return runs;
    }

    private List<StepRun> againstLimit() {
        var runs = new ArrayList<StepRun>();
        for (var workload : workloads) {
            for (var scenario : quick ? WITH_PEERS : Scenario.OF_FLOATS) {
                runs.add(run(workload, scenario, LIMIT, quick ? QUICK : THOROUGH));
            }
        }
        // What a call costs by itself, and what it allocates: in long steps JMH's own shows.
        runs.add(run(Workload.TINY, Scenario.STEP, ALONE, quick ? QUICK : THOROUGH));
        return runs;
    }

    /** Compared with a step of floats, of a workload unless others are named. */
    private List<StepRun> againstFloats(String usual, List<Scenario> scenarios) {
        var runs = new ArrayList<StepRun>();
        if (isVirtual() && !workloadsNamed) {
            return runs;
        }
        for (var workload : workloadsNamed ? workloads : List.of(usual)) {
            for (var scenario : scenarios) {
                runs.add(run(workload, scenario, FLOATS, quick ? QUICK : THOROUGH));
            }
        }
        return runs;
    }

    private List<StepRun> againstPeers(Map<String, String> peers) {
        var runs = new ArrayList<StepRun>();
        for (var workload : workloads) {
            for (var scenario : quick ? List.of(Scenario.STEP) : WITH_PEERS) {
                peers.forEach(
                        (name, description) -> {
                            if (!isTooSlow(workload, name)) {
                                runs.add(
                                        new StepRun(
                                                workload,
                                                scenario,
                                                target.name(),
                                                name,
                                                description,
                                                quick ? QUICK : ONCE));
                            }
                        });
            }
        }
        return runs;
    }

    private boolean isTooSlow(String workload, String peer) {
        return shortened
                && (NOT_QUICK_PEERS.contains(peer) || NOT_QUICK_WITH_PEERS.contains(workload));
    }

    /** From 1 to 10,000 tensors at a fixed total, and from a thousand to 100 million elements. */
    private Stream<String> scaled() {
        var counts =
                quick ? LongStream.of(1, 10_000) : LongStream.of(1, 10, 100, 1_000, 3_000, 10_000);
        var sizes =
                quick
                        ? LongStream.of(1_000, 30_000_000)
                        : LongStream.of(1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000);
        return Stream.concat(
                counts.mapToObj(Workload::tensors), sizes.mapToObj(Workload::elements));
    }

    private StepRun run(String workload, Scenario scenario, String baseline, Effort effort) {
        var description =
                switch (baseline) {
                    case LIMIT -> limit();
                    case FLOATS -> "the step of as many floats";
                    default -> "alone";
                };
        return new StepRun(workload, scenario, target.name(), baseline, description, effort);
    }

    private String limit() {
        return target.device() == DeviceKind.CPU
                ? "plain C loop over the same arrays"
                : "copy within the device's memory";
    }

    /**
     * How thoroughly something is measured.
     *
     * @param forks fresh JVMs
     * @param warmUps iterations that do not count, in each
     * @param iterations that count, in each
     * @param length of an iteration
     */
    record Effort(int forks, int warmUps, int iterations, Duration length) {

        /** All iterations. */
        int units() {
            return forks * (warmUps + iterations);
        }
    }

    /**
     * A step to measure.
     *
     * @param workload the tensors, by name
     * @param scenario what is done
     * @param backend where
     * @param baseline what it is compared with, by name
     * @param description the baseline in words
     * @param effort how thoroughly
     */
    record StepRun(
            String workload,
            Scenario scenario,
            String backend,
            String baseline,
            String description,
            Effort effort) {}
}

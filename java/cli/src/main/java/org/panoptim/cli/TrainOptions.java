package org.panoptim.cli;

import org.panoptim.cli.train.OptimizerEntry;
import org.panoptim.cli.train.ScheduleChoice;
import org.panoptim.cli.train.SetupChoice;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * The options of {@code panoptim train}, other than the task and what to do with its results.
 *
 * @param optimizers their entries in order; none: the task's default
 * @param epochs how often each sees all images
 * @param batch images a step
 * @param iterations steps of each optimizer
 * @param settings for every optimizer that has such a setting and does not give it itself
 * @param schedule of all learning rates
 * @param seeds what is random follows from each of them
 */
record TrainOptions(
        List<String> optimizers,
        Optional<Integer> epochs,
        Optional<Integer> batch,
        Optional<Integer> iterations,
        List<Common> settings,
        Optional<String> schedule,
        List<Long> seeds) {

    /**
     * An option that sets the same of several optimizers.
     *
     * @param option its name
     * @param setting the setting's, as PyTorch has it
     * @param value if it is given
     */
    record Common(String option, String setting, Optional<Double> value) {}

    /**
     * Copies the lists and checks what every task checks.
     *
     * @throws InputException if a number is below 1, or an optimizer or a seed comes twice
     */
    TrainOptions {
        optimizers = List.copyOf(optimizers);
        settings = List.copyOf(settings);
        seeds = List.copyOf(seeds);
        requirePositive("--epochs", epochs);
        requirePositive("--batch", batch);
        requirePositive("--iterations", iterations);
        if (new HashSet<>(optimizers).size() < optimizers.size()) {
            throw new InputException(
                    "--optimizer: each may be named once with the same settings, but came "
                            + String.join(",", optimizers));
        }
        if (new HashSet<>(seeds).size() < seeds.size()) {
            throw new InputException("--seed: each may come once, but came " + joined(seeds));
        }
    }

    /** What decides about the numbers of every task, in words. */
    String common(String task, List<OptimizerEntry> of) {
        return "%s of %s, %s, schedule %s, seeds %s".formatted(task, of, settings, schedule, seeds);
    }

    private static void requirePositive(String option, Optional<Integer> value) {
        if (value.isPresent() && value.get() < 1) {
            throw new InputException(option + ": must be at least 1, but is " + value.get());
        }
    }

    private static String joined(List<Long> seeds) {
        return seeds.stream().map(String::valueOf).collect(Collectors.joining(","));
    }

    /**
     * The entries, or a task's default.
     *
     * @throws InputException if one is none
     */
    List<OptimizerEntry> optimizersOr(List<String> entries) {
        return (optimizers.isEmpty() ? entries : optimizers)
                .stream()
                        .map(text -> checked("--optimizer", () -> OptimizerEntry.parse(text)))
                        .toList();
    }

    /**
     * The choices of entries, with what the options say of all.
     *
     * @param choice finds an entry's
     * @throws InputException if an entry has none, a value does not fit, or a setting is no one's
     */
    <C extends SetupChoice<C>> List<C> choices(
            List<OptimizerEntry> entries, Function<OptimizerEntry, C> choice) {
        var chosen = new ArrayList<C>();
        for (var entry : entries) {
            chosen.add(checked("--optimizer", () -> choice.apply(entry)));
        }
        for (var common : settings) {
            common.value().ifPresent(value -> set(common, value, entries, chosen));
        }
        schedule.map(text -> checked("--schedule", () -> ScheduleChoice.parse(text)))
                .ifPresent(each -> chosen.replaceAll(one -> one.with(each)));
        return chosen;
    }

    private static <C extends SetupChoice<C>> void set(
            Common common, double value, List<OptimizerEntry> entries, List<C> chosen) {
        if (chosen.stream().noneMatch(each -> each.has(common.setting()))) {
            throw new InputException(
                    "%s: none of %s has a setting %s"
                            .formatted(
                                    common.option(),
                                    OptimizerEntry.join(entries),
                                    common.setting()));
        }
        for (int i = 0; i < chosen.size(); i++) {
            var one = chosen.get(i);
            var given = entries.get(i).optimizer().settings();
            if (one.has(common.setting()) && !given.containsKey(common.setting())) {
                chosen.set(
                        i,
                        checked(
                                common.option(),
                                () -> one.with(common.setting(), String.valueOf(value))));
            }
        }
    }

    /** What holds for all optimizers, by the names of the options without their dashes. */
    SequencedMap<String, String> ofAll() {
        var map = new LinkedHashMap<String, String>();
        map.put("seed", joined(seeds));
        schedule.ifPresent(text -> map.put("schedule", text));
        return map;
    }

    /** These options as a command line has them, but for the task's own. */
    String command() {
        return settings.stream()
                        .filter(each -> each.value().isPresent())
                        .map(each -> " " + each.option() + " " + each.value().get())
                        .collect(Collectors.joining())
                + schedule.map(text -> " --schedule " + text).orElse("")
                + " --seed "
                + joined(seeds);
    }

    /**
     * What something gives.
     *
     * @throws InputException if it refuses its arguments; the message names the option
     */
    static <T> T checked(String option, Supplier<T> made) {
        try {
            return made.get();
        } catch (IllegalArgumentException e) {
            throw new InputException(option + ": " + e.getMessage(), e);
        }
    }

    /**
     * Refuses an option that a task has no use for.
     *
     * @throws InputException if it is given
     */
    static void refuse(String option, Optional<?> value, String reason) {
        if (value.isPresent()) {
            throw new InputException(option + ": " + reason);
        }
    }
}

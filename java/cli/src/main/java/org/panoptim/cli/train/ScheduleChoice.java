package org.panoptim.cli.train;

import org.panoptim.rule.SettingText;
import org.panoptim.schedule.Schedule;
import org.panoptim.schedule.WarmupStableDecay;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * A schedule of the learning rate over a training, as the command line names it: {@code
 * NAME[:KEY=VALUE]…}. Shares are of all steps of a training.
 *
 * @param text the whole
 * @param kind which one
 * @param warmup the share of steps in which the rate rises
 * @param decay the share of steps at the end in which a stable rate falls
 * @param floor the factor after the last step
 */
public record ScheduleChoice(String text, Kind kind, double warmup, double decay, double floor) {

    /** What there is. */
    public enum Kind {
        /** A straight line down from the first step. */
        LINEAR("linear", "floor"),
        /** Half a cosine down from the first step. */
        COSINE("cosine", "floor"),
        /** A straight line up, and then half a cosine down. */
        WARMUP_COSINE("warmup-cosine", "warmup", "floor"),
        /** A straight line up, the rate as it is, and a straight line down. */
        WSD("wsd", "warmup", "decay", "floor");

        private final String label;
        private final Set<String> settings;

        Kind(String label, String... settings) {
            this.label = label;
            this.settings = Set.of(settings);
        }
    }

    private static final double WARMUP = 0.05;
    private static final double DECAY = 0.2;

    /**
     * Reads one.
     *
     * @throws IllegalArgumentException if it is none; the message says what of it, and what there
     *     is
     */
    public static ScheduleChoice parse(String text) {
        var entry = OptimizerEntry.parse(text);
        if (!entry.companions().isEmpty()) {
            throw OptimizerEntry.problem(text, "no companion goes with a schedule");
        }
        var kind = kind(entry.name());
        var settings = entry.optimizer().settings();
        var unknown = new TreeSet<>(settings.keySet());
        unknown.removeAll(kind.settings);
        if (!unknown.isEmpty()) {
            throw OptimizerEntry.problem(
                    text,
                    "%s has no setting %s; it has %s"
                            .formatted(
                                    kind.label,
                                    String.join(", ", unknown),
                                    String.join(", ", new TreeSet<>(kind.settings))));
        }
        double warmup = share(text, "warmup", settings.getOrDefault("warmup", "" + WARMUP));
        double decay = share(text, "decay", settings.getOrDefault("decay", "" + DECAY));
        double floor = share(text, "floor", settings.getOrDefault("floor", "0"));
        if (kind == Kind.WSD && warmup + decay > 1) {
            throw OptimizerEntry.problem(text, "warmup and decay are more than all steps");
        }
        return new ScheduleChoice(text, kind, warmup, decay, floor);
    }

    private static Kind kind(String name) {
        for (var kind : Kind.values()) {
            if (kind.label.equals(name)) {
                return kind;
            }
        }
        throw new IllegalArgumentException(
                "there is no schedule '%s'; there are %s"
                        .formatted(name, String.join(", ", names())));
    }

    private static double share(String text, String name, String value) {
        double share;
        try {
            share = SettingText.number(value);
        } catch (IllegalArgumentException e) {
            throw OptimizerEntry.problem(text, name + " " + e.getMessage());
        }
        if (!(share >= 0 && share <= 1)) {
            throw OptimizerEntry.problem(text, name + " must be in [0, 1], but is " + value);
        }
        return share;
    }

    /** The names of all. */
    public static List<String> names() {
        return List.of(Kind.values()).stream().map(kind -> kind.label).toList();
    }

    /**
     * The schedule of a training.
     *
     * @param steps how many it has, at least 1
     */
    public Schedule of(long steps) {
        long rising = Math.round(warmup * steps);
        return switch (kind) {
            case LINEAR -> Schedule.linear(1, floor, steps);
            case COSINE -> Schedule.cosine(steps, floor);
            case WARMUP_COSINE ->
                    new WarmupStableDecay(
                            rising,
                            0,
                            // As PyTorch's schedules, it is at its end after the last step.
                            Math.max(1, steps - rising + 1),
                            WarmupStableDecay.Shape.COSINE,
                            floor);
            case WSD -> {
                long falling = Math.max(1, Math.round(decay * steps));
                yield new WarmupStableDecay(
                        rising,
                        Math.max(0, steps - rising - falling),
                        falling + 1,
                        WarmupStableDecay.Shape.LINEAR,
                        floor);
            }
        };
    }
}

package org.panoptim.cli.run;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * By what contenders are ranked.
 *
 * @param figure the name of the result
 * @param words what the best one has: the highest test accuracy, say
 * @param highest whether the highest is the best, or the lowest
 * @param format how it is written
 */
public record Measure(
        String figure, String words, boolean highest, Function<Spread, String> format) {

    /** The best mean of these; empty if none is a number. */
    Optional<Contender> best(List<Contender> contenders) {
        var order = Comparator.<Contender>comparingDouble(each -> each.spread(figure).mean());
        return contenders.stream()
                .filter(each -> !Double.isNaN(each.spread(figure).mean()))
                .min(highest ? order.reversed() : order);
    }

    /** Whether a contender is as good as the best. */
    boolean isBest(Contender contender, List<Contender> contenders) {
        double mean = contender.spread(figure).mean();
        return best(contenders).map(best -> best.spread(figure).mean() == mean).orElse(false);
    }
}

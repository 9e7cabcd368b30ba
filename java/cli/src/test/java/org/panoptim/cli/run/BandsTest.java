package org.panoptim.cli.run;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.cli.page.Samples;

import java.util.LinkedHashMap;
import java.util.List;

class BandsTest {

    private static Samples table(double[] steps, double[] losses) {
        var columns = new LinkedHashMap<String, double[]>();
        columns.put("step", steps);
        columns.put("loss", losses);
        return new Samples(columns);
    }

    private static Contender contender(Samples... seeds) {
        var runs =
                List.of(seeds).stream()
                        .map(
                                table ->
                                        new Run(
                                                1,
                                                Run.End.COMPLETE,
                                                "",
                                                new LinkedHashMap<>(),
                                                List.of(table)))
                        .toList();
        return Contender.of("sgd", false, new LinkedHashMap<>(), runs);
    }

    @Test
    void oneSeedIsDrawnAsItIs() {
        var table = table(new double[] {0, 5}, new double[] {2, 1});

        assertThat(contender(table).curve().samples()).containsExactly(table);
    }

    @Test
    void severalAreDrawnByTheirMeanBetweenLeastAndGreatest() {
        var samples =
                contender(
                                table(new double[] {0, 5, 10}, new double[] {2, 1, .5}),
                                table(new double[] {0, 5}, new double[] {4, 1}),
                                table(new double[] {0, 5}, new double[] {3, 4}))
                        .curve()
                        .samples()
                        .getFirst()
                        .columns();

        // The third row is not of all.
        assertThat(samples.keySet()).containsExactly("step", "loss", "loss_least", "loss_greatest");
        assertThat(samples.get("step")).containsExactly(0, 5);
        assertThat(samples.get("loss")).containsExactly(3, 2);
        assertThat(samples.get("loss_least")).containsExactly(2, 1);
        assertThat(samples.get("loss_greatest")).containsExactly(4, 4);
    }
}

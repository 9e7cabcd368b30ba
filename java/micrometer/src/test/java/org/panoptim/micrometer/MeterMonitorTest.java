package org.panoptim.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MockClock;
import io.micrometer.core.instrument.simple.SimpleConfig;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.monitor.Observation;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Rules;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;

class MeterMonitorTest {

    private final MockClock clock = new MockClock();
    private final SimpleMeterRegistry registry =
            new SimpleMeterRegistry(SimpleConfig.DEFAULT, clock);

    private double gauge(String name, String... tags) {
        return registry.get(name).tags(tags).gauge().value();
    }

    private double counter(String name) {
        return registry.get(name).functionCounter().count();
    }

    private List<String> names() {
        return registry.getMeters().stream().map(each -> each.getId().getName()).sorted().toList();
    }

    /** The observation of two steps of gradient descent, from (3, 4) with gradients of (3, 4). */
    private static Observation twoSteps() {
        var weight =
                Parameter.of("weight", Shape.of(2), MemorySegment.ofArray(new float[] {3, 4}))
                        .gradient(MemorySegment.ofArray(new float[] {3, 4}));
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(Rules.sgd(0.5))
                                .group("all", List.of(weight))
                                .statistics(true)
                                .backend(backend)
                                .build()) {
            optimizer.step();
            optimizer.step();
            return Observation.ofParameters(optimizer.report());
        }
    }

    @Test
    void numbersOfTheOptimizerAndOfGroupsBecomeMeters() {
        try (var monitor = MeterMonitor.of(registry)) {
            monitor.write(twoSteps().with("validation_loss", 2.5));

            assertThat(counter("panoptim.step")).isEqualTo(2);
            assertThat(counter("panoptim.skipped")).isZero();
            assertThat(gauge("panoptim.accepted")).isEqualTo(1);
            assertThat(gauge("panoptim.gradient.norm")).isEqualTo(5);
            assertThat(gauge("panoptim.group.learning.rate", "group", "all")).isEqualTo(0.5);
            assertThat(gauge("panoptim.group.update.norm", "group", "all")).isEqualTo(2.5);
            assertThat(gauge("panoptim.validation.loss")).isEqualTo(2.5);
            assertThat(names()).noneMatch(name -> name.startsWith("panoptim.parameter."));
        }
    }

    @Test
    void parametersAreTakenWhereTheyAreAskedFor() {
        var observation =
                new Observation(1)
                        .with("parameter_update_ratio/encoder/weight", 0.1)
                        .with("parameter_update_ratio/encoder/bias", 0.2);
        try (var monitor =
                MeterMonitor.builder(registry).parameters(name -> name.endsWith("weight")).open()) {
            monitor.write(observation);

            assertThat(gauge("panoptim.parameter.update.ratio", "parameter", "encoder/weight"))
                    .isEqualTo(0.1);
            assertThat(registry.find("panoptim.parameter.update.ratio").gauges()).hasSize(1);
        }
    }

    @Test
    void aGaugeHasTheLastNumberThatThereWas() {
        try (var monitor = MeterMonitor.of(registry)) {
            var none = OptionalDouble.empty();
            monitor.write(new Observation(1).with("update_norm", none).with("loss", 1));
            assertThat(gauge("panoptim.update.norm")).isNaN();
            monitor.write(new Observation(2).with("update_norm", 7).with("loss", Double.NaN));
            assertThat(gauge("panoptim.update.norm")).isEqualTo(7);
            assertThat(gauge("panoptim.loss")).isNaN();
            monitor.write(new Observation(3).with("update_norm", none));
            assertThat(gauge("panoptim.update.norm")).isEqualTo(7);
            monitor.write(new Observation(4).with("update_norm", Double.POSITIVE_INFINITY));
            assertThat(gauge("panoptim.update.norm")).isEqualTo(Double.POSITIVE_INFINITY);
        }
    }

    @Test
    void stepsAreTimedFromOneObservationToTheNext() {
        try (var monitor = MeterMonitor.of(registry)) {
            var timer = registry.get("panoptim.step.time").timer();
            monitor.write(new Observation(100));
            assertThat(timer.count()).isZero();
            clock.add(Duration.ofMillis(30));
            monitor.write(new Observation(103));
            assertThat(timer.count()).isEqualTo(1);
            assertThat(timer.totalTime(TimeUnit.MILLISECONDS)).isEqualTo(10);

            // A refused attempt is time of the step that succeeds.
            clock.add(Duration.ofMillis(5));
            monitor.write(new Observation(103));
            clock.add(Duration.ofMillis(5));
            monitor.write(new Observation(104));
            assertThat(timer.count()).isEqualTo(2);
            assertThat(timer.max(TimeUnit.MILLISECONDS)).isEqualTo(10);

            // A checkpoint was loaded.
            clock.add(Duration.ofMillis(1000));
            monitor.write(new Observation(50));
            clock.add(Duration.ofMillis(2));
            monitor.write(new Observation(51));
            assertThat(timer.count()).isEqualTo(3);
            assertThat(timer.totalTime(TimeUnit.MILLISECONDS)).isEqualTo(22);
            assertThat(counter("panoptim.step")).isEqualTo(51);
        }
    }

    @Test
    void severalOptimizersAreToldApart() {
        try (var encoder = MeterMonitor.builder(registry).optimizer("encoder").open();
                var decoder = MeterMonitor.builder(registry).optimizer("decoder").open()) {
            encoder.write(new Observation(1).with("gradient_norm", 2));
            decoder.write(new Observation(1).with("gradient_norm", 3));

            assertThat(gauge("panoptim.gradient.norm", "optimizer", "encoder")).isEqualTo(2);
            assertThat(gauge("panoptim.gradient.norm", "optimizer", "decoder")).isEqualTo(3);
        }
    }

    @Test
    void aSecondMonitorOfOneNameIsRefused() {
        try (var first = MeterMonitor.builder(registry).optimizer("it").open()) {
            first.write(new Observation(1));
            assertThatThrownBy(() -> MeterMonitor.builder(registry).optimizer("it").open())
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("panoptim.step.time, optimizer=it")
                    .hasMessageContaining("name each optimizer");
            first.write(new Observation(2));
            assertThat(counter("panoptim.step")).isEqualTo(2);
        }
        MeterMonitor.builder(registry).optimizer("it").open().close();
    }

    @Test
    void closingRemovesItsMetersAndNoOthers() {
        registry.counter("panoptim.of.mine");
        var monitor = MeterMonitor.of(registry);
        monitor.write(twoSteps());
        assertThat(names()).hasSizeGreaterThan(10);
        monitor.close();
        monitor.close();
        assertThat(names()).containsExactly("panoptim.of.mine");
        assertThatThrownBy(() -> monitor.write(new Observation(1)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("this monitor is closed");
    }

    @Test
    void whatGoesBeyondTheLimitIsLeftOutAndToldOnce() {
        var observation = new Observation(1).with("first", 1).with("second", 2).with("third", 3);
        try (var monitor = MeterMonitor.builder(registry).limit(3).open()) {
            var warnings =
                    warnings(
                            () -> {
                                monitor.write(observation);
                                monitor.write(observation.with("fourth", 4));
                            });

            assertThat(names())
                    .containsExactly("panoptim.first", "panoptim.step", "panoptim.step.time");
            assertThat(warnings)
                    .containsExactly(
                            "An observation has more numbers than the 3 meters that its monitor may"
                                + " have; 'second' and those after it are left out. limit(…) of its"
                                + " builder allows more, parameters(…) chooses parameters.");
        }
    }

    @Test
    void twoNumbersDoNotShareAMeter() {
        try (var monitor = MeterMonitor.of(registry)) {
            assertThatThrownBy(
                            () -> monitor.write(new Observation(1).with("a_b", 1).with("a.b", 2)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("'a_b' has the meter (panoptim.a.b) that 'a.b' would have too");
            assertThatThrownBy(() -> monitor.write(new Observation(1).with("step_time", 1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("panoptim.step.time");
        }
    }

    /** It refuses meters of one name with different tags. */
    @Test
    void prometheusTakesAllOfThem() {
        var prometheus = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        try (var monitor =
                MeterMonitor.builder(prometheus).optimizer("it").parameters(_ -> true).open()) {
            monitor.write(twoSteps());

            assertThat(prometheus.scrape().lines())
                    .contains(
                            "panoptim_step_total{optimizer=\"it\"} 2.0",
                            "panoptim_gradient_norm{optimizer=\"it\"} 5.0",
                            "panoptim_group_gradient_norm{group=\"all\",optimizer=\"it\"} 5.0",
                            "panoptim_parameter_gradient_norm{optimizer=\"it\",parameter=\"weight\"}"
                                + " 5.0");
        }
        assertThat(prometheus.scrape()).isEmpty();
    }

    @Test
    void anotherThreadReadsWhatWasWritten() throws Exception {
        try (var monitor = MeterMonitor.of(registry);
                var readers = Executors.newSingleThreadExecutor()) {
            monitor.write(new Observation(0).with("loss", 0));
            var read = readers.submit(this::readUntilDone);
            for (int step = 1; step <= 10_000; step++) {
                monitor.write(
                        new Observation(step).with("loss", step).with("late/" + step % 100, 1));
            }
            assertThat(read.get(1, TimeUnit.MINUTES)).isSorted().endsWith(10_000.0);
        }
    }

    private List<Double> readUntilDone() {
        var seen = new ArrayList<Double>();
        do {
            registry.getMeters().forEach(Meter::measure);
            seen.add(gauge("panoptim.loss"));
        } while (seen.getLast() < 10_000);
        return seen;
    }

    @Test
    void nullIsAnsweredByName() throws Exception {
        try (var monitor = MeterMonitor.of(registry)) {
            assertNamed("registry", () -> MeterMonitor.of(null));
            assertNamed("registry", () -> MeterMonitor.builder(null));
            assertNamed("name", () -> MeterMonitor.builder(registry).optimizer(null));
            assertNamed("wanted", () -> MeterMonitor.builder(registry).parameters(null));
            assertNamed(
                    "observation",
                    () -> {
                        monitor.write(null);
                        return null;
                    });
        }
    }

    private static void assertNamed(String argument, Callable<?> call) {
        assertThatThrownBy(call::call)
                .isInstanceOf(NullPointerException.class)
                .hasMessage(argument);
    }

    @Test
    void aLimitOfNothingIsRefused() {
        assertThatThrownBy(() -> MeterMonitor.builder(registry).limit(0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("limit: there must be 1 meter at least, but is 0");
    }

    private static List<String> warnings(Runnable action) {
        var lines = new ArrayList<String>();
        var handler =
                new Handler() {
                    @Override
                    public void publish(LogRecord line) {
                        lines.add(new SimpleFormatter().formatMessage(line));
                    }

                    @Override
                    public void flush() {}

                    @Override
                    public void close() {}
                };
        var logger = Logger.getLogger("org.panoptim");
        logger.addHandler(handler);
        try {
            action.run();
        } finally {
            logger.removeHandler(handler);
        }
        return lines;
    }
}

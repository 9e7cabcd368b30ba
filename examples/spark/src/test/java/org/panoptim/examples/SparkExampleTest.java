package org.panoptim.examples;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.panoptim.distributed.LocalTeam;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** Tasks of a barrier stage train the net that one member trains without Spark. */
class SparkExampleTest {

    private static SparkExample.Outcome alone;

    @BeforeAll
    static void trainWithoutSpark() {
        var member = LocalTeam.of(1, Duration.ofMinutes(1)).getFirst();
        alone = SparkExample.train(member, SparkExample.leaves());
        assertThat(alone.images()).isEqualTo(1792);
        assertThat(alone.right()).isGreaterThan(1600);
    }

    private static SparkConf configuration(String master) {
        return new SparkConf()
                .setMaster(master)
                .setAppName("test")
                .set("spark.ui.enabled", "false")
                .set("spark.driver.host", "127.0.0.1")
                .set("spark.driver.bindAddress", "127.0.0.1");
    }

    private static void assertTheSameNetOf(List<SparkExample.Outcome> outcomes) {
        assertThat(outcomes)
                .extracting(SparkExample.Outcome::weights)
                .containsOnly(alone.weights());
        assertThat(outcomes.stream().mapToInt(SparkExample.Outcome::right).sum())
                .isEqualTo(alone.right());
    }

    @Test
    void anyNumberOfTasksTrainsTheSameNet() {
        try (var spark = new JavaSparkContext(configuration("local[4]"))) {
            for (int tasks : new int[] {1, 2, 4}) {
                var outcomes = SparkExample.run(spark, tasks);
                assertThat(outcomes).hasSize(tasks);
                assertTheSameNetOf(outcomes);
            }
        }
    }

    /** Spark starts executors as a cluster does; SPARK_HOME is where it would be installed. */
    @Test
    void executorsInProcessesOfTheirOwnTrainTheSameNet() throws IOException {
        Files.createDirectories(Path.of(System.getenv("SPARK_HOME"), "jars"));
        var cluster =
                configuration("local-cluster[2,1,1024]")
                        .set("spark.executor.extraClassPath", System.getProperty("java.class.path"))
                        .set(
                                "spark.executor.extraJavaOptions",
                                "--enable-native-access=ALL-UNNAMED"
                                        + " --sun-misc-unsafe-memory-access=allow")
                        .set("spark.executorEnv.SPARK_SCALA_VERSION", "2.13")
                        // It asks every second whether the executors are there, for ten minutes.
                        .set("spark.scheduler.barrier.maxConcurrentTasksCheck.interval", "1s")
                        .set("spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures", "600");
        try (var spark = new JavaSparkContext(cluster)) {
            var outcomes = SparkExample.run(spark, 2);
            assertThat(outcomes).hasSize(2);
            assertTheSameNetOf(outcomes);
        }
    }
}

package org.panoptim.examples;

import org.apache.spark.BarrierTaskContext;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.panoptim.Optimizer;
import org.panoptim.distributed.Cluster;
import org.panoptim.distributed.Membership;
import org.panoptim.rule.Rules;
import org.panoptim.shard.Team;

import scala.Function1;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Trains a classifier of handwritten digits in a barrier stage of Spark: every task has its share
 * of the images and a copy of the net, and all take each step together. Prints how many digits the
 * net tells, and the SHA-256 of its weights, which are the same for any number of tasks.
 */
public final class SparkExample {

    /** Parts that images and batches are cut into; the number of tasks divides it. */
    static final int LEAVES = 8;

    private static final int STEPS = 84;

    private SparkExample() {}

    /** Starts it, with the number of tasks, a power of two up to {@value #LEAVES}. */
    public static void main(String[] arguments) {
        int tasks = arguments.length == 0 ? 4 : Integer.parseInt(arguments[0]);
        var configuration = new SparkConf().setAppName("Panoptim");
        configuration.setIfMissing("spark.master", "local[%d]".formatted(tasks));
        try (var spark = new JavaSparkContext(configuration)) {
            print(run(spark, tasks));
        }
    }

    private static void print(List<Outcome> outcomes) {
        System.out.printf(
                "%d of %d digits%n",
                outcomes.stream().mapToInt(Outcome::right).sum(),
                outcomes.stream().mapToInt(Outcome::images).sum());
        for (int task = 0; task < outcomes.size(); task++) {
            System.out.printf("weights of task %d: %s%n", task, outcomes.get(task).weights());
        }
    }

    /**
     * What a task has got.
     *
     * @param right how many of its images the net tells
     * @param images how many it has
     * @param weights the SHA-256 of the net's, in hexadecimal
     */
    record Outcome(int right, int images, String weights) implements Serializable {}

    /** The leaves in their order, so that each task gets neighbours. */
    static List<Leaf> leaves() {
        var digits = Digits.load();
        return IntStream.range(0, LEAVES).mapToObj(leaf -> Leaf.of(digits, leaf, LEAVES)).toList();
    }

    // snippet:start
    static List<Outcome> run(JavaSparkContext spark, int tasks) {
        ClassTag<Outcome> tag = ClassTag.apply(Outcome.class);
        Task task = leaves -> CollectionConverters.asScala(List.of(train(leaves))).iterator();
        var stage = spark.parallelize(leaves(), tasks).rdd().barrier();
        return JavaRDD.fromRDD(stage.mapPartitions(task, false, tag), tag).collect();
    }

    private interface Task extends Function1<Iterator<Leaf>, Iterator<Outcome>>, Serializable {}

    private static Outcome train(Iterator<Leaf> leaves) {
        try (var cluster = Cluster.join(membership(BarrierTaskContext.get()))) {
            return train(cluster, toList(leaves));
        }
    }

    private static Membership membership(BarrierTaskContext stage) {
        int rank = stage.partitionId();
        var tasks = stage.getTaskInfos();
        var executor = tasks[0].address(); // host:port
        var host = executor.substring(0, executor.lastIndexOf(':'));
        var port = stage.allGather(rank == 0 ? freePort() : "")[0];
        return Membership.of(host, Integer.parseInt(port), rank, tasks.length);
    }

    // snippet:end

    /** What a task does as a member of a team. */
    static Outcome train(Team team, List<Leaf> leaves) {
        try (var arena = Arena.ofShared()) {
            var net = new Net(arena);
            try (var optimizer =
                    Optimizer.builder(Rules.adamW(1e-3))
                            .group("all", net.parameters())
                            .shards(team, LEAVES)
                            .build()) {
                for (int step = 0; step < STEPS; step++) {
                    for (var leaf : leaves) {
                        net.backward(leaf.batch(step));
                        optimizer.accumulate();
                    }
                    optimizer.step();
                }
            }
            return outcome(net, leaves);
        }
    }

    private static Outcome outcome(Net net, List<Leaf> leaves) {
        int right = leaves.stream().mapToInt(net::right).sum();
        int images = leaves.stream().mapToInt(Leaf::images).sum();
        return new Outcome(right, images, net.sha256());
    }

    private static List<Leaf> toList(Iterator<Leaf> leaves) {
        var list = new ArrayList<Leaf>();
        CollectionConverters.asJava(leaves).forEachRemaining(list::add);
        return list;
    }

    /** One that nobody listens on; the first member will, right after. */
    private static String freePort() {
        try (var socket = new ServerSocket(0)) {
            return String.valueOf(socket.getLocalPort());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

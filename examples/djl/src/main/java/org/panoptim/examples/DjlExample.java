package org.panoptim.examples;

import ai.djl.*;
import ai.djl.engine.Engine;
import ai.djl.metric.*;
import ai.djl.ndarray.*;
import ai.djl.ndarray.types.*;
import ai.djl.nn.*;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import ai.djl.training.*;
import ai.djl.training.dataset.*;
import ai.djl.training.listener.*;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.*;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.TranslateException;

import org.panoptim.djl.PanoptimTrainer;
import org.panoptim.rule.Rules;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/**
 * Trains nets of DJL on handwritten digits: each twice, from the same weights on the same batches,
 * with DJL's SGD and with Panoptim's. Prints the losses, which are the same, and the time that a
 * step takes.
 */
public final class DjlExample {

    private static final int EPOCHS = 20;
    private static final int BATCH = 64;

    private DjlExample() {}

    /** Starts it. */
    public static void main(String[] arguments) throws IOException, TranslateException {
        compare(perceptron(), perceptron(), EPOCHS).print("Perceptron");
        compare(convolutions(), convolutions(), EPOCHS).print("Convolutions");
    }

    static Comparison compare(Block theirNet, Block ourNet, int epochs)
            throws IOException, TranslateException {
        var sgd = Optimizer.sgd().setLearningRateTracker(Tracker.fixed(0.02f)).optMomentum(0.9f);
        var rule = Rules.sgd(0.02).withMomentum(0.9);
        try (var theirModel = model(theirNet);
                var ourModel = model(ourNet);
                var theirs = theirModel.newTrainer(config().optOptimizer(sgd.build()));
                var ours = PanoptimTrainer.of(ourModel, config(), rule)) {
            for (var trainer : List.of(theirs, ours)) {
                trainer.setMetrics(new Metrics());
                Engine.getEngine("PyTorch").setRandomSeed(1);
                trainer.initialize(new Shape(1, 1, Digits.SIDE, Digits.SIDE));
            }
            for (int epoch = 0; epoch < epochs; epoch++) {
                for (var trainer : List.of(theirs, ours)) {
                    EasyTrain.fit(trainer, 1, data(trainer.getManager()), null);
                }
            }
            return new Comparison(Run.of(theirs), Run.of(ours));
        }
    }

    /**
     * What became of a training.
     *
     * @param losses of each epoch
     * @param micros the median of what the later steps took, in microseconds
     */
    record Run(List<Float> losses, double micros) {

        static Run of(Trainer trainer) {
            var metrics = trainer.getMetrics();
            var losses = metrics.getMetric("train_epoch_SoftmaxCrossEntropyLoss");
            var steps = metrics.getMetric("step").stream().map(Metric::getValue);
            var nanos = steps.mapToLong(Number::longValue).toArray();
            int half = nanos.length / 2;
            var later = Arrays.stream(nanos).skip(half).sorted().toArray();
            return new Run(
                    losses.stream().map(each -> each.getValue().floatValue()).toList(),
                    later[later.length / 2] / 1e3);
        }
    }

    /** The same net, trained with DJL's optimizer and with Panoptim's. */
    record Comparison(Run expected, Run actual) {

        void print(String net) {
            System.out.printf("%s: loss with DJL's SGD, and with Panoptim's%n", net);
            for (int epoch : new int[] {1, expected.losses.size()}) {
                System.out.printf(
                        "  epoch %2d: %.6f, %.6f%n",
                        epoch, expected.losses.get(epoch - 1), actual.losses.get(epoch - 1));
            }
            System.out.printf(
                    "  us in the optimizer for a step: %.1f, %.1f; ratio %.2f%n",
                    expected.micros, actual.micros, expected.micros / actual.micros);
        }
    }

    private static Model model(Block net) {
        var model = Model.newInstance("net", "PyTorch");
        model.setBlock(net);
        return model;
    }

    private static DefaultTrainingConfig config() {
        return new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                .optDevices(new Device[] {Device.cpu()})
                .addTrainingListeners(new EvaluatorTrainingListener());
    }

    /** Two hidden layers, 167,562 parameters. */
    static Block perceptron() {
        return new SequentialBlock()
                .add(Blocks.batchFlattenBlock())
                .add(Linear.builder().setUnits(512).build())
                .add(Activation::relu)
                .add(Linear.builder().setUnits(256).build())
                .add(Activation::relu)
                .add(Linear.builder().setUnits(10).build());
    }

    /** Two convolutions and two layers on top, 151,306 parameters. */
    static Block convolutions() {
        return new SequentialBlock()
                .add(Conv2d.builder().setKernelShape(new Shape(3, 3)).setFilters(32).build())
                .add(Activation::relu)
                .add(Conv2d.builder().setKernelShape(new Shape(3, 3)).setFilters(64).build())
                .add(Activation::relu)
                .add(Blocks.batchFlattenBlock())
                .add(Linear.builder().setUnits(128).build())
                .add(Activation::relu)
                .add(Linear.builder().setUnits(10).build());
    }

    private static Dataset data(NDManager manager) {
        var digits = Digits.load();
        var shape = new Shape(digits.count(), 1, Digits.SIDE, Digits.SIDE);
        return new ArrayDataset.Builder()
                .setData(manager.create(digits.pixels(), shape))
                .optLabels(manager.create(digits.classes()).toType(DataType.FLOAT32, false))
                .setSampling(BATCH, false, true)
                .build();
    }
}

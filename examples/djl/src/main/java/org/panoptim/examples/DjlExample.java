package org.panoptim.examples;

import ai.djl.*;
import ai.djl.engine.Engine;
import ai.djl.metric.*;
import ai.djl.ndarray.*;
import ai.djl.ndarray.types.*;
import ai.djl.nn.*;
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
import java.util.List;

/**
 * Trains a net of DJL twice, from the same weights on the same data: with DJL's SGD and with
 * Panoptim's. Prints the losses, which are the same, and the time that a step takes.
 */
public final class DjlExample {

    static final int EPOCHS = 6;
    private static final int BATCHES = 16;
    private static final int BATCH = 64;

    private DjlExample() {}

    /** Starts it. */
    public static void main(String[] arguments) throws IOException, TranslateException {
        print("DJL's SGD", withDjl());
        print("Panoptim's SGD", withPanoptim());
    }

    static Run withDjl() throws IOException, TranslateException {
        var sgd = Optimizer.sgd().setLearningRateTracker(Tracker.fixed(0.05f)).optMomentum(0.9f);
        try (var model = model();
                var trainer = model.newTrainer(config().optOptimizer(sgd.build()))) {
            return train(trainer);
        }
    }

    static Run withPanoptim() throws IOException, TranslateException {
        var rule = Rules.sgd(0.05).withMomentum(0.9);
        try (var model = model();
                var trainer = PanoptimTrainer.of(model, config(), rule)) {
            return train(trainer);
        }
    }

    private static Run train(Trainer trainer) throws IOException, TranslateException {
        trainer.setMetrics(new Metrics());
        trainer.initialize(new Shape(1, 64));
        EasyTrain.fit(trainer, EPOCHS, data(trainer.getManager()), null);
        var losses = trainer.getMetrics().getMetric("train_epoch_SoftmaxCrossEntropyLoss");
        var nanos = trainer.getMetrics().getMetric("step").stream().map(Metric::getValue);
        var later =
                nanos.skip(EPOCHS * BATCHES / 2).mapToLong(Number::longValue).sorted().toArray();
        return new Run(
                losses.stream().map(each -> each.getValue().floatValue()).toList(),
                later[later.length / 2]);
    }

    private static void print(String what, Run run) {
        System.out.printf(
                "%-15s loss of the first epoch %.5f, of the last %.5f; %.0f us a step in the"
                        + " optimizer%n",
                what, run.losses().getFirst(), run.losses().getLast(), run.nanos() / 1e3);
    }

    /** The loss of each epoch, and the median of what the later steps took. */
    record Run(List<Float> losses, long nanos) {}

    private static Model model() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
        var model = Model.newInstance("net", "PyTorch");
        model.setBlock(
                new SequentialBlock()
                        .add(Linear.builder().setUnits(256).build())
                        .add(Activation::relu)
                        .add(Linear.builder().setUnits(256).build())
                        .add(Activation::relu)
                        .add(Linear.builder().setUnits(10).build()));
        return model;
    }

    private static DefaultTrainingConfig config() {
        return new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                .optDevices(new Device[] {Device.cpu()})
                .addTrainingListeners(new EvaluatorTrainingListener());
    }

    /** Data of ten classes that a random matrix tells apart. */
    private static Dataset data(NDManager manager) {
        var inputs = manager.randomNormal(new Shape(BATCHES * BATCH, 64));
        var classes = inputs.matMul(manager.randomNormal(new Shape(64, 10))).argMax(1);
        return new ArrayDataset.Builder()
                .setData(inputs)
                .optLabels(classes.toType(DataType.FLOAT32, false))
                .setSampling(BATCH, false)
                .build();
    }
}

package org.panoptim.djl;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.initializer.NormalInitializer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.translate.TranslateException;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;

/** A small classification with DJL: numbers that are drawn, and a net with normalization. */
final class Digits {

    private static final String ENGINE = "PyTorch";
    private static final int ROWS = 96;
    private static final int INPUTS = 20;
    private static final int CLASSES = 4;

    static final Shape INPUT = new Shape(1, INPUTS);

    private Digits() {}

    /** Before the engine is first used: it would ask the network where it runs, and report it. */
    static void prepare() {
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("OPT_OUT_TRACKING", "true");
    }

    /** A model whose initial values are the same each time. */
    static Model model() {
        prepare();
        Engine.getEngine(ENGINE).setRandomSeed(7);
        var model = Model.newInstance("digits", ENGINE);
        model.setBlock(
                new SequentialBlock()
                        .add(Linear.builder().setUnits(16).build())
                        .add(BatchNorm.builder().build())
                        .add(Activation::relu)
                        .add(Linear.builder().setUnits(CLASSES).build()));
        return model;
    }

    static DefaultTrainingConfig config() {
        prepare();
        return new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                .optDevices(new Device[] {Device.cpu()})
                .optInitializer(new NormalInitializer(0.2f), Parameter.Type.WEIGHT);
    }

    static DefaultTrainingConfig config(Optimizer optimizer) {
        return config().optOptimizer(optimizer);
    }

    static ArrayDataset data(NDManager manager) {
        var random = new SplittableRandom(3);
        var inputs = new float[ROWS * INPUTS];
        var labels = new float[ROWS];
        for (int row = 0; row < ROWS; row++) {
            int label = random.nextInt(CLASSES);
            labels[row] = label;
            for (int i = 0; i < INPUTS; i++) {
                inputs[row * INPUTS + i] =
                        (float) random.nextGaussian() + (i % CLASSES == label ? 1 : 0);
            }
        }
        return new ArrayDataset.Builder()
                .setData(manager.create(inputs, new Shape(ROWS, INPUTS)))
                .optLabels(manager.create(labels))
                .setSampling(32, false)
                .build();
    }

    /** Trains for some epochs of three steps as users do. */
    static void fit(Trainer trainer, int epochs) throws IOException, TranslateException {
        try (var manager = trainer.getManager().newSubManager()) {
            EasyTrain.fit(trainer, epochs, data(manager), null);
        }
    }

    /** One backward pass, and no step. */
    static void backward(Trainer trainer) throws IOException, TranslateException {
        try (var manager = trainer.getManager().newSubManager()) {
            for (var batch : trainer.iterateDataset(data(manager))) {
                EasyTrain.trainBatch(trainer, batch);
                batch.close();
                return;
            }
        }
    }

    /** All values by name. */
    static Map<String, float[]> values(Model model) {
        var values = new LinkedHashMap<String, float[]>();
        for (var each : model.getBlock().getParameters()) {
            values.put(each.getKey(), each.getValue().getArray().toFloatArray());
        }
        return values;
    }
}

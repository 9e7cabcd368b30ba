package org.panoptim.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;

/** The linear layers of well-known models, as their Kronecker factors see them. */
public enum FactorSizes {
    /** Two small layers, for the tests of the benchmark. */
    TINY("two small layers", Workload.TINY),
    /**
     * ResNet-50: 53 convolutions, each as a linear layer over its patches, and the classifier: 108
     * factors of 64 to 4608 rows.
     */
    RESNET50("ResNet-50", Workload.RESNET_50),
    /** GPT-2 small without its head: 12 blocks of four linear layers, 96 factors. */
    GPT2_SMALL("GPT-2 small", Workload.GPT2_SMALL),
    /** 32 layers of 128 inputs and outputs: 64 factors that a device inverts in one launch. */
    SQUARES_128("32 layers of 128 by 128", Workload.SQUARES_128);

    /** Averages twice, inverses, candidates, and what an inversion and a product need. */
    private static final int MATRICES = 6;

    private final String title;
    private final String workload;

    FactorSizes(String title, String workload) {
        this.title = title;
        this.workload = workload;
    }

    /** A layer. */
    record Layer(int inputs, int outputs, boolean bias) {

        /** The size of the factor of inputs. */
        int inputFactor() {
            return inputs + (bias ? 1 : 0);
        }

        /** The elements of its gradients. */
        long elements() {
            return (long) outputs * inputFactor();
        }
    }

    /** For a reader. */
    public String title() {
        return title;
    }

    /** That of a workload; empty where it is no model of linear layers. */
    public static Optional<FactorSizes> of(String workload) {
        return Arrays.stream(values()).filter(each -> each.workload.equals(workload)).findFirst();
    }

    /** What its factors and the work on them take of a device's memory, in bytes. */
    public long bytes() {
        return layers().stream()
                .flatMapToLong(layer -> LongStream.of(layer.inputFactor(), layer.outputs()))
                .map(size -> MATRICES * Float.BYTES * size * size)
                .sum();
    }

    List<Layer> layers() {
        return switch (this) {
            case TINY -> List.of(new Layer(20, 30, true), new Layer(30, 7, false));
            case RESNET50 -> resnet50();
            case GPT2_SMALL -> gpt2Small();
            case SQUARES_128 -> Collections.nCopies(32, new Layer(128, 128, false));
        };
    }

    private static List<Layer> resnet50() {
        var layers = new ArrayList<Layer>();
        layers.add(new Layer(3 * 49, 64, false));
        int inputs = 64;
        int[] widths = {64, 128, 256, 512};
        int[] blocks = {3, 4, 6, 3};
        for (int stage = 0; stage < widths.length; stage++) {
            int width = widths[stage];
            for (int block = 0; block < blocks[stage]; block++) {
                layers.add(new Layer(inputs, width, false));
                layers.add(new Layer(9 * width, width, false));
                layers.add(new Layer(width, 4 * width, false));
                if (block == 0) {
                    layers.add(new Layer(inputs, 4 * width, false));
                }
                inputs = 4 * width;
            }
        }
        layers.add(new Layer(inputs, 1000, true));
        return layers;
    }

    private static List<Layer> gpt2Small() {
        var layers = new ArrayList<Layer>();
        for (int block = 0; block < 12; block++) {
            layers.add(new Layer(768, 2304, true));
            layers.add(new Layer(768, 768, true));
            layers.add(new Layer(768, 3072, true));
            layers.add(new Layer(3072, 768, true));
        }
        return layers;
    }
}

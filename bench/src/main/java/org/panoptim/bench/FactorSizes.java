package org.panoptim.bench;

import java.util.ArrayList;
import java.util.List;

/** The linear layers of well-known models, as their Kronecker factors see them. */
public enum FactorSizes {
    /** Two small layers, for the tests of the benchmark. */
    TINY,
    /**
     * ResNet-50: 53 convolutions, each as a linear layer over its patches, and the classifier: 108
     * factors of 64 to 4608 rows.
     */
    RESNET50,
    /** GPT-2 small without its head: 12 blocks of four linear layers, 96 factors. */
    GPT2_SMALL;

    /** A layer. */
    record Layer(int inputs, int outputs, boolean bias) {}

    List<Layer> layers() {
        return switch (this) {
            case TINY -> List.of(new Layer(20, 30, true), new Layer(30, 7, false));
            case RESNET50 -> resnet50();
            case GPT2_SMALL -> gpt2Small();
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

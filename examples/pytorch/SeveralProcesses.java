import static org.bytedeco.pytorch.global.torch.*;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.*;
import org.panoptim.distributed.Cluster;
import org.panoptim.examples.Digits;
import org.panoptim.memory.HostMemory;
import org.panoptim.pytorch.TorchOptimizer;
import org.panoptim.rule.Rules;

import java.util.zip.CRC32;

// Trains a net on handwritten digits in 1, 2, 4 or 8 processes, and prints the same for any number
// of them. docs/teams.md says how they are started.

/** Parts that a batch is cut into: one process has all 8, each of two has 4. */
static final int LEAVES = 8;

/** Images of a leaf. */
static final int IMAGES = 8;

static final int EPOCHS = 3;

void main() {
    set_num_threads(1); // the processes share the cores
    manual_seed(1); // the same net for all
    try (var cluster = Cluster.fromEnvironment()) {
        try {
            train(cluster);
        } catch (RuntimeException e) {
            // Else the others hear only that this one has left.
            cluster.abort(e.toString());
            throw e;
        }
    }
}

void train(Cluster cluster) {
    var net = new SequentialImpl();
    net.push_back(new LinearImpl(Digits.SIDE * Digits.SIDE, 256));
    net.push_back(new ReLUImpl());
    net.push_back(new LinearImpl(256, 10));

    var digits = Digits.load();
    var images = Tensor.create(digits.pixels(), digits.count(), Digits.SIDE * Digits.SIDE);
    var classes = Tensor.create(digits.classes(), digits.count());

    int own = LEAVES / cluster.size();
    int steps = digits.count() / (LEAVES * IMAGES);
    try (var optimizer =
            TorchOptimizer.of(
                    net, Rules.adamW(1e-3), (builder, _) -> builder.shards(cluster, LEAVES))) {
        for (int epoch = 1; epoch <= EPOCHS; epoch++) {
            for (int step = 0; step < steps; step++) {
                for (int i = 0; i < own; i++) {
                    try (var _ = new PointerScope()) {
                        int leaf = step * LEAVES + cluster.rank() * own + i;
                        var inputs = images.narrow(0, leaf * IMAGES, IMAGES);
                        var targets = classes.narrow(0, leaf * IMAGES, IMAGES);
                        optimizer.backward(cross_entropy(net.forward(inputs), targets));
                    }
                }
                optimizer.step();
            }
            if (cluster.rank() == 0) {
                float loss = cross_entropy(net.forward(images), classes).item_float();
                IO.println("loss after epoch %d: %.6f".formatted(epoch, loss));
            }
        }
        if (cluster.rank() == 0) {
            var checksum = new CRC32();
            for (var parameter : optimizer.parameters().list()) {
                checksum.update(((HostMemory) parameter.value()).segment().asByteBuffer());
            }
            IO.println("checksum of the parameters: %08x".formatted(checksum.getValue()));
        }
    }
}

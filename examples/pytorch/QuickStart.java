import static org.bytedeco.pytorch.global.torch.*;

import org.bytedeco.pytorch.*;
import org.bytedeco.pytorch.Module;
import org.panoptim.pytorch.TorchOptimizer;
import org.panoptim.rule.Rules;

void main() {
    var net = new Module("net");
    var layer = net.register_module("layer", new LinearImpl(10, 10));
    var inputs = torch_randn(256, 10);
    var targets = inputs.neg();
    try (var optimizer = TorchOptimizer.of(net, Rules.adamW(1e-2))) {
        for (int step = 0; step < 300; step++) {
            optimizer.zeroGrad();
            var loss = mse_loss(layer.forward(inputs), targets);
            loss.backward();
            optimizer.step();
            IO.println("loss: " + loss.item_float());
        }
    }
}

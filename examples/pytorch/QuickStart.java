import static org.bytedeco.pytorch.global.torch.*;

import org.bytedeco.pytorch.*;
import org.panoptim.pytorch.TorchOptimizer;
import org.panoptim.rule.Rules;

void main() {
    var net = new LinearImpl(10, 10);
    var inputs = torch_randn(256, 10);
    var targets = inputs.neg();
    try (var optimizer = TorchOptimizer.of(net, Rules.adamW(1e-2))) {
        for (int step = 0; step < 300; step++) {
            optimizer.zeroGrad();
            var loss = mse_loss(net.forward(inputs), targets);
            loss.backward();
            optimizer.step();
            IO.println("loss: " + loss.item_float());
        }
    }
}

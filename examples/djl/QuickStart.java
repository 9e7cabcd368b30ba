import ai.djl.*;
import ai.djl.ndarray.types.*;
import ai.djl.nn.core.*;
import ai.djl.training.*;
import ai.djl.training.dataset.*;
import ai.djl.training.listener.*;
import ai.djl.training.loss.*;

import org.panoptim.djl.PanoptimTrainer;
import org.panoptim.rule.Rules;

void main() throws Exception {
    var config = new DefaultTrainingConfig(Loss.l2Loss());
    config.addTrainingListeners(TrainingListener.Defaults.basic());
    try (var model = Model.newInstance("net")) {
        model.setBlock(Linear.builder().setUnits(16).build());
        try (var trainer = PanoptimTrainer.of(model, config, Rules.adamW(1e-2))) {
            trainer.initialize(new Shape(1, 16));
            var inputs = trainer.getManager().randomNormal(new Shape(256, 16));
            var data = new ArrayDataset.Builder().setData(inputs).optLabels(inputs.neg());
            EasyTrain.fit(trainer, 50, data.setSampling(32, true).build(), null);
            IO.println("loss: " + trainer.getTrainingResult().getTrainLoss());
        }
    }
}

package org.panoptim.kfac;

import org.panoptim.kfac.engine.Preconditioning;
import org.panoptim.spi.StepPlan;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Which layers are preconditioned, at which learning rates: those that are not frozen. */
final class ActiveLayers {

    private final LayerList layers;
    private final boolean[] frozen;
    private List<Preconditioning> active = List.of();

    ActiveLayers(LayerList layers) {
        this.layers = layers;
        frozen = new boolean[layers.size()];
    }

    /** Takes up the groups of an optimizer as they are now. */
    void follow(StepPlan plan) {
        var unfrozen = new ArrayList<Preconditioning>();
        for (int place = 0; place < layers.size(); place++) {
            var layer = layers.get(place);
            var group = LayerList.groupOf(plan, layer, layer.weight());
            var ofBias = layer.bias().map(bias -> LayerList.groupOf(plan, layer, bias));
            boolean weight = !group.frozen();
            boolean bias = ofBias.isPresent() && !ofBias.get().frozen();
            frozen[place] = !weight && !bias;
            if (weight || bias) {
                var rule = weight ? group.rule() : ofBias.orElseThrow().rule();
                unfrozen.add(new Preconditioning(place, rule.learningRate(), weight, bias));
            }
        }
        active = List.copyOf(unfrozen);
    }

    /** Whether all parameters of a layer are frozen. */
    boolean isFrozen(int layer) {
        return frozen[layer];
    }

    /** The active layers, without the parameters that have no gradient. */
    List<Preconditioning> withGradients() {
        for (int i = 0; i < active.size(); i++) {
            if (!takesPartWhole(active.get(i))) {
                return active.stream().map(this::withGradients).flatMap(Optional::stream).toList();
            }
        }
        return active;
    }

    private boolean takesPartWhole(Preconditioning each) {
        var layer = layers.get(each.layer());
        return (!each.weight() || layer.weight().hasGradient())
                && (!each.bias() || layer.bias().orElseThrow().hasGradient());
    }

    private Optional<Preconditioning> withGradients(Preconditioning each) {
        var layer = layers.get(each.layer());
        boolean weight = each.weight() && layer.weight().hasGradient();
        boolean bias = each.bias() && layer.bias().orElseThrow().hasGradient();
        return weight || bias
                ? Optional.of(new Preconditioning(each.layer(), each.learningRate(), weight, bias))
                : Optional.empty();
    }
}

package org.panoptim.kfac;

import org.panoptim.kfac.engine.Contribution;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.spi.StepPlan;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The registered layers, by name. */
final class LayerList {

    private final List<KroneckerLayer> layers = new ArrayList<>();
    private final Map<String, Integer> indices = new LinkedHashMap<>();
    private final Set<Parameter> parameters = new HashSet<>();

    /** These layers, whatever is added to the others. */
    LayerList copy() {
        var copy = new LayerList();
        copy.layers.addAll(layers);
        copy.indices.putAll(indices);
        copy.parameters.addAll(parameters);
        return copy;
    }

    void add(String name, Parameter weight, Optional<Parameter> bias) {
        var layer = new KroneckerLayer(name, weight, bias);
        if (indices.containsKey(name)) {
            throw new IllegalArgumentException("two layers are named '" + name + "'");
        }
        // A weight that two layers share would be preconditioned twice.
        requireNew(name, weight);
        bias.ifPresent(each -> requireNew(name, each));
        parameters.add(weight);
        bias.ifPresent(parameters::add);
        indices.put(name, layers.size());
        layers.add(layer);
    }

    private void requireNew(String layer, Parameter parameter) {
        if (parameters.contains(parameter)) {
            throw new IllegalArgumentException(
                    "layer '%s': parameter '%s' belongs to another layer already; let the layers that share it contribute to one"
                            .formatted(layer, parameter.name()));
        }
    }

    List<KroneckerLayer> all() {
        return List.copyOf(layers);
    }

    /** The parameters of all layers. */
    List<Parameter> parameters() {
        return List.copyOf(parameters);
    }

    KroneckerLayer get(int index) {
        return layers.get(index);
    }

    /** Their names, in order. */
    List<String> names() {
        return List.copyOf(indices.keySet());
    }

    int size() {
        return layers.size();
    }

    int index(String name) {
        var index = indices.get(name);
        if (index == null) {
            throw new IllegalArgumentException(
                    "there is no layer '"
                            + name
                            + "'; the layers are "
                            + String.join(", ", indices.keySet()));
        }
        return index;
    }

    /**
     * Checks that all parameters of the layers are an optimizer's.
     *
     * @throws IllegalArgumentException if not
     */
    void requireIn(StepPlan plan) {
        for (var layer : layers) {
            groupOf(plan, layer, layer.weight());
            layer.bias().ifPresent(bias -> groupOf(plan, layer, bias));
        }
    }

    /** The group that a layer's parameter is in. */
    static ParameterGroup groupOf(StepPlan plan, KroneckerLayer layer, Parameter parameter) {
        return plan.groups().stream()
                .filter(group -> group.parameters().stream().anyMatch(each -> each == parameter))
                .findFirst()
                .orElseThrow(() -> notIn(plan, layer, parameter));
    }

    private static IllegalArgumentException notIn(
            StepPlan plan, KroneckerLayer layer, Parameter parameter) {
        boolean named =
                plan.groups().stream()
                        .flatMap(group -> group.parameters().stream())
                        .anyMatch(each -> each.name().equals(parameter.name()));
        return new IllegalArgumentException(
                "layer '%s': parameter '%s' is in none of the optimizer's groups%s"
                        .formatted(
                                layer.name(),
                                parameter.name(),
                                named ? ", which have another Parameter of that name" : ""));
    }

    /** Describes a layer's micro-batch, once its sizes are known to agree. */
    Contribution contribution(int index, Memory inputs, Memory outputGradients, Batch batch) {
        var layer = layers.get(index);
        long rows = rows(layer, "inputs", inputs, layer.inputs());
        long others = rows(layer, "output gradients", outputGradients, layer.outputs());
        if (rows != others) {
            throw new IllegalArgumentException(
                    "layer '%s': the inputs have %d rows of %d elements, but the output gradients %d of %d"
                            .formatted(
                                    layer.name(), rows, layer.inputs(), others, layer.outputs()));
        }
        batch.mask()
                .ifPresent(
                        mask -> {
                            if (mask.byteSize() != rows) {
                                throw new IllegalArgumentException(
                                        "layer '%s': the mask must have a byte for each of %d rows, but has %d"
                                                .formatted(layer.name(), rows, mask.byteSize()));
                            }
                        });
        return new Contribution(
                inputs,
                outputGradients,
                batch.mask(),
                rows,
                batch.averagedOver(),
                batch.lossScale());
    }

    private static long rows(KroneckerLayer layer, String what, Memory memory, int columns) {
        long width = (long) columns * Float.BYTES;
        if (memory.byteSize() == 0 || memory.byteSize() % width != 0) {
            throw new IllegalArgumentException(
                    "layer '%s': the %s must be whole rows of %d float32 elements, at least one, but have %d bytes"
                            .formatted(layer.name(), what, columns, memory.byteSize()));
        }
        return memory.byteSize() / width;
    }
}

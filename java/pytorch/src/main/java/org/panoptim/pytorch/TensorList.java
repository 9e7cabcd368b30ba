package org.panoptim.pytorch;

import org.bytedeco.pytorch.Tensor;
import org.panoptim.parameter.ParameterSource;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The engine's tensors by what becomes of them: parameters stand for those that require a gradient
 * and for those that could; the others are left alone.
 */
final class TensorList {

    private final Arena arena;
    private final TensorQueries queries;
    private final ParameterSource source;
    private final Map<String, TrackedTensor> tracked = new LinkedHashMap<>();
    private final List<TrackedTensor> ordered = new ArrayList<>();
    private final List<LeftAloneTensor> leftAlone = new ArrayList<>();

    /** The tracked tensors by the address where they begin. */
    private final TreeMap<Long, TrackedTensor> byAddress = new TreeMap<>();

    /**
     * @param arena bounds the use of the parameters' memory
     * @param source what the parameters' optimizers ask
     */
    TensorList(Arena arena, TensorQueries queries, ParameterSource source) {
        this.arena = arena;
        this.queries = queries;
        this.source = source;
    }

    /**
     * Adds tensors; one that is there twice counts once, under its first name.
     *
     * @throws IllegalArgumentException if one that requires a gradient cannot be stepped
     */
    void add(Map<String, Tensor> named) {
        var distinct = new LinkedHashMap<String, Tensor>();
        var seen = new HashSet<Long>();
        named.forEach(
                (name, tensor) -> {
                    require(name, Suitability.problemOfDefinition(tensor));
                    if (seen.add(tensor.unsafeGetTensorImpl().address())) {
                        distinct.put(name, tensor);
                    }
                });
        // Frozen ones have to fit to the others, whatever comes first.
        distinct.forEach(
                (name, tensor) -> {
                    if (tensor.requires_grad()) {
                        require(name, Suitability.problemOfValue(tensor));
                        track(name, tensor);
                    }
                });
        requireOneDevice();
        distinct.forEach(
                (name, tensor) -> {
                    if (!tensor.requires_grad()) {
                        problemOfFrozen(tensor)
                                .ifPresentOrElse(
                                        problem ->
                                                leftAlone.add(
                                                        new LeftAloneTensor(name, tensor, problem)),
                                        () -> track(name, tensor));
                    }
                });
        for (var name : distinct.keySet()) {
            Optional.ofNullable(tracked.get(name)).ifPresent(ordered::add);
        }
    }

    private static void require(String name, Optional<String> problem) {
        problem.ifPresent(
                why -> {
                    throw new IllegalArgumentException("tensor '" + name + "' " + why);
                });
    }

    private void track(String name, Tensor tensor) {
        var added = new TrackedTensor(name, tensor, arena, queries, source);
        tracked.put(name, added);
        if (added.byteSize() > 0) {
            byAddress.put(added.address(), added);
        }
    }

    private void requireOneDevice() {
        for (var tensor : tracked.values()) {
            var first = first();
            if (!tensor.device().equals(first.device())) {
                throw new IllegalArgumentException(
                        "all tensors must be on one device, but '%s' is on %s and '%s' on %s"
                                .formatted(
                                        first.parameter().name(),
                                        first.device(),
                                        tensor.parameter().name(),
                                        tensor.device()));
            }
        }
    }

    private TrackedTensor first() {
        return tracked.values().iterator().next();
    }

    /** Why no parameter can stand for a tensor that requires no gradient, if none can. */
    private Optional<String> problemOfFrozen(Tensor tensor) {
        return Suitability.problemOfValue(tensor)
                .or(() -> tracked.isEmpty() ? Optional.empty() : problemWithOthers(tensor));
    }

    private Optional<String> problemWithOthers(Tensor tensor) {
        var device = Suitability.device(tensor);
        if (!device.equals(first().device())) {
            return Optional.of(
                    "is on %s, but '%s' is on %s"
                            .formatted(device, first().parameter().name(), first().device()));
        }
        long begin = Suitability.address(tensor);
        var before = byAddress.lowerEntry(begin + tensor.numel() * Float.BYTES);
        return before == null || before.getKey() + before.getValue().byteSize() <= begin
                ? Optional.empty()
                : Optional.of(
                        "shares memory with '%s'".formatted(before.getValue().parameter().name()));
    }

    /** The tensors that parameters stand for, in the order in which they were added. */
    List<TrackedTensor> tracked() {
        return List.copyOf(ordered);
    }

    /** The tensor that the parameter of this name stands for; there is one. */
    TrackedTensor named(String name) {
        return Objects.requireNonNull(tracked.get(name), name);
    }

    /**
     * Checks that what is left alone still requires no gradient.
     *
     * @throws IllegalStateException if one does
     */
    void checkLeftAlone() {
        for (int i = 0; i < leftAlone.size(); i++) {
            leftAlone.get(i).check();
        }
    }

    /** Lets go of all of them. */
    void release() {
        tracked.values().forEach(TrackedTensor::release);
        leftAlone.forEach(LeftAloneTensor::release);
    }
}

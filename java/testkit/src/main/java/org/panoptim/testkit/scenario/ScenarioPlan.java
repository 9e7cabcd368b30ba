package org.panoptim.testkit.scenario;

import org.panoptim.rule.Pass;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.scenario.Scenario.Settings;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** A scenario to be made: ordinary numbers and nothing special unless said otherwise. */
final class ScenarioPlan {

    private static final int STEPS = 6;

    private static final List<Shape> SIZES = vectors(64, 7, 1000, 1);

    /** Whether something is so in a step, from 1, for a tensor, counted over all groups from 0. */
    interface When {
        boolean test(int step, int tensor);
    }

    private final String title;
    private final UpdateRule rule;
    private final List<Scenario.Group> groups = new ArrayList<>();
    private List<Shape> sizes = SIZES;
    private int steps = STEPS;
    private int offset;
    private List<Scenario.Types> types = List.of(Scenario.Types.FLOATS);
    private Settings settings = Settings.PLAIN;
    private Values.Kind values = Values.Kind.ORDINARY;
    private Values.Kind gradients = Values.Kind.ORDINARY;
    private Values.Kind curvatures = Values.Kind.ORDINARY;
    private float scale = 1;
    private When absent = (_, _) -> false;
    private When bad = (_, _) -> false;
    // On every third step and not for every parameter.
    private When curved = (step, tensor) -> step % 3 == 1 && (step + tensor) % 4 != 0;
    private Map<Integer, Scenario.Action> beforeSteps = Map.of();
    private List<UpdateRule> companions = List.of();
    private List<Pass> passes = List.of();

    ScenarioPlan(String title, UpdateRule rule) {
        this.title = title;
        this.rule = rule;
    }

    ScenarioPlan sizes(List<Shape> some) {
        sizes = some;
        return this;
    }

    ScenarioPlan steps(int number) {
        steps = number;
        return this;
    }

    ScenarioPlan misaligned() {
        offset = 1;
        return this;
    }

    /** Tensors take turns. */
    ScenarioPlan types(Scenario.Types... some) {
        types = List.of(some);
        return this;
    }

    ScenarioPlan settings(Settings some) {
        settings = some;
        return this;
    }

    ScenarioPlan numbers(Values.Kind ofValues, Values.Kind ofGradients, Values.Kind ofCurvatures) {
        values = ofValues;
        gradients = ofGradients;
        curvatures = ofCurvatures;
        return this;
    }

    /** Gradients and curvatures are multiplied by this. */
    ScenarioPlan scale(float factor) {
        scale = factor;
        return this;
    }

    ScenarioPlan absent(When when) {
        absent = when;
        return this;
    }

    /** Where a gradient has an element that is NaN or infinite. */
    ScenarioPlan bad(When when) {
        bad = when;
        return this;
    }

    ScenarioPlan curved(When when) {
        curved = when;
        return this;
    }

    /** One more group. */
    ScenarioPlan and(UpdateRule other, List<Shape> itsSizes) {
        groups.add(group(other, itsSizes));
        return this;
    }

    /** What happens before a step of that number. */
    ScenarioPlan beforeSteps(Map<Integer, Scenario.Action> actions) {
        beforeSteps = actions;
        return this;
    }

    /** Parameters without a dimension or with one. */
    static List<Shape> vectors(int... elements) {
        return Arrays.stream(elements).mapToObj(Scenario.Tensor::vector).toList();
    }

    /** A companion, whose passes run before every other step. */
    ScenarioPlan beside(UpdateRule companion) {
        companions = List.of(companion);
        return passes(companion.passes());
    }

    /**
     * Passes that run before every other step, in their order, those that go with steps apart. If
     * one reads averages, every parameter of the first group has one.
     */
    ScenarioPlan passes(List<Pass> some) {
        if (some.stream().anyMatch(Pass::readsAverages)) {
            types = types.stream().map(Scenario.Types::averaged).toList();
        }
        passes = some.stream().filter(pass -> pass.timing() == Pass.Timing.REQUESTED).toList();
        return this;
    }

    private Scenario.Group group(UpdateRule ofGroup, List<Shape> itsSizes) {
        var start = new Values(values, 1);
        var tensors = new ArrayList<Scenario.Tensor>();
        for (int i = 0; i < itsSizes.size(); i++) {
            var ofTensor = types.get(i % types.size());
            tensors.add(new Scenario.Tensor(itsSizes.get(i), offset, start, ofTensor));
        }
        return new Scenario.Group(ofGroup, tensors);
    }

    Scenario scenario() {
        var all = new ArrayList<Scenario.Group>();
        all.add(group(rule, sizes));
        all.addAll(groups);
        int tensors = all.stream().mapToInt(group -> group.tensors().size()).sum();
        var actions = new ArrayList<Scenario.Action>();
        for (int step = 1; step <= steps; step++) {
            Optional.ofNullable(beforeSteps.get(step)).ifPresent(actions::add);
            if (step % 2 == 1) {
                addPasses(actions, step, tensors);
            }
            actions.add(new Scenario.Step(gradients(step, tensors)));
        }
        actions.add(Math.ceilDiv(actions.size(), 2), new Scenario.SaveAndSwap());
        return new Scenario(title, settings, companions, all, actions);
    }

    /** One that another closes is run with that one; between them the gradients are others. */
    private void addPasses(List<Scenario.Action> actions, int step, int tensors) {
        var closing = passes.stream().flatMap(pass -> pass.closing().stream()).toList();
        int visits = 0;
        for (var pass : passes) {
            if (!closing.contains(pass.name())) {
                visits += 2;
                actions.add(
                        new Scenario.Passes(
                                pass.name(),
                                gradients(step + 100 * visits, tensors),
                                pass.closing(),
                                gradients(step + 100 * (visits + 1), tensors)));
            }
        }
    }

    private List<Scenario.Gradient> gradients(int step, int tensors) {
        return IntStream.range(0, tensors).mapToObj(tensor -> gradient(step, tensor)).toList();
    }

    private Scenario.Gradient gradient(int step, int tensor) {
        var kind = bad.test(step, tensor) ? Values.Kind.ONE_BAD : gradients;
        return new Scenario.Gradient(
                absent.test(step, tensor) ? Scenario.Source.ABSENT : Scenario.Source.FRESH,
                offset,
                new Values(kind, 0.1f * scale, 1000 + step),
                curved.test(step, tensor)
                        ? Optional.of(new Values(curvatures, 0.01f * scale, 2000 + step))
                        : Optional.empty());
    }
}

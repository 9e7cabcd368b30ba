package org.panoptim.internal.lbfgs;

import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.ArenaSet;
import org.panoptim.spi.Cleanup;
import org.panoptim.tensor.StateTensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The gradient, the direction and the point, and what is done with them; each call is a pass of the
 * backend over all elements. The caller's gradients are read, and never written.
 */
final class Vectors implements AutoCloseable {

    private final Backend backend;
    private final List<Parameter> parameters;
    private final CallersMemory memory;
    private final int[] revisions;
    private final Vector gradient;
    private final Vector direction;
    private final PassSpace gradients;
    private final PassSpace directions;
    private final PassSpace points;
    private final StateTensor slope;
    private final StateTensor norm;
    private final StateTensor steep;
    private final StateTensor factor;
    private final StateTensor bound;
    private final StateTensor far;
    private final StateTensor t;
    private final Cleanup cleanup = new Cleanup();

    Vectors(
            Backend backend,
            List<Parameter> parameters,
            double toleranceGradient,
            CallersMemory memory) {
        this.backend = backend;
        this.parameters = parameters;
        this.memory = memory;
        revisions = new int[parameters.size()];
        // Of no parameter that was never set.
        Arrays.fill(revisions, -1);
        try {
            gradient = cleanup.keep(new Vector(backend, parameters));
            direction = cleanup.keep(new Vector(backend, parameters));
            gradients = cleanup.keep(space(new GradientRule(), gradient.parts()));
            for (int i = 0; i < parameters.size(); i++) {
                direction.parts().get(i).gradient(gradient.memory(i));
            }
            directions = cleanup.keep(ofDirection(new DirectionRule(toleranceGradient)));
            points =
                    cleanup.keep(
                            new PassSpace(
                                    backend,
                                    new PointRule(),
                                    alongDirection(),
                                    memory.valueArenas()));
        } catch (RuntimeException | Error e) {
            cleanup.runAfter(e);
            throw e;
        }
        slope = directions.state(DirectionRule.SLOPE);
        norm = directions.state(DirectionRule.NORM);
        steep = directions.state(DirectionRule.STEEP);
        factor = directions.state(DirectionRule.FACTOR);
        bound = directions.state(DirectionRule.BOUND);
        far = directions.state(DirectionRule.FAR);
        t = points.state(PointRule.T);
    }

    private PassSpace space(VectorRule rule, List<Parameter> over) {
        return new PassSpace(backend, rule, over, memory.arenas());
    }

    /** Passes of a rule over the direction as parameter and the gradient. */
    PassSpace ofDirection(VectorRule rule) {
        return new PassSpace(backend, rule, direction.parts(), new ArenaSet());
    }

    /** The caller's values, with their copies, and the direction as their gradient. */
    private List<Parameter> alongDirection() {
        var along = new ArrayList<Parameter>();
        for (int i = 0; i < parameters.size(); i++) {
            var like = parameters.get(i);
            var point = Parameter.of(like.name(), like.shape(), like.order(), like.value());
            if (like.copy().isPresent()) {
                point = point.copiedTo(like.copy().get());
            }
            along.add(point.gradient(direction.memory(i)));
        }
        return along;
    }

    /** Whether a framework captures the device's stream. */
    boolean isCapturing() {
        return points.isCapturing();
    }

    /** Takes the gradient that the caller's parameters hold; zeros of those that hold none. */
    void takeGradient() {
        memory.check();
        boolean changed = false;
        boolean complete = true;
        for (int i = 0; i < revisions.length; i++) {
            var theirs = parameters.get(i);
            complete &= theirs.hasGradient();
            if (theirs.revision() != revisions[i]) {
                var part = gradient.parts().get(i);
                theirs.gradient().ifPresentOrElse(part::gradient, part::clearGradient);
                revisions[i] = theirs.revision();
                changed = true;
            }
        }
        if (changed) {
            gradients.bind(memory.arenas());
        }
        if (!complete) {
            gradients.run(GradientRule.CLEAR);
        }
        gradients.run(GradientRule.TAKE);
    }

    /** Keeps the gradient in one of two places. */
    void keepGradient(int place) {
        gradients.run(GradientRule.KEEP.get(place));
    }

    /** Takes a gradient that was kept. */
    void useGradient(int place) {
        gradients.run(GradientRule.USE.get(place));
    }

    /** The direction becomes that of steepest descent. */
    void descend() {
        directions.run(DirectionRule.DESCEND);
    }

    /** Measures the gradient, along the direction too. */
    Measures measure() {
        directions.run(DirectionRule.MEASURE);
        return new Measures(slope.value(), norm.value(), steep.value() == 0);
    }

    /** Whether no element of so much of the direction is beyond a bound, computed in float32. */
    boolean isWithin(double multiple, float limit) {
        factor.value(multiple);
        bound.value(limit);
        directions.run(DirectionRule.REACH);
        return far.value() == 0;
    }

    /** Moves the parameters from where they are, which is remembered, along the direction. */
    void depart(double multiple) {
        move(PointRule.DEPART, multiple);
    }

    /** Moves the parameters from where they departed. */
    void move(double multiple) {
        move(PointRule.MOVE, multiple);
    }

    private void move(String pass, double multiple) {
        memory.checkValues();
        t.value(multiple);
        points.run(pass);
        memory.written();
    }

    /** Moves the parameters back to where they departed. */
    void restore() {
        memory.checkValues();
        points.run(PointRule.RESTORE);
        memory.written();
    }

    /** A parameter's part of the direction, for a checkpoint. */
    StateTensor directionState(int parameter) {
        return direction.state(parameter);
    }

    /** The caller's parameters. */
    List<Parameter> parameters() {
        return parameters;
    }

    @Override
    public void close() {
        cleanup.run();
    }
}

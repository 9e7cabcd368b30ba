package org.panoptim.rule;

import static org.panoptim.parameter.Tensors.curvature;
import static org.panoptim.parameter.Tensors.fitting;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.schedule.Schedule;

import java.util.List;

/**
 * One vector, or row of a matrix where a rule takes no vectors, under one rule on the reference
 * backend, to be followed by hand.
 */
final class Trial implements AutoCloseable {

    private final Backend backend = Backend.named("reference");
    private final Parameter parameter;
    private final Optimizer optimizer;

    Trial(UpdateRule rule, float... start) {
        this(rule, Schedule.constant(), start);
    }

    Trial(UpdateRule rule, Schedule schedule, float... start) {
        parameter = fitting(rule, "p", start);
        optimizer =
                Optimizer.builder(rule)
                        .group("all", List.of(parameter))
                        .schedule(schedule)
                        .backend(backend)
                        .build();
    }

    void step(float... gradient) {
        gradient(parameter, gradient);
        optimizer.step();
    }

    void step(float[] gradient, float[] curvature) {
        curvature(parameter, curvature);
        step(gradient);
    }

    void run(String pass) {
        optimizer.run(pass);
    }

    float[] value() {
        return values(parameter);
    }

    float[] state(String slot) {
        return optimizer.state("p", slot).toArray();
    }

    double number(String slot) {
        return optimizer.state("p", slot).value();
    }

    double ruleState(String slot) {
        return optimizer.ruleState("all", slot).value();
    }

    void setRuleState(String slot, double value) {
        optimizer.ruleState("all", slot).value(value);
    }

    void set(String slot, float... values) {
        optimizer.state("p", slot).set(values);
    }

    @Override
    public void close() {
        optimizer.close();
        backend.close();
    }
}

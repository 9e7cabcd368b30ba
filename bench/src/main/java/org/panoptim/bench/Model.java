package org.panoptim.bench;

import org.panoptim.backend.Backend;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.parameter.Parameter;

import java.util.List;

/**
 * A workload's tensors where a backend computes on them: values and gradients, filled from a seed
 * with the same numbers wherever they are.
 */
sealed interface Model extends AutoCloseable permits HostModel, DeviceModel {

    /** The seed of the values. */
    long VALUES = 1;

    /** The seed of the gradients. */
    long GRADIENTS = 2;

    /** The tensors of a workload for a backend, which is closed after them. */
    static Model of(Workload workload, Scenario scenario, Backend backend) {
        return backend instanceof CudaBackend cuda
                ? new DeviceModel(cuda, workload.groups(), scenario)
                : new HostModel(workload, scenario);
    }

    /** The parameters by group. */
    List<List<Parameter>> groups();

    /** The parameters of all groups, in order. */
    default List<Parameter> parameters() {
        return groups().stream().flatMap(List::stream).toList();
    }

    /** The number of elements of all tensors. */
    default long elements() {
        return parameters().stream().mapToLong(Parameter::elements).sum();
    }

    /** An element of a tensor, behind all steps that were taken so far. */
    float value(int tensor, long index);

    /** An element of a tensor's gradient, behind all steps that were taken so far. */
    float gradient(int tensor, long index);

    /** Sets an element of a tensor's gradient. */
    void setGradient(int tensor, long index, float gradient);

    /** Gives the gradients their first values again. */
    void refillGradients();

    /**
     * The same before each step that zeroes gradients, if that is no more than a copy within a
     * device's memory; a host would spend more time on it than on the step.
     */
    void refillBeforeStep();

    /** Waits until all steps that were taken so far are done. */
    void awaitSteps();

    @Override
    void close();
}

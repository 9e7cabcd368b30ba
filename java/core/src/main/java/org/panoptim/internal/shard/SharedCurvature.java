package org.panoptim.internal.shard;

import org.panoptim.parameter.Parameter;
import org.panoptim.spi.ShareTransfer;
import org.panoptim.spi.SharedArray;
import org.panoptim.spi.Shares;

import java.util.List;
import java.util.Optional;

/**
 * Curvature that comes with some micro-batches. A step goes by the mean over all leaves, as DDP
 * makes one of the gradients that Sophia's program squares; it is added up as gradients are. The
 * caller's arrays are only read: what the step finds at the parameters is memory of this.
 */
final class SharedCurvature {

    private final ShareTransfer transfer;
    private final Leaves leaves;

    /** Where a parameter's mean is put, of the parameter's type; an owner's part of it alone. */
    private final ParameterArrays means;

    private List<Parameter> handedIn = List.of();

    /**
     * None yet.
     *
     * @param transfer adds it up
     */
    SharedCurvature(ShareTransfer transfer) {
        this.transfer = transfer;
        leaves = new Leaves(transfer);
        means = new ParameterArrays(transfer, Parameter::dtype);
    }

    /**
     * Checks what comes with a leaf.
     *
     * @param curved the parameters that have curvature
     * @param before how many leaves of gradients came before it
     * @throws IllegalStateException if other parameters had curvature in the first one, or it came
     *     already with leaves whose gradients a pass has used up
     */
    void check(List<Parameter> curved, int before) {
        if (isKept(before)) {
            if (!curved.isEmpty()) {
                throw new IllegalStateException(
                        "parameter '%s' has curvature, which came already with gradients that a pass has used up; hand it in once for each step"
                                .formatted(curved.getFirst().name()));
            }
        } else if (before > 0 && !leaves.parameters().equals(curved)) {
            throw new IllegalStateException(
                    "other parameters have curvature than in the first leaf of the step; "
                            + Sharding.ANEW);
        }
    }

    /** Whether it is complete, and waits for the step while a pass has used up its gradients. */
    private boolean isKept(int before) {
        return leaves.count() > before;
    }

    /** Takes up what comes with a leaf, once it was checked. */
    void add(List<Parameter> curved, int before) {
        if (!isKept(before)) {
            leaves.add(curved, SharedArray::curvature, false);
        }
    }

    /** A pass has used up the gradients of the leaves that have come. */
    void keep() {
        if (leaves.parameters().isEmpty()) {
            leaves.clear();
        }
    }

    /** Drops what has come with leaves. */
    void discard() {
        leaves.clear();
    }

    /** Whether there is any, of leaves or of parameters. */
    boolean isThere(List<Parameter> parameters) {
        return !leaves.parameters().isEmpty()
                || parameters.stream().anyMatch(Parameter::hasCurvature);
    }

    /** Whether this member has any of a parameter for the coming step. */
    boolean has(Parameter parameter) {
        return leaves.count() == 0 ? parameter.hasCurvature() : leaves.has(parameter);
    }

    /** Whether a parameter was handed curvature after the leaves were taken up. */
    boolean isLate(List<Parameter> parameters) {
        return leaves.count() > 0 && parameters.stream().anyMatch(Parameter::hasCurvature);
    }

    /**
     * Brings it to its owners, and hands the parameters the means, which are there when the
     * transfer says so.
     *
     * @param curved the parameters that have it
     * @param count leaves of all members
     */
    void exchange(Shares shares, List<Parameter> curved, int count) {
        means.ensure(curved);
        transfer.bringMeans(
                shares,
                curved,
                leaves.count() > 0 ? leaves::sum : SharedArray::curvature,
                means::get,
                count);
        leaves.clear();
        curved.forEach(parameter -> parameter.curvature(means.get(parameter).memory()));
        handedIn = curved;
    }

    /** Takes means away from parameters that a step has left them with. */
    void takeBack() {
        for (var parameter : handedIn) {
            if (parameter.curvature().equals(Optional.of(means.get(parameter).memory()))) {
                parameter.clearCurvature();
            }
        }
        handedIn = List.of();
    }
}

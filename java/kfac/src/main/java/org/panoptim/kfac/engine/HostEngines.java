package org.panoptim.kfac.engine;

import org.panoptim.matrix.HostMatrices;

import java.util.List;

/** Kronecker factors in host memory, over the linear algebra of a backend. */
record HostEngines(HostMatrices matrices) implements FactorEngines {

    @Override
    public KroneckerEngine open(KroneckerPlan plan) {
        return matrices.open(
                onClose ->
                        new HostKronecker(plan, matrices.algebra(), matrices.parallel(), onClose));
    }

    @Override
    public FisherEngine open(FisherPlan plan) {
        return matrices.open(onClose -> new HostFisher(plan, onClose));
    }

    @Override
    public List<String> explain() {
        return matrices.explain();
    }
}

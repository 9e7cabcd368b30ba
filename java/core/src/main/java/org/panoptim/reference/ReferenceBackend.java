package org.panoptim.reference;

import org.panoptim.backend.Backend;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.UseCount;
import org.panoptim.spi.kronecker.FisherEngine;
import org.panoptim.spi.kronecker.FisherPlan;
import org.panoptim.spi.kronecker.HostFisher;
import org.panoptim.spi.kronecker.HostKronecker;
import org.panoptim.spi.kronecker.KroneckerEngine;
import org.panoptim.spi.kronecker.KroneckerPlan;
import org.panoptim.spi.kronecker.Parallel;
import org.panoptim.spi.kronecker.PlainKroneckerAlgebra;

import java.util.List;

/** The backend in plain Java. */
final class ReferenceBackend implements Backend {

    static final String NAME = "reference";
    static final String DESCRIPTION = "plain Java, one thread";

    private final UseCount uses = new UseCount(NAME);

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public String description() {
        return DESCRIPTION;
    }

    @Override
    public Execution open(StepPlan plan) {
        return uses.open(() -> new ReferenceExecution(plan, uses::release));
    }

    @Override
    public List<String> explainFactors() {
        return List.of("plain Java, in double");
    }

    @Override
    public KroneckerEngine open(KroneckerPlan plan) {
        return uses.open(
                () ->
                        new HostKronecker(
                                plan, new PlainKroneckerAlgebra(), Parallel.SERIAL, uses::release));
    }

    @Override
    public FisherEngine open(FisherPlan plan) {
        return uses.open(() -> new HostFisher(plan, uses::release));
    }

    @Override
    public void close() {
        uses.close();
    }
}

package org.panoptim.reference;

import org.panoptim.backend.Backend;
import org.panoptim.matrix.HostMatrices;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.UseCount;

import java.util.Objects;
import java.util.Optional;

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
        return uses.open(
                () -> new ReferenceExecution(plan, new PlainMatrices(uses), uses::release));
    }

    @Override
    public <T> Optional<T> extension(Class<T> type) {
        return Objects.requireNonNull(type, "type") == HostMatrices.class
                ? Optional.of(type.cast(new PlainMatrices(uses)))
                : Optional.empty();
    }

    @Override
    public void close() {
        uses.close();
    }
}

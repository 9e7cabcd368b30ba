package org.panoptim.reference;

import org.panoptim.matrix.HostAlgebra;
import org.panoptim.matrix.HostMatrices;
import org.panoptim.matrix.Parallel;
import org.panoptim.matrix.PlainHostAlgebra;
import org.panoptim.spi.UseCount;

import java.util.List;
import java.util.function.Function;

/** The reference's linear algebra. */
record PlainMatrices(UseCount uses) implements HostMatrices {

    @Override
    public HostAlgebra algebra() {
        return new PlainHostAlgebra();
    }

    @Override
    public Parallel parallel() {
        return Parallel.SERIAL;
    }

    @Override
    public List<String> explain() {
        return List.of("plain Java, in double");
    }

    @Override
    public <T> T open(Function<Runnable, T> opener) {
        return uses.open(() -> opener.apply(uses::release));
    }
}

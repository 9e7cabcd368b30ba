package org.panoptim.simd;

import org.panoptim.matrix.HostAlgebra;
import org.panoptim.matrix.HostMatrices;
import org.panoptim.matrix.Parallel;
import org.panoptim.matrix.PlainHostAlgebra;
import org.panoptim.spi.UseCount;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Linear algebra over OpenBLAS, or in plain Java where there is none, on the backend's threads. */
record SimdMatrices(Tier tier, Workers workers, UseCount uses) implements HostMatrices {

    @Override
    public HostAlgebra algebra() {
        return OpenBlasLibrary.get()
                .functions()
                .<HostAlgebra>map(blas -> new OpenBlasAlgebra(blas, tier))
                .orElseGet(PlainHostAlgebra::new);
    }

    @Override
    public Parallel parallel() {
        return (count, body) -> workers.run(body::accept, count);
    }

    @Override
    public List<String> explain() {
        var lines = new ArrayList<>(OpenBlasLibrary.get().tried());
        if (OpenBlasLibrary.get().functions().isEmpty()) {
            lines.add("plain Java, which is slow");
        }
        return lines;
    }

    @Override
    public <T> T open(Function<Runnable, T> opener) {
        return uses.open(() -> opener.apply(uses::release));
    }
}

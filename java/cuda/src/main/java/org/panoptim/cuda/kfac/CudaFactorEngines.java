package org.panoptim.cuda.kfac;

import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.driver.CudaUnavailableException;
import org.panoptim.kfac.engine.FactorEngines;
import org.panoptim.kfac.engine.FisherEngine;
import org.panoptim.kfac.engine.FisherPlan;
import org.panoptim.kfac.engine.KroneckerEngine;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.spi.UseCount;

import java.util.ArrayList;
import java.util.List;

/** Kronecker factors on a device. */
public record CudaFactorEngines(DeviceContext context, UseCount uses) implements FactorEngines {

    @Override
    public KroneckerEngine open(KroneckerPlan plan) {
        return uses.open(
                () -> context.call(() -> new CudaKroneckerEngine(context, plan, uses::release)));
    }

    @Override
    public FisherEngine open(FisherPlan plan) {
        return uses.open(
                () -> context.call(() -> new CudaFisherEngine(context, plan, uses::release)));
    }

    @Override
    public List<String> explain() {
        try {
            return List.of(context.call(() -> context.loadedBlas().description()));
        } catch (CudaUnavailableException e) {
            var lines = new ArrayList<>(List.of("none, since " + e.reason()));
            lines.addAll(e.tried());
            return lines;
        } catch (CudaException e) {
            return List.of("none, since " + e.getMessage());
        }
    }
}

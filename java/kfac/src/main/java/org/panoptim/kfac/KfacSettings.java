package org.panoptim.kfac;

import java.util.LinkedHashMap;
import java.util.SequencedMap;

/**
 * How K-FAC works.
 *
 * @param damping γ of the whole block, above 0; a factor is damped with its square root
 * @param piCorrection whether damping is shared out between a layer's two factors by their traces
 * @param factorDecay β of the factors' averages, for one step, in [0, 1)
 * @param klClip κ, above 0; infinity: no clipping
 * @param factorPeriod steps from one update of the factors to the next, at least 1
 * @param inversePeriod steps from one refresh of the inverses to the next, at least 1
 * @param tolerance the largest certified error of an inverse that is used, above 0
 * @param newtonError the certified error that Newton's method must reach where it is tried, above
 *     0; 0: it is never tried
 */
record KfacSettings(
        double damping,
        boolean piCorrection,
        double factorDecay,
        double klClip,
        int factorPeriod,
        int inversePeriod,
        double tolerance,
        double newtonError) {

    static final KfacSettings DEFAULTS = new KfacSettings(1e-3, true, .95, 1e-3, 1, 10, .25, 0);

    KfacSettings {
        require("damping", damping > 0 && Double.isFinite(damping), "finite and above 0", damping);
        require("factorDecay", factorDecay >= 0 && factorDecay < 1, "in [0, 1)", factorDecay);
        require("klClip", klClip > 0, "above 0", klClip);
        require("factorPeriod", factorPeriod >= 1, "at least 1", factorPeriod);
        require("inversePeriod", inversePeriod >= 1, "at least 1", inversePeriod);
        require("tolerance", tolerance > 0, "above 0", tolerance);
        require("newtonError", newtonError >= 0, "at least 0", newtonError);
    }

    private static void require(String name, boolean holds, String rule, double value) {
        if (!holds) {
            throw new IllegalArgumentException(name + " must be " + rule + ", but is " + value);
        }
    }

    KfacSettings withDamping(double value) {
        return new KfacSettings(
                value,
                piCorrection,
                factorDecay,
                klClip,
                factorPeriod,
                inversePeriod,
                tolerance,
                newtonError);
    }

    /** Each by its name in plain English. */
    SequencedMap<String, String> named() {
        var found = new LinkedHashMap<String, String>();
        found.put("K-FAC's damping", String.valueOf(damping));
        found.put("K-FAC's pi correction", String.valueOf(piCorrection));
        found.put("K-FAC's factor decay", String.valueOf(factorDecay));
        found.put("K-FAC's KL clip", String.valueOf(klClip));
        found.put("K-FAC's factor period", String.valueOf(factorPeriod));
        found.put("K-FAC's inverse period", String.valueOf(inversePeriod));
        found.put("K-FAC's tolerance", String.valueOf(tolerance));
        found.put("K-FAC's Newton error", String.valueOf(newtonError));
        return found;
    }

    /** The decay from one update of the factors to the next. */
    double decayOfUpdate() {
        return StrictMath.pow(factorDecay, factorPeriod);
    }
}

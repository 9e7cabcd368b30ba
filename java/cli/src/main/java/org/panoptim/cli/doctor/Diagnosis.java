package org.panoptim.cli.doctor;

import org.panoptim.backend.Backend;
import org.panoptim.backend.BackendStatus;
import org.panoptim.backend.BackendUnavailableException;
import org.panoptim.backend.Backends;
import org.panoptim.cli.Machine;
import org.panoptim.cli.Version;
import org.panoptim.kfac.engine.FactorEngines;

import java.util.List;
import java.util.Optional;

/**
 * What works on this machine, and why the rest does not.
 *
 * @param version Panoptim's
 * @param backends the fastest first
 */
public record Diagnosis(String version, Machine machine, List<Finding> backends) {

    /** Copies the list. */
    public Diagnosis {
        backends = List.copyOf(backends);
    }

    /**
     * A backend.
     *
     * @param factors what it computes Kronecker factors with, and what was tried for that; nothing
     *     if the backend does not work
     */
    public record Finding(BackendStatus status, List<String> factors) {

        /** Copies the list. */
        public Finding {
            factors = List.copyOf(factors);
        }
    }

    /** Tries everything out. */
    public static Diagnosis make() {
        return new Diagnosis(
                Version.current(),
                Machine.current(),
                Backends.explain().stream()
                        .map(status -> new Finding(status, factors(status)))
                        .toList());
    }

    private static List<String> factors(BackendStatus status) {
        if (!status.available()) {
            return List.of();
        }
        try (var backend = Backend.named(status.name())) {
            return FactorEngines.of(backend).explain();
        } catch (BackendUnavailableException e) {
            return List.of("unknown, since the backend cannot be opened: " + e.getMessage());
        }
    }

    /** The name of the backend that is taken unless another is named. */
    public Optional<String> best() {
        return backends.stream()
                .map(Finding::status)
                .filter(BackendStatus::available)
                .map(BackendStatus::name)
                .findFirst();
    }
}

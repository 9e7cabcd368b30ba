package org.panoptim.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.matrix.HostMatrices;

import java.util.ArrayList;
import java.util.List;

/** What the backend offers beside steps. */
class ReferenceBackendTest {

    @Test
    void itsMatricesAreComputedInPlainJavaOnTheCallersThread() {
        try (var backend = Backend.named("reference")) {
            var matrices = backend.extension(HostMatrices.class).orElseThrow();
            assertThat(matrices.algebra().name()).isEqualTo("plain Java");
            assertThat(matrices.explain()).containsExactly("plain Java, in double");
            var pieces = new ArrayList<String>();
            matrices.parallel()
                    .forEach(3, piece -> pieces.add(piece + Thread.currentThread().getName()));
            var thread = Thread.currentThread().getName();
            assertThat(pieces).isEqualTo(List.of(0 + thread, 1 + thread, 2 + thread));
        }
    }

    @Test
    void itHasNoOtherExtension() {
        try (var backend = Backend.named("reference")) {
            assertThat(backend.extension(Runnable.class)).isEmpty();
        }
    }

    @Test
    void whoeverUsesItsMatricesKeepsItOpen() {
        var backend = Backend.named("reference");
        var matrices = backend.extension(HostMatrices.class).orElseThrow();
        Runnable release = matrices.open(whenClosed -> whenClosed);
        assertThatThrownBy(backend::close)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("is still used by 1 ");
        release.run();
        backend.close();
        assertThatThrownBy(() -> matrices.open(whenClosed -> whenClosed))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("backend reference is closed");
    }
}

package org.panoptim.reference;

import org.panoptim.backend.Backend;
import org.panoptim.backend.BackendProvider;
import org.panoptim.backend.BackendStatus;

import java.util.List;

/** Offers the reference backend; it works everywhere and is preferred to nothing. */
public final class ReferenceProvider implements BackendProvider {

    /** Called by the service loader. */
    public ReferenceProvider() {}

    @Override
    public String name() {
        return ReferenceBackend.NAME;
    }

    @Override
    public int preference() {
        return 0;
    }

    @Override
    public boolean usesNativeCode() {
        return false;
    }

    @Override
    public BackendStatus probe() {
        return new BackendStatus(
                name(), true, ReferenceBackend.DESCRIPTION, List.of("plain Java: always there"));
    }

    @Override
    public Backend open() {
        return new ReferenceBackend();
    }
}

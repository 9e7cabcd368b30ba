package org.panoptim;

import org.panoptim.spi.PartialChangeException;

/** A captured step that keeps to its optimizer's thread and life. */
record OwnedCapture(Ownership ownership, CapturedStep captured) implements CapturedStep {

    @Override
    public void launch() {
        ownership.enter();
        try {
            captured.launch();
        } catch (PartialChangeException e) {
            throw ownership.fail(e);
        } finally {
            ownership.exit();
        }
    }

    @Override
    public void close() {
        if (ownership.isClosed()) {
            // The execution freed it.
            return;
        }
        ownership.enterToClose();
        try {
            captured.close();
        } finally {
            ownership.exit();
        }
    }
}

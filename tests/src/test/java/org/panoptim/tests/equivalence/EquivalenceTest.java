package org.panoptim.tests.equivalence;

import net.jqwik.api.Arbitrary;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

import java.util.List;

/** Generated runs: every backend gives the reference's bits after every action. */
class EquivalenceTest {

    private final List<Contender> challengers = Contenders.challengers();

    @Property(tries = 400, edgeCases = EdgeCasesMode.NONE)
    void everyBackendGivesTheBitsOfTheReference(@ForAll("cases") Case play) {
        Play.compare(play, challengers);
    }

    @Provide
    Arbitrary<Case> cases() {
        return Cases.over(Cases.rules());
    }
}

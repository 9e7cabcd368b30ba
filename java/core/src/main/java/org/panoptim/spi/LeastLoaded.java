package org.panoptim.spi;

import java.util.Comparator;
import java.util.List;
import java.util.function.ObjIntConsumer;

/** Gives work to members of a team one by one, each piece to who has the least to do so far. */
final class LeastLoaded {

    private final double[] loads;

    LeastLoaded(int members) {
        loads = new double[members];
    }

    /**
     * Shares out pieces that are known at once: the most expensive first, of equal ones the first
     * that came, and of members with equally little to do the first.
     *
     * @param owned takes down who has what
     */
    void share(List<WholeParameters> pieces, ObjIntConsumer<WholeParameters> owned) {
        var order = Comparator.comparingDouble(WholeParameters::cost).reversed();
        for (var piece : pieces.stream().sorted(order).toList()) {
            int owner = 0;
            for (int member = 1; member < loads.length; member++) {
                owner = loads[member] < loads[owner] ? member : owner;
            }
            loads[owner] += piece.cost();
            owned.accept(piece, owner);
        }
    }
}

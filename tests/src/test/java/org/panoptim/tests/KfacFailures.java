package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.panoptim.shard.ForwardingTeam;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.shard.Transfer;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Lets a member give up at each call in a step of a net that K-FAC preconditions. */
public final class KfacFailures {

    private KfacFailures() {}

    /** What became of a step on a member, in the order in which giving up leads to it. */
    public enum Outcome {
        /** It failed, and no byte is another than before. */
        UNCHANGED,
        /** It failed, and the optimizer takes no other. */
        UNUSABLE,
        /** It was taken. */
        TAKEN
    }

    /** A member that gives up at one of its calls. */
    static final class Mortal extends ForwardingTeam {

        private int left = -1;

        Mortal(Team member) {
            super(member);
        }

        /** Gives up at so many calls from now. */
        void giveUpAt(int call) {
            left = call;
        }

        boolean isAlive() {
            return left != 0;
        }

        @Override
        protected Transfer begin(
                Team over, List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
            if (left > 0 && --left == 0) {
                abort("planted");
            }
            return super.begin(over, sent, received);
        }
    }

    /**
     * What becomes of a step of two members, of which one gives up: at its first call, its second,
     * and so on up to a step in which it does not come to so many.
     *
     * @param taken steps before, of which every other one refreshes inverses
     */
    public static List<Outcome> outcomes(String backend, int taken) throws Exception {
        var outcomes = new ArrayList<Outcome>();
        for (int call = 1; ; call++) {
            int number = call;
            var found = KfacNet.onAll(2, member -> outcome(backend, taken, member, number));
            assertThat(found).as("at call %d", call).containsOnly(found.getFirst());
            outcomes.add(found.getFirst());
            if (found.getFirst() == Outcome.TAKEN) {
                return outcomes;
            }
        }
    }

    private static Outcome outcome(String backend, int taken, Team member, int call) {
        var mortal = new Mortal(member);
        try (var net =
                new KfacNet(
                        backend, kfac -> kfac, builder -> builder.shards(mortal, KfacNet.LEAVES))) {
            for (int step = 0; step < taken; step++) {
                net.step(mortal, 2 * step);
            }
            var values = net.values();
            var known = net.kfac.metadata();
            var states = states(net);
            if (member.rank() == 1) {
                mortal.giveUpAt(call);
            }
            try {
                net.step(mortal, 2 * taken);
                assertThat(mortal.isAlive()).isTrue();
                return Outcome.TAKEN;
            } catch (TeamException e) {
                assertThat(e).hasMessageContaining("planted");
                assertThat(net.values()).usingRecursiveComparison().isEqualTo(values);
                assertThat(net.kfac.metadata()).isEqualTo(known);
                assertThat(states(net)).isEqualTo(states);
                return Outcome.UNCHANGED;
            } catch (IllegalStateException e) {
                assertThat(e).hasStackTraceContaining("planted");
                assertThatThrownBy(net.optimizer::step).hasMessageContaining("unusable");
                return Outcome.UNUSABLE;
            }
        }
    }

    private static List<String> states(KfacNet net) {
        return net.kfac.states().stream().map(each -> Arrays.toString(each.toArray())).toList();
    }
}

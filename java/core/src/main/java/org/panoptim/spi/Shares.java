package org.panoptim.spi;

import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.LineRule;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.UpdateRule;
import org.panoptim.shard.Team;

import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Which elements of each parameter which member of a team owns: one stretch each, in the order of
 * the members, cut where a chunk of work ends, so that the sums over chunks are those of one
 * process. Every group is shared out by itself, by elements; of rules on matrices, and with sums
 * over rows or columns, by whole parameters. What a parameter's shares are does not change when
 * groups are added.
 */
public final class Shares {

    /** Parameters are cut at multiples of so many elements: of chunks on every backend. */
    public static final long UNIT = 1 << 16;

    private static final Shares WHOLE = new Shares(Optional.empty(), false, Map.of());

    private final Optional<Team> team;

    /** Whether no parameter is cut, whatever its rule. */
    private final boolean allWhole;

    /** Where the shares of members begin, and at last where the parameter ends. */
    private final Map<Parameter, long[]> boundaries;

    private Shares(Optional<Team> team, boolean allWhole, Map<Parameter, long[]> boundaries) {
        this.team = team;
        this.allWhole = allWhole;
        this.boundaries = boundaries;
    }

    /** Nothing is shared: one process owns all. */
    public static Shares whole() {
        return WHOLE;
    }

    /**
     * The shares of a team in the parameters of groups.
     *
     * @param companions rules that go over the same parameters
     */
    public static Shares of(Team team, List<ParameterGroup> groups, List<UpdateRule> companions) {
        Objects.requireNonNull(team, "team");
        return of(team, groups, companions.stream().anyMatch(Shares::ownsWhole));
    }

    private static Shares of(Team team, List<ParameterGroup> groups, boolean allWhole) {
        var boundaries = new IdentityHashMap<Parameter, long[]>();
        for (var group : groups) {
            share(group, allWhole || ownsWhole(group.rule()), team.size(), boundaries);
        }
        return new Shares(Optional.of(team), allWhole, boundaries);
    }

    private static void share(
            ParameterGroup group, boolean whole, int members, Map<Parameter, long[]> boundaries) {
        double all = group.parameters().stream().mapToLong(Parameter::elements).sum();
        long before = 0;
        for (var parameter : group.parameters()) {
            long elements = parameter.elements();
            long unit = whole ? Math.max(1, elements) : UNIT;
            var begins = new long[members + 1];
            Arrays.fill(begins, elements);
            begins[0] = 0;
            // A unit belongs to the member in whose share of all elements its middle lies.
            int member = 0;
            for (long begin = 0; begin < elements; begin += unit) {
                double middle = before + begin + Math.min(unit, elements - begin) / 2.0;
                int owner = Math.min(members - 1, (int) (middle / all * members));
                while (member < owner) {
                    begins[++member] = begin;
                }
            }
            boundaries.put(parameter, begins);
            before += elements;
        }
    }

    private static boolean ownsWhole(UpdateRule rule) {
        return rule instanceof LineRule || rule instanceof MatrixRule;
    }

    /** These shares, and those in the parameters of groups that are added. */
    public Shares with(List<ParameterGroup> groups) {
        return team.map(members -> of(members, groups, allWhole)).orElse(this);
    }

    /** Who shares; nobody where one process owns all. */
    public Optional<Team> team() {
        return team;
    }

    /** The first element of a parameter that this member owns. */
    public long begin(Parameter parameter) {
        return team.isEmpty() ? 0 : begin(parameter, team.get().rank());
    }

    /** The element after the last one that this member owns. */
    public long end(Parameter parameter) {
        return team.isEmpty() ? parameter.elements() : begin(parameter, team.get().rank() + 1);
    }

    /** The first element of a parameter that a member owns, or of those after it. */
    public long begin(Parameter parameter, int rank) {
        var found = boundaries.get(parameter);
        if (found == null) {
            throw new IllegalArgumentException(parameter + " is not shared");
        }
        return found[rank];
    }
}

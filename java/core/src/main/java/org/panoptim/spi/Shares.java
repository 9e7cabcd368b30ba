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
 * process. Every group is shared out by itself, by elements, a region of parameters after another,
 * so that all members own something of the layers that a backward pass has just been through; of
 * rules on matrices, and with sums over rows or columns, by whole parameters, the most expensive
 * first, each to the member that has the least to do with whole parameters so far. What a
 * parameter's shares are does not change when groups are added.
 */
public final class Shares {

    /** Parameters are cut at multiples of so many elements: of chunks on every backend. */
    public static final long UNIT = 1 << 16;

    /** What a member sends all others at a time: 8 MB of floats. */
    private static final long SENT_AT_A_TIME = 32 * UNIT;

    private static final Shares WHOLE = new Shares(Optional.empty(), false, List.of(), Map.of());

    private final Optional<Team> team;

    /** Whether no parameter is cut, whatever its rule. */
    private final boolean allWhole;

    /** Those that a transform of gradients needs whole, whatever their rules. */
    private final List<WholeParameters> ofTransform;

    /** Where the shares of members begin, and at last where the parameter ends. */
    private final Map<Parameter, long[]> boundaries;

    private Shares(
            Optional<Team> team,
            boolean allWhole,
            List<WholeParameters> ofTransform,
            Map<Parameter, long[]> boundaries) {
        this.team = team;
        this.allWhole = allWhole;
        this.ofTransform = ofTransform;
        this.boundaries = boundaries;
    }

    /**
     * How many elements a member sends another one at a time: few enough that others are under way
     * meanwhile, and so many that a message does not cost more than its bytes. A region has at
     * least as many for each member.
     */
    public static long atATime(int members) {
        return Math.max(UNIT, SENT_AT_A_TIME / Math.max(1, members - 1));
    }

    /** Nothing is shared: one process owns all. */
    public static Shares whole() {
        return WHOLE;
    }

    /**
     * The shares of a team in the parameters of groups.
     *
     * @param companions rules that go over the same parameters
     * @param ofTransform what a transform of gradients needs whole, of the groups' parameters
     */
    public static Shares of(
            Team team,
            List<ParameterGroup> groups,
            List<UpdateRule> companions,
            List<WholeParameters> ofTransform) {
        Objects.requireNonNull(team, "team");
        boolean allWhole = companions.stream().anyMatch(Shares::ownsWhole);
        return of(team, groups, allWhole, List.copyOf(ofTransform));
    }

    /** What one member owns whole of each parameter, as is said here. */
    public static Shares of(Team team, Map<Parameter, Integer> owners) {
        var boundaries = new IdentityHashMap<Parameter, long[]>();
        owners.forEach((parameter, owner) -> give(parameter, owner, team, boundaries));
        return new Shares(Optional.of(team), true, List.of(), boundaries);
    }

    private static Shares of(
            Team team,
            List<ParameterGroup> groups,
            boolean allWhole,
            List<WholeParameters> ofTransform) {
        var boundaries = new IdentityHashMap<Parameter, long[]>();
        var owners = new LeastLoaded(team.size());
        owners.share(ofTransform, (piece, owner) -> give(piece, owner, team, boundaries));
        for (var group : groups) {
            var left =
                    group.parameters().stream()
                            .filter(parameter -> !boundaries.containsKey(parameter))
                            .toList();
            if (allWhole || ownsWhole(group.rule())) {
                owners.share(
                        left.stream()
                                .map(parameter -> WholeParameters.of(parameter, group.rule()))
                                .toList(),
                        (piece, owner) -> give(piece, owner, team, boundaries));
            } else {
                cut(left, team.size(), boundaries);
            }
        }
        return new Shares(Optional.of(team), allWhole, ofTransform, boundaries);
    }

    private static void give(
            WholeParameters piece, int owner, Team team, Map<Parameter, long[]> boundaries) {
        piece.parameters().forEach(parameter -> give(parameter, owner, team, boundaries));
    }

    private static void give(
            Parameter parameter, int owner, Team team, Map<Parameter, long[]> boundaries) {
        var begins = new long[team.size() + 1];
        Arrays.fill(begins, owner + 1, begins.length, parameter.elements());
        boundaries.put(parameter, begins);
    }

    private static void cut(
            List<Parameter> parameters, int members, Map<Parameter, long[]> boundaries) {
        var owed = new double[members];
        int from = 0;
        long elements = 0;
        long left = elements(parameters);
        for (int to = 0; to < parameters.size(); to++) {
            elements += parameters.get(to).elements();
            long after = left - elements;
            boolean last = to + 1 == parameters.size();
            if (last || Math.min(elements, after) >= members * atATime(members)) {
                cutRegion(parameters.subList(from, to + 1), owed, boundaries);
                from = to + 1;
                left = after;
                elements = 0;
            }
        }
    }

    private static long elements(List<Parameter> parameters) {
        return parameters.stream().mapToLong(Parameter::elements).sum();
    }

    /**
     * Shares out parameters that follow each other.
     *
     * @param owed how many elements less than the others each member has so far, since units are
     *     not divided; brought up to date
     */
    private static void cutRegion(
            List<Parameter> parameters, double[] owed, Map<Parameter, long[]> boundaries) {
        int members = owed.length;
        double fair = (double) elements(parameters) / members;
        var ends = new double[members];
        for (int member = 0; member < members; member++) {
            owed[member] += fair;
            ends[member] = owed[member] + (member == 0 ? 0 : ends[member - 1]);
        }
        long before = 0;
        int member = 0;
        for (var parameter : parameters) {
            long elements = parameter.elements();
            var begins = new long[members + 1];
            Arrays.fill(begins, elements);
            Arrays.fill(begins, 0, member + 1, 0);
            // A unit belongs to the member in whose share of the region its middle lies.
            for (long begin = 0; begin < elements; begin += UNIT) {
                long unit = Math.min(UNIT, elements - begin);
                while (member < members - 1 && before + begin + unit / 2.0 >= ends[member]) {
                    begins[++member] = begin;
                }
                owed[member] -= unit;
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
        return team.map(members -> of(members, groups, allWhole, ofTransform)).orElse(this);
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

    /** Whether this member owns an element of a parameter; of one without elements, it does. */
    public boolean owns(Parameter parameter) {
        return end(parameter) > begin(parameter) || parameter.elements() == 0;
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

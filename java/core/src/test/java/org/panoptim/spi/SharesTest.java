package org.panoptim.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Cubic;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;
import org.panoptim.shard.Team;
import org.panoptim.shard.Transfer;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/** Who owns what. */
class SharesTest {

    /** A member who is asked nothing but its number. */
    private record Member(int rank, int size) implements Team {

        @Override
        public Transfer begin(List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
            throw new AssertionError();
        }

        @Override
        public void abort(String reason) {
            throw new AssertionError();
        }

        @Override
        public Optional<String> end() {
            return Optional.empty();
        }

        @Override
        public Duration timeout() {
            return Duration.ZERO;
        }
    }

    private static final Team THREE = new Member(1, 3);

    private static Parameter parameter(long... dimensions) {
        var shape = Shape.of(dimensions);
        var bytes = shape.elements() * Float.BYTES;
        return Parameter.of("p" + shape, shape, new HostMemory(Arena.ofAuto().allocate(bytes, 64)));
    }

    private static ParameterGroup group(String name, UpdateRule rule, Parameter... parameters) {
        return new ParameterGroup(name, rule, List.of(parameters));
    }

    private static Shares shares(ParameterGroup... groups) {
        return Shares.of(THREE, List.of(groups), List.of(), List.of());
    }

    /** The members that own something of a parameter. */
    private static List<Integer> owners(Shares shares, Parameter parameter) {
        return IntStream.range(0, 3)
                .filter(
                        member ->
                                shares.begin(parameter, member)
                                        < shares.begin(parameter, member + 1))
                .boxed()
                .toList();
    }

    @Test
    void elementsAreCutAtUnits() {
        var large = parameter(3 * Shares.UNIT - 5);
        var small = parameter(3);
        var shares = shares(group("all", Rules.sgd(1), large, small));

        assertThat(IntStream.rangeClosed(0, 3).mapToLong(i -> shares.begin(large, i)))
                .containsExactly(0L, Shares.UNIT, 2 * Shares.UNIT, 3 * Shares.UNIT - 5);
        assertThat(owners(shares, small)).containsExactly(2);
        assertThat(shares.owns(large)).isTrue();
        assertThat(shares.owns(small)).isFalse();
    }

    /** How many elements a member owns of a parameter. */
    private static long owned(Shares shares, Parameter parameter, int member) {
        return shares.begin(parameter, member + 1) - shares.begin(parameter, member);
    }

    @Test
    void allMembersOwnSomethingOfEveryRegion() {
        // A region has 48 units for three members, and parameters are whole in it.
        var wide = parameter(80 * Shares.UNIT);
        var bias = parameter(7);
        var square = parameter(20 * Shares.UNIT);
        var second = parameter(28 * Shares.UNIT);
        var last = parameter(44 * Shares.UNIT);
        var shares = shares(group("all", Rules.sgd(1), wide, bias, square, second, last));

        assertThat(owners(shares, wide)).containsExactly(0, 1, 2);
        assertThat(owners(shares, bias)).containsExactly(0);
        assertThat(owners(shares, square)).containsExactly(0);
        assertThat(owners(shares, second)).containsExactly(0, 1);
        assertThat(owners(shares, last)).containsExactly(1, 2);
    }

    @Test
    void manyMembersSendAtLeastAUnitAtATime() {
        assertThat(Shares.atATime(2)).isEqualTo(32 * Shares.UNIT);
        assertThat(Shares.atATime(5)).isEqualTo(8 * Shares.UNIT);
        assertThat(Shares.atATime(1000)).isEqualTo(Shares.UNIT);
    }

    @Test
    void whatRegionsCannotDivideEvensOutOverThem() {
        var layers = new Parameter[10];
        Arrays.setAll(layers, _ -> parameter(49 * Shares.UNIT));
        var shares = shares(group("all", Rules.sgd(1), layers));

        for (int member = 0; member < 3; member++) {
            long all = 0;
            for (int place = 0; place < layers.length; place++) {
                all += owned(shares, layers[place], member);
                assertThat(Math.abs(3 * all - (place + 1) * 49 * Shares.UNIT))
                        .isLessThan(3 * Shares.UNIT);
            }
        }
    }

    @Test
    void matricesGoToWhoHasTheLeastToDoTheMostExpensiveFirst() {
        // 40 · 40 · 40 and 2 · 4000 · 2; the vector has the most elements.
        var vector = parameter(20_000);
        var wide = parameter(2, 4000);
        var square = parameter(40, 40);
        var small = parameter(30, 30);
        var shares = shares(group("all", new Cubic(1, false), wide, vector, small, square));

        assertThat(owners(shares, square)).containsExactly(0);
        assertThat(owners(shares, small)).containsExactly(1);
        assertThat(owners(shares, vector)).containsExactly(2);
        assertThat(owners(shares, wide)).containsExactly(2);
        assertThat(shares.begin(small, 1)).isZero();
        assertThat(shares.begin(small, 2)).isEqualTo(900);
    }

    @Test
    void rulesWithSumsOverLinesShareByElements() {
        var first = parameter(40, 40);
        var second = parameter(2, 900);
        var shares = shares(group("all", Rules.adafactor(1), first, second));

        assertThat(owners(shares, second)).containsExactly(0);
        assertThat(owners(shares, first)).containsExactly(1);
    }

    @Test
    void groupsOfOneMatrixAreSharedOutTogether() {
        var first = parameter(40, 40);
        var second = parameter(40, 40);
        var shares =
                shares(
                        group("first", new Cubic(1, false), first),
                        group("second", new Cubic(1, false), second));

        assertThat(owners(shares, first)).containsExactly(0);
        assertThat(owners(shares, second)).containsExactly(1);
    }

    @Test
    void aGroupThatIsAddedMovesNothing() {
        var first = parameter(30, 30);
        var second = parameter(20, 20);
        var before = group("first", new Cubic(1, false), first, second);
        var larger = parameter(40, 40);
        var shares =
                shares(before).with(List.of(before, group("second", new Cubic(1, false), larger)));

        assertThat(owners(shares, first)).containsExactly(0);
        assertThat(owners(shares, second)).containsExactly(1);
        assertThat(owners(shares, larger)).containsExactly(2);
    }

    @Test
    void whatATransformNeedsTogetherHasOneOwnerAndTheRestIsCut() {
        var weight = parameter(2 * Shares.UNIT);
        var bias = parameter(2);
        var other = parameter(3 * Shares.UNIT);
        var groups =
                List.of(
                        group("first", Rules.sgd(1), weight, other),
                        group("second", Rules.sgd(1), bias));
        var pieces =
                List.of(
                        new WholeParameters(List.of(other), 0),
                        new WholeParameters(List.of(weight, bias), 7));
        var shares = Shares.of(THREE, groups, List.of(), pieces.subList(1, 2)).with(groups);

        assertThat(owners(shares, weight)).containsExactly(0);
        assertThat(owners(shares, bias)).containsExactly(0);
        assertThat(owners(shares, other)).containsExactly(0, 1, 2);
        assertThat(owners(Shares.of(THREE, groups, List.of(), pieces), other)).containsExactly(1);
    }

    @Test
    void aCompanionWithSumsOverLinesCutsNothing() {
        var parameter = parameter(3 * Shares.UNIT);
        var groups = List.of(group("all", Rules.sgd(1), parameter));

        assertThat(
                        owners(
                                Shares.of(THREE, groups, List.of(Rules.adafactor(1)), List.of()),
                                parameter))
                .containsExactly(0);
    }

    @Test
    void wholeParametersAreThereAndCostSomething() {
        assertThatIllegalArgumentException().isThrownBy(() -> new WholeParameters(List.of(), 1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new WholeParameters(List.of(parameter(1)), Double.NaN));
    }
}

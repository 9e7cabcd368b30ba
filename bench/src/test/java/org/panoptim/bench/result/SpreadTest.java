package org.panoptim.bench.result;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class SpreadTest {

    @Test
    void hasTheMiddleAndTheEnds() {
        assertThat(Spread.of(new double[] {5, 1, 3})).isEqualTo(new Spread(3, 1, 5));
        assertThat(Spread.of(new double[] {4, 2}).times(.5)).isEqualTo(new Spread(2, 1, 2));
    }

    @Test
    void isApartOnlyWhereNoValuesMeet() {
        var spread = new Spread(2, 1, 3);
        assertThat(spread.isApartFrom(new Spread(5, 4, 6))).isTrue();
        assertThat(new Spread(5, 4, 6).isApartFrom(spread)).isTrue();
        assertThat(spread.isApartFrom(new Spread(4, 3, 5))).isFalse();
    }

    @Test
    void ofNothingIsRefused() {
        assertThatThrownBy(() -> Spread.of(new double[0]))
                .isInstanceOf(IllegalArgumentException.class);
    }
}

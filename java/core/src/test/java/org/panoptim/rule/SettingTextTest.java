package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Map;

class SettingTextTest {

    @Test
    void valuesAreReadAsTracesWriteThem() {
        assertThat(SettingText.number("1e-3")).isEqualTo(0.001);
        assertThat(SettingText.count("5")).isEqualTo(5);
        assertThat(SettingText.flag("true")).isTrue();
        assertThat(SettingText.flag("false")).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"inf", "Inf", "infinity", "Infinity", "INFINITY", "∞"})
    void infinityHasTheNamesThatPeopleGiveIt(String text) {
        assertThat(SettingText.number(text)).isEqualTo(Double.POSITIVE_INFINITY);
        assertThat(SettingText.number("+" + text)).isEqualTo(Double.POSITIVE_INFINITY);
        assertThat(SettingText.number("-" + text)).isEqualTo(Double.NEGATIVE_INFINITY);
        var rule = Rules.with(Prodigy.defaults(), Map.of("growth_rate", text));
        assertThat(rule.growthRate()).isEqualTo(Double.POSITIVE_INFINITY);
    }

    @Test
    void aSwitchIsAlsoOnOrOff() {
        assertThat(SettingText.flag("on")).isTrue();
        assertThat(SettingText.flag("off")).isFalse();
    }

    @Test
    void whatIsNoValueIsRefused() {
        assertRefused(() -> SettingText.number("one"), "must be a number, but is 'one'");
        assertRefused(() -> SettingText.count("1.5"), "must be a whole number, but is '1.5'");
        assertRefused(() -> SettingText.flag("yes"), "must be true or false, but is 'yes'");
    }

    @Test
    void ofASettingTheRangeIsSaidToo() {
        assertRefused(
                () -> Rules.with(Lookahead.defaults(), Map.of("k", "2.5")),
                "lookahead: k must be a whole number, at least 1, but is '2.5'");
        assertRefused(
                () -> Rules.with(Lookahead.defaults(), Map.of("alpha", "half")),
                "lookahead: alpha must be a number, in [0, 1], but is 'half'");
        assertRefused(
                () -> Rules.with(AdamW.defaults(), Map.of("lr", "1e300")),
                "adamw: lr must be in [0, 2^100], but is 1.0E300");
    }

    private static void assertRefused(ThrowingCallable call, String message) {
        assertThatThrownBy(call).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
    }
}

package org.panoptim.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

class MembershipTest {

    private static final Map<String, String> ENVIRONMENT =
            Map.of(
                    "RANK", "5",
                    "WORLD_SIZE", "8",
                    "LOCAL_RANK", "1",
                    "MASTER_ADDR", "first.example",
                    "MASTER_PORT", "29500");

    private static Map<String, String> with(String variable, String value) {
        var changed = new HashMap<>(ENVIRONMENT);
        changed.put(variable, value);
        return changed;
    }

    private static Map<String, String> without(String variable) {
        var changed = new HashMap<>(ENVIRONMENT);
        changed.remove(variable);
        return changed;
    }

    @Test
    void theEnvironmentSaysWhoOneIsAndWhereTheFirstIs() {
        assertThat(Membership.from(ENVIRONMENT))
                .isEqualTo(
                        new Membership(
                                "first.example",
                                29_500,
                                5,
                                8,
                                1,
                                Duration.ofMinutes(10),
                                "panoptim//",
                                false))
                .hasToString("member 5 of 8 at first.example:29500");
    }

    @Test
    void withoutAnotherNumberTheRankIsThatOnTheMachine() {
        assertThat(Membership.from(without("LOCAL_RANK")).localRank()).isEqualTo(5);
    }

    @Test
    void torchrunsAgentKeepsTheStoreForRunsThatItStartsAnew() {
        var environment = with("TORCHELASTIC_USE_AGENT_STORE", "True");
        environment.put("TORCHELASTIC_RUN_ID", "night");
        environment.put("TORCHELASTIC_RESTART_COUNT", "2");

        assertThat(Membership.from(environment))
                .returns(true, Membership::stored)
                .returns("panoptim/night/2", Membership::run);
        assertThat(Membership.from(with("TORCHELASTIC_USE_AGENT_STORE", "False")).stored())
                .isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"})
    void aVariableThatIsMissingIsNamed(String variable) {
        var message =
                variable
                        + " is not set: start the members with torchrun or set RANK, WORLD_SIZE,"
                        + " MASTER_ADDR and MASTER_PORT for each";
        assertThatIllegalStateException()
                .isThrownBy(() -> Membership.from(without(variable)))
                .withMessage(message);
        assertThatIllegalStateException()
                .isThrownBy(() -> Membership.from(with(variable, " ")))
                .withMessage(message);
    }

    @ParameterizedTest
    @ValueSource(strings = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_PORT"})
    void whatIsNoNumberIsNamed(String variable) {
        assertThatIllegalStateException()
                .isThrownBy(() -> Membership.from(with(variable, "two")))
                .withMessage(variable + " must be a number, but is 'two'");
    }

    @Test
    void numbersOutOfTheirRangeAreNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Membership.of("first", 1, 2, 2))
                .withMessage("rank must be from 0 to 1, but is 2");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Membership.of("first", 1, -1, 2))
                .withMessage("rank must be from 0 to 1, but is -1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Membership.of("first", 0, 0, 1))
                .withMessage("port must be from 1 to 65535, but is 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Membership.of("first", 65_536, 0, 1))
                .withMessage("port must be from 1 to 65535, but is 65536");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Membership.of("first", 1, 0, 0))
                .withMessage("size must be from 1 to 2147483647, but is 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Membership.from(with("LOCAL_RANK", "8")))
                .withMessage("localRank must be from 0 to 7, but is 8");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Membership.of("first", 1, 0, 1).withTimeout(Duration.ofNanos(9)))
                .withMessage("timeout must be a millisecond at least, but is PT0.000000009S");
    }
}

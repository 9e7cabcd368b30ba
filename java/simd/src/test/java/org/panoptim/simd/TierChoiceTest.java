package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.abi.natives.NativeCache;
import org.panoptim.backend.BackendUnavailableException;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Which instruction set is taken. */
class TierChoiceTest {

    private static final Map<String, String> CACHE =
            Map.of(NativeCache.PROPERTY, System.getProperty(NativeCache.PROPERTY));

    static Stream<Tier> usable() {
        return SimdBackend.usableTiers().stream();
    }

    /** There is always one: no processor has them all. */
    static Stream<Tier> unusable() {
        var usable = SimdBackend.usableTiers();
        return Stream.of(Tier.values()).filter(tier -> !usable.contains(tier));
    }

    @ParameterizedTest
    @MethodSource("usable")
    void theVariableForcesATier(Tier tier) throws Exception {
        var search = forced(tier.label());
        assertThat(search.available()).isTrue();
        assertThat(search.summary()).startsWith(tier.label() + ", ");
        assertThat(search.opened()).startsWith(tier.label() + ", ");
        assertThat(search.tried())
                .contains("PANOPTIM_SIMD=" + tier.label() + ": no other tier is tried")
                .endsWith("tier " + tier.label() + ": works");
    }

    @ParameterizedTest
    @MethodSource("unusable")
    void aForcedTierThatCannotRunHereIsNotReplacedByAnother(Tier tier) throws Exception {
        var search = forced(tier.label());
        assertThat(search.available()).isFalse();
        assertThat(search.tried())
                .endsWith("tier " + tier.label() + ": " + tier.obstacle().orElseThrow());
        assertThat(search.opened()).contains(tier.label(), tier.obstacle().orElseThrow());
        assertThat(search.best()).isEqualTo("reference");
    }

    @Test
    void anUnknownTierIsRefusedWithTheListOfTiers() throws Exception {
        var search = forced("avx3");
        assertThat(search.available()).isFalse();
        assertThat(search.summary()).contains("'avx3'", "avx512, avx2, neon, baseline");
        assertThat(search.opened()).contains("'avx3'");
        assertThat(search.best()).isEqualTo("reference");
        assertThat(search.lines())
                .filteredOn(line -> line.contains("WARNING"))
                .singleElement()
                .asString()
                .contains("simd", "'avx3'", "avx512, avx2, neon, baseline", "unset it");
    }

    @Test
    void anEmptyVariableIsAsGoodAsNone() throws Exception {
        var search = forced("");
        assertThat(search.opened()).startsWith(SimdBackend.usableTiers().getFirst().label() + ", ");
    }

    @Test
    void withoutTheVariableTheMostPreferredTierThatWorksIsTaken() throws Exception {
        var search = Search.with(CACHE, Map.of());
        var expected = SimdBackend.usableTiers().getFirst().label();
        assertThat(search.summary()).startsWith(expected + ", ");
        assertThat(search.opened()).isEqualTo(search.summary());
        assertThat(search.tried().stream().filter(line -> line.startsWith("tier ")))
                .hasSameSizeAs(Tier.values());
    }

    @ParameterizedTest
    @MethodSource("unusable")
    void openingATierThatCannotRunHereSaysWhy(Tier tier) {
        var options = SimdOptions.defaults().withTier(tier);
        assertThatThrownBy(() -> SimdBackend.open(options))
                .isInstanceOf(BackendUnavailableException.class)
                .hasMessageContainingAll(tier.label(), tier.obstacle().orElseThrow());
    }

    /** What the processor reports, which the probe must agree with. */
    @Test
    void theProbeAgreesWithTheOperatingSystem() throws Exception {
        var flags = Commands.run("cat", "/proc/cpuinfo").output();
        assertThat(usable().anyMatch(Tier.AVX2::equals))
                .isEqualTo(has(flags, "avx2") && has(flags, "fma"));
        assertThat(usable().anyMatch(Tier.AVX512::equals))
                .isEqualTo(
                        Stream.of("avx512f", "avx512vl", "avx512dq", "avx512bw", "avx2", "fma")
                                .allMatch(flag -> has(flags, flag)));
    }

    private static boolean has(String flags, String flag) {
        return List.of(flags.split("\\s+")).contains(flag);
    }

    private static Search forced(String label) throws Exception {
        return Search.with(CACHE, Map.of(SimdProvider.VARIABLE, label));
    }
}

package org.panoptim.simd;

import org.panoptim.backend.Backend;
import org.panoptim.backend.BackendProvider;
import org.panoptim.backend.BackendStatus;
import org.panoptim.backend.BackendUnavailableException;
import org.panoptim.simd.bindings.NativeLibrary;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Offers the SIMD backend. The environment variable {@code PANOPTIM_SIMD} forces a tier: {@code
 * avx512}, {@code avx2}, {@code baseline} or {@code neon}.
 */
public final class SimdProvider implements BackendProvider {

    /** The environment variable that forces a tier. */
    public static final String VARIABLE = "PANOPTIM_SIMD";

    private static final int PREFERENCE = 100;

    /** Called by the service loader. */
    public SimdProvider() {}

    @Override
    public String name() {
        return SimdBackend.NAME;
    }

    @Override
    public int preference() {
        return PREFERENCE;
    }

    @Override
    public BackendStatus probe() {
        return probe(forcedLabel());
    }

    /** An empty variable is as good as none. */
    private static Optional<String> forcedLabel() {
        return Optional.ofNullable(System.getenv(VARIABLE)).filter(label -> !label.isEmpty());
    }

    /** Tries out the forced tier, or all of them. */
    BackendStatus probe(Optional<String> forced) {
        var tried = new ArrayList<String>(NativeLibrary.get().tried());
        if (NativeLibrary.get().file().isEmpty()) {
            return broken(missing(NativeLibrary.platform(), NativeLibrary.packed()), tried);
        }
        try {
            var candidates =
                    forced.map(label -> List.of(Tier.labelled(label)))
                            .orElse(List.of(Tier.values()));
            forced.ifPresent(
                    label -> tried.add(VARIABLE + "=" + label + ": no other tier is tried"));
            var usable = new ArrayList<Tier>();
            for (var tier : candidates) {
                var obstacle = tier.obstacle();
                tried.add("tier " + tier.label() + ": " + obstacle.orElse("works"));
                if (obstacle.isEmpty()) {
                    usable.add(tier);
                }
            }
            return usable.isEmpty()
                    ? broken(
                            forced.map(
                                            label ->
                                                    "the tier that "
                                                            + VARIABLE
                                                            + " forces cannot run here; unset it"
                                                            + " for the best that can")
                                    .orElse("no tier can run on this machine"),
                            tried)
                    : new BackendStatus(
                            name(),
                            true,
                            SimdBackend.describe(
                                    usable.getFirst(), SimdOptions.defaults().threads()),
                            tried);
        } catch (IllegalArgumentException e) {
            tried.add(VARIABLE + ": " + e.getMessage() + "; unset it for the best that works");
            return broken(String.valueOf(e.getMessage()), tried);
        }
    }

    /**
     * Why there is no library.
     *
     * @param platform the one that this process runs on
     * @param packed those for which there is a library in a jar
     */
    static String missing(String platform, List<String> packed) {
        if (!NativeLibrary.PLATFORMS.contains(platform)) {
            return "there is no libpanoptim for "
                    + platform
                    + ", only for Linux with glibc, on x86_64 and aarch64; steps run in plain Java"
                    + " here";
        }
        return packed.isEmpty() || packed.contains(platform)
                ? "libpanoptim could not be loaded; the artifact panoptim-natives brings it, and"
                        + " -Dpanoptim.library names a file of your own"
                : "the artifact panoptim-natives on the path has no libpanoptim for "
                        + platform
                        + ", only for "
                        + String.join(" and ", packed)
                        + "; a build on such a machine packs one";
    }

    /** There is a tier for every machine, so that the backend is expected to work on each. */
    private BackendStatus broken(String reason, List<String> tried) {
        return new BackendStatus(name(), false, reason, tried, true);
    }

    @Override
    public Backend open() {
        var status = probe();
        if (!status.available()) {
            throw new BackendUnavailableException(
                    "backend simd: "
                            + status.summary()
                            + "; tried: "
                            + String.join("; ", status.tried()));
        }
        var forced = forcedLabel().map(Tier::labelled);
        var options = SimdOptions.defaults();
        return SimdBackend.open(forced.map(options::withTier).orElse(options));
    }

    /** The best tier that works here; the library must be loaded. */
    static Optional<Tier> bestTier() {
        return Arrays.stream(Tier.values()).filter(tier -> tier.obstacle().isEmpty()).findFirst();
    }
}

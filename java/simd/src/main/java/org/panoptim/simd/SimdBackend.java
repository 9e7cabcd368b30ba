package org.panoptim.simd;

import org.panoptim.abi.KernelRegistry;
import org.panoptim.abi.Layouts;
import org.panoptim.backend.Backend;
import org.panoptim.backend.BackendUnavailableException;
import org.panoptim.matrix.HostMatrices;
import org.panoptim.simd.bindings.NativeLibrary;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.UseCount;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The backend over libpanoptim: fused kernels on the CPU's vector units. */
public final class SimdBackend implements Backend {

    static final String NAME = "simd";

    private final UseCount uses = new UseCount(NAME);
    private final Tier tier;
    private final int threads;
    private final KernelRegistry rules;
    private final Workers workers;

    private SimdBackend(Tier tier, SimdOptions options) {
        this.tier = tier;
        this.threads = options.threads();
        this.rules = registry();
        this.workers = new Workers(options.threads());
    }

    /**
     * Opens the backend with these options.
     *
     * @throws BackendUnavailableException if the library or the tier does not work here, with what
     *     was tried
     */
    public static SimdBackend open(SimdOptions options) {
        requireLibrary();
        var tier =
                options.tier()
                        .or(SimdProvider::bestTier)
                        .orElseThrow(
                                () ->
                                        new BackendUnavailableException(
                                                "backend simd: no tier can run on this machine"));
        tier.obstacle()
                .ifPresent(
                        obstacle -> {
                            throw new BackendUnavailableException(
                                    "backend simd: tier " + tier.label() + ": " + obstacle);
                        });
        return new SimdBackend(tier, options);
    }

    /**
     * The tiers that can run here, the most preferred first.
     *
     * @throws BackendUnavailableException if the library cannot be loaded, with what was tried
     */
    public static List<Tier> usableTiers() {
        requireLibrary();
        return Stream.of(Tier.values()).filter(tier -> tier.obstacle().isEmpty()).toList();
    }

    private static void requireLibrary() {
        var library = NativeLibrary.get();
        if (library.file().isEmpty()) {
            throw new BackendUnavailableException(
                    "backend simd: libpanoptim could not be loaded; tried: "
                            + String.join("; ", library.tried()));
        }
    }

    /** The rules of the loaded library. */
    static KernelRegistry registry() {
        return new KernelRegistry(NAME, KernelRegistry.Library.of(describedRules()));
    }

    /** What the loaded library says of its rules, each a {@code panoptim_rule}. */
    static List<MemorySegment> describedRules() {
        var described = new ArrayList<MemorySegment>();
        int count = StepCalls.ruleCount();
        var memory = Arena.ofAuto().allocate(count * Layouts.RULE_BYTES, Layouts.ALIGNMENT);
        for (int index = 0; index < count; index++) {
            var rule = memory.asSlice(index * Layouts.RULE_BYTES, Layouts.RULE_BYTES);
            NativeStatus.check(StepCalls.ruleDescribe(index, rule), "panoptim_rule_describe");
            described.add(rule);
        }
        return described;
    }

    static String describe(Tier tier, int threads) {
        return tier.label() + ", " + threads + (threads == 1 ? " thread" : " threads");
    }

    /** The instruction set that the kernels use. */
    public Tier tier() {
        return tier;
    }

    /** How many threads work on a step, the caller's included. */
    public int threads() {
        return threads;
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public String description() {
        return describe(tier, threads);
    }

    @Override
    public Execution open(StepPlan plan) {
        return uses.open(
                () -> new SimdExecution(plan, tier, rules, workers, matrices(), uses::release));
    }

    @Override
    public <T> Optional<T> extension(Class<T> type) {
        return type == HostMatrices.class ? Optional.of(type.cast(matrices())) : Optional.empty();
    }

    private HostMatrices matrices() {
        return new SimdMatrices(tier, workers, uses);
    }

    @Override
    public void close() {
        if (uses.close()) {
            workers.close();
        }
    }
}

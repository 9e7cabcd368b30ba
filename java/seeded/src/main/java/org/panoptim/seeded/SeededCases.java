package org.panoptim.seeded;

import java.util.Arrays;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Function;

/**
 * Tries a property on generated cases, the same ones in every run, small ones first.
 *
 * <p>System properties change what is tried: {@value #SEED} the seed (1 unless set), {@value
 * #CASES} the number of cases of every property, and {@value #CASE} leaves a single case. A case
 * depends on seed and index alone, however many cases there are.
 */
public final class SeededCases {

    /** The system property with the seed of all cases, a decimal long. */
    public static final String SEED = "panoptim.seed";

    /** The system property with the number of cases, instead of each property's. */
    public static final String CASES = "panoptim.cases";

    /** The system property with the index, from 0, of the one case to try. */
    public static final String CASE = "panoptim.case";

    /** From this index on, cases may have their full size. */
    private static final int GROWING = 100;

    private SeededCases() {}

    /**
     * What must hold of a case.
     *
     * @param <T> the type of cases
     */
    @FunctionalInterface
    public interface Property<T> {
        /** Throws whatever says that it does not hold. */
        void check(T value) throws Exception;
    }

    /**
     * Tries a property on cases until it fails.
     *
     * @param cases how many by default; their sizes grow over the first hundred
     * @param generator makes a case
     * @param property what must hold of each
     * @return how many cases were tried
     * @throws AssertionError with the seed, the case and what repeats it, caused by what the
     *     generator or the property threw
     * @throws IllegalArgumentException if a system property is no number
     */
    public static <T> int check(
            int cases, Function<Draw, T> generator, Property<? super T> property) {
        long seed = number(SEED).orElse(1L);
        var single = number(CASE).map(Math::toIntExact);
        if (single.isPresent()) {
            check(seed, single.get(), generator, property);
            return 1;
        }
        int count = number(CASES).map(Math::toIntExact).orElse(cases);
        for (int index = 0; index < count; index++) {
            check(seed, index, generator, property);
        }
        return count;
    }

    private static Optional<Long> number(String name) {
        var text = Optional.ofNullable(System.getProperty(name));
        try {
            return text.map(Long::valueOf);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    "system property %s: '%s' is no number".formatted(name, text.orElseThrow()), e);
        }
    }

    private static <T> void check(
            long seed, int index, Function<Draw, T> generator, Property<? super T> property) {
        var shown = "cannot be made";
        try {
            var value = generator.apply(draw(seed, index));
            shown = value instanceof byte[] bytes ? Arrays.toString(bytes) : String.valueOf(value);
            property.check(value);
        } catch (Exception | Error e) {
            throw new AssertionError(
                    """
                    case %d of seed %d fails: %s
                    %s
                    To try this case alone: -Dtest=%s -D%s=%d -D%s=%d\
                    """
                            .formatted(index, seed, e, shown, test(), SEED, seed, CASE, index),
                    e);
        }
    }

    static Draw draw(long seed, int index) {
        // Mixed twice, so that neighbours have nothing in common, be they of seeds or of indices.
        var random = new SplittableRandom(new SplittableRandom(seed).nextLong() + index);
        return new Draw(random, Math.min(1, (index + 1.0) / GROWING));
    }

    /**
     * The test that calls, as Maven's {@code -Dtest} names it: the first method of a class that is
     * called as tests are, since what several tests share may be in between.
     */
    private static String test() {
        var callers =
                StackWalker.getInstance()
                        .walk(frames -> frames.filter(SeededCases::isOutside).toList());
        return callers.stream()
                .filter(frame -> frame.getClassName().endsWith("Test"))
                .filter(frame -> !frame.getMethodName().startsWith("lambda$"))
                .findFirst()
                .or(() -> callers.stream().findFirst())
                .map(frame -> simpleName(frame.getClassName()) + "#" + frame.getMethodName())
                .orElseThrow();
    }

    private static boolean isOutside(StackWalker.StackFrame frame) {
        return !frame.getClassName().equals(SeededCases.class.getName());
    }

    private static String simpleName(String className) {
        return className.substring(className.lastIndexOf('.') + 1);
    }
}

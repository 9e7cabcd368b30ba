package org.panoptim.tests.functions;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * The arguments with which each function is compared: any bits, the ranges that rules use, and what
 * is close to where the algorithms branch.
 */
public final class FunctionArguments {

    private static final double LN2 = 0x1.62e42fefa39efp-1;

    private static final double[] SPECIAL = {
        0,
        Double.MIN_VALUE,
        Double.MIN_NORMAL,
        0.5,
        1,
        2,
        3,
        Double.MAX_VALUE,
        Double.POSITIVE_INFINITY,
        Double.NaN
    };

    // The high words at which the algorithms branch.

    /** Of bases: the roots of 3/2 and of 3, and what is closer to 1 than 2^-20. */
    private static final int[] BASE_WORDS = {0x3FF3988E, 0x3FFBB67A, 0x3FEFFFFF, 0x3FF00000};

    /** Of exponents: 2^31 and 2^64. */
    private static final int[] EXPONENT_WORDS = {0x41E00000, 0x43F00000};

    private static final int[] EXPONENTIAL_WORDS = {
        0x3E300000, 0x3FD62E42, 0x3FF0A2B2, 0x40862E42, 0xC0874910
    };

    private static final int[] COSINE_WORDS = {
        0x3E400000, 0x3FD33333, 0x3FE90000, 0x3FE921FB, 0x3FF921FB, 0x4002D97C, 0x413921FB
    };

    /** Of the logarithm, of every exponent. */
    private static final int[] LOGARITHM_WORDS =
            IntStream.of(0x6A09C, 0x6147A, 0x6B851, 0xFFFFE, 0)
                    .flatMap(
                            fraction ->
                                    IntStream.range(0, 0x7FF)
                                            .map(exponent -> exponent << 20 | fraction))
                    .toArray();

    private FunctionArguments() {}

    /**
     * The arguments for a function.
     *
     * @param count how many of each kind that is drawn
     */
    public static Stream<Supplier<ArgumentBatch>> of(StrictFunction function, int count) {
        return switch (function) {
            case POWER -> ofPower(count);
            case EXPONENTIAL -> ofExponential(count);
            case LOGARITHM -> ofLogarithm(count);
            case COSINE -> ofCosine(count);
        };
    }

    private static Stream<Supplier<ArgumentBatch>> ofPower(int count) {
        return Stream.of(
                () -> ArgumentBatch.pairs("any bits", count, Draws::bits, Draws::bits),
                () -> finitePowers(count),
                () ->
                        ArgumentBatch.pairs(
                                "decays to the power of counts", count, Draws::decay, Draws::count),
                () ->
                        ArgumentBatch.pairs(
                                "counts to the power of small exponents",
                                count,
                                Draws::count,
                                random -> random.nextDouble(-2, 2)),
                () ->
                        ArgumentBatch.product(
                                "counts to the power of -0.8 and -0.5",
                                LongStream.rangeClosed(1, count / 2).asDoubleStream().toArray(),
                                new double[] {-0.8, -0.5}),
                () ->
                        ArgumentBatch.product(
                                "0.96 to the power of count times 0.004",
                                new double[] {0.96},
                                LongStream.rangeClosed(1, count)
                                        .mapToDouble(t -> t * 0.004)
                                        .toArray()),
                () ->
                        ArgumentBatch.pairs(
                                "negative numbers to whole exponents and halves",
                                count,
                                random -> -Draws.withExponent(random, -4, 4),
                                random -> random.nextInt(-1000, 1000) / 2.0),
                () ->
                        ArgumentBatch.pairs(
                                "numbers close to 1 to large exponents",
                                count,
                                random -> 1 + random.nextDouble(-0x1p-19, 0x1p-19),
                                signed(29, 66)::draw),
                () -> powersNear(count, "powers close to overflow", 1024),
                () -> powersNear(count, "powers close to the least normal number", -1022),
                () -> powersNear(count, "powers close to underflow", -1075),
                () -> powersNear(count, "powers close to the root of 2", 0.5),
                () -> powersNear(count, "powers close to the root of 1/2", -0.5),
                () ->
                        ArgumentBatch.pairs(
                                "bases at branches",
                                count,
                                Draws.withHighWord(BASE_WORDS),
                                random -> random.nextInt(-50, 51)),
                () ->
                        ArgumentBatch.pairs(
                                "bases close to 1, exponents at branches",
                                count,
                                random -> 1 + random.nextDouble(-0x1p-21, 0x1p-21),
                                Draws.withHighWord(EXPONENT_WORDS)),
                () -> ArgumentBatch.product("branches", branchesOfX(), branchesOfY()));
    }

    private interface Draw {
        double draw(SplittableRandom random);
    }

    /** Of either sign. */
    private static Draw signed(int leastExponent, int mostExponent) {
        return random -> {
            double magnitude = Draws.withExponent(random, leastExponent, mostExponent);
            return random.nextBoolean() ? -magnitude : magnitude;
        };
    }

    /** Results of every size, subnormal ones and overflows among them. */
    private static ArgumentBatch finitePowers(int count) {
        return powers(
                "results of every size",
                count,
                random -> Draws.withExponent(random, -1074, 1023),
                random -> random.nextDouble(-1100, 1050));
    }

    private static ArgumentBatch powersNear(int count, String name, double logarithm) {
        return powers(
                name,
                count,
                random -> Draws.withExponent(random, -30, 30),
                // As often as not as close as an exponent can come
                random ->
                        random.nextBoolean()
                                ? logarithm
                                : logarithm
                                        * (1
                                                + Math.scalb(
                                                        random.nextDouble(-1, 1),
                                                        -random.nextInt(54))));
    }

    /** Pairs of a base and of an exponent that gives about 2 to the power of a drawn logarithm. */
    private static ArgumentBatch powers(String name, int count, Draw base, Draw logarithm) {
        var batch = ArgumentBatch.pairs(name, count, base::draw, logarithm::draw);
        for (int i = 0; i < count; i++) {
            batch.y()[i] *= LN2 / StrictMath.log(batch.x()[i]);
        }
        return batch;
    }

    private static double[] branchesOfX() {
        return concatenated(Draws.around(SPECIAL), Draws.aroundWords(BASE_WORDS));
    }

    private static double[] branchesOfY() {
        return concatenated(
                Draws.around(SPECIAL),
                Draws.around(7, 0x1p51, 0x1p52, 0x1p53, 0x1p52 + 1, 1 / 3.0, 1023, 1024, 1074),
                Draws.aroundWords(EXPONENT_WORDS));
    }

    private static Stream<Supplier<ArgumentBatch>> ofExponential(int count) {
        return Stream.of(
                () -> ArgumentBatch.singles("any bits", count, Draws::bits),
                () ->
                        ArgumentBatch.singles(
                                "results of every size",
                                count,
                                random -> random.nextDouble(-750, 715)),
                () -> ArgumentBatch.singles("small arguments", count, signed(-60, 1)::draw),
                () ->
                        ArgumentBatch.singles(
                                "branches",
                                concatenated(
                                        Draws.around(SPECIAL),
                                        Draws.around(0x1.62e42fefa39efp+9, 0x1.74910d52d3051p+9),
                                        Draws.around(1021 * LN2, 1022 * LN2, 1023 * LN2),
                                        Draws.aroundWords(EXPONENTIAL_WORDS))),
                () ->
                        ArgumentBatch.singles(
                                "high words at branches",
                                count,
                                Draws.withHighWord(EXPONENTIAL_WORDS)),
                () ->
                        ArgumentBatch.singles(
                                "halfway between multiples of ln 2",
                                Draws.around(
                                        IntStream.rangeClosed(0, 1100)
                                                .mapToDouble(n -> (n + 0.5) * LN2)
                                                .toArray())));
    }

    private static Stream<Supplier<ArgumentBatch>> ofLogarithm(int count) {
        return Stream.of(
                () -> ArgumentBatch.singles("any bits", count, Draws::bits),
                () -> ArgumentBatch.singles("up to 2", count, random -> random.nextDouble(0, 2)),
                () -> ArgumentBatch.singles("counts", count, Draws::count),
                () ->
                        ArgumentBatch.singles(
                                "close to 1", count, random -> 1 + signed(-52, -2).draw(random)),
                () ->
                        ArgumentBatch.singles(
                                "subnormal numbers",
                                count,
                                random -> Draws.withExponent(random, -1074, -1020)),
                () ->
                        ArgumentBatch.singles(
                                "branches",
                                concatenated(
                                        Draws.around(SPECIAL), Draws.aroundWords(LOGARITHM_WORDS))),
                () ->
                        ArgumentBatch.singles(
                                "high words at branches",
                                count,
                                Draws.withHighWord(LOGARITHM_WORDS)));
    }

    private static Stream<Supplier<ArgumentBatch>> ofCosine(int count) {
        return Stream.of(
                () -> ArgumentBatch.singles("any bits", count, Draws::bits),
                () ->
                        ArgumentBatch.singles(
                                "half a turn", count, random -> random.nextDouble(0, Math.PI)),
                () ->
                        ArgumentBatch.singles(
                                "shares of half a turn",
                                LongStream.rangeClosed(0, count)
                                        .mapToDouble(step -> Math.PI * ((double) step / count))
                                        .toArray()),
                () ->
                        ArgumentBatch.singles(
                                "some turns", count, random -> random.nextDouble(-200, 200)),
                () -> ArgumentBatch.singles("up to 2^21", count, signed(-30, 20)::draw),
                () -> ArgumentBatch.singles("up to 2^1023", count, signed(19, 1023)::draw),
                () ->
                        ArgumentBatch.singles(
                                "close to multiples of a quarter of a turn",
                                count,
                                random ->
                                        random.nextInt(1, 2 << random.nextInt(21)) * (Math.PI / 2)
                                                + random.nextInt(-2, 3)
                                                        * Math.scalb(1.0, -random.nextInt(53))),
                () ->
                        ArgumentBatch.singles(
                                "closest to multiples of a quarter of a turn",
                                Draws.around(
                                        NearHalfPi.all().stream()
                                                .mapToDouble(NearHalfPi.Close::x)
                                                .toArray())),
                () ->
                        ArgumentBatch.singles(
                                "branches",
                                concatenated(
                                        Draws.around(SPECIAL),
                                        Draws.aroundWords(COSINE_WORDS),
                                        Draws.around(
                                                IntStream.rangeClosed(1, 70)
                                                        .mapToDouble(n -> n * (Math.PI / 4))
                                                        .toArray()))),
                () ->
                        ArgumentBatch.singles(
                                "high words at branches",
                                count,
                                random ->
                                        Draws.withHighWord(COSINE_WORDS).applyAsDouble(random)
                                                + random.nextInt(3) * (Math.PI / 2)));
    }

    private static double[] concatenated(double[]... parts) {
        return Stream.of(parts).flatMapToDouble(Arrays::stream).toArray();
    }
}

package org.panoptim.seeded;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;

/**
 * Where a generated case takes its choices from. Numbers are the ends of their range, or next to
 * them, or around zero, far more often than chance would have it.
 */
public final class Draw {

    /** One number in so many is one that tends to break things. */
    private static final int EDGE = 8;

    private static final float[] FLOATS = {
        0.0f,
        -0.0f,
        1,
        -1,
        Float.NaN,
        // A NaN with its sign set and a payload.
        Float.intBitsToFloat(0xffc12345),
        Float.POSITIVE_INFINITY,
        Float.NEGATIVE_INFINITY,
        Float.MIN_VALUE,
        -Float.MIN_VALUE,
        Math.nextDown(Float.MIN_NORMAL),
        Float.MIN_NORMAL,
        -Float.MIN_NORMAL,
        Float.MAX_VALUE,
        -Float.MAX_VALUE
    };

    private final SplittableRandom random;
    private final double size;

    Draw(SplittableRandom random, double size) {
        this.random = random;
        this.size = size;
    }

    /** An integer from a range, both ends included. */
    public int between(int smallest, int largest) {
        return (int) between((long) smallest, largest);
    }

    /** An integer from a range, both ends included. */
    public long between(long smallest, long largest) {
        if (edge()) {
            long[] edges = {smallest, largest, smallest + 1, largest - 1, 0, 1, -1, 2, -2};
            long edge = edges[random.nextInt(edges.length)];
            if (smallest <= edge && edge <= largest) {
                return edge;
            }
        }
        return largest == Long.MAX_VALUE
                ? smallest == Long.MIN_VALUE
                        ? random.nextLong()
                        : random.nextLong(smallest - 1, largest) + 1
                : random.nextLong(smallest, largest + 1);
    }

    /** An integer of any magnitude, small ones as often as large ones. */
    public int anyInt() {
        int any = between(Integer.MIN_VALUE, Integer.MAX_VALUE);
        return random.nextBoolean() ? any : any >> random.nextInt(Integer.SIZE);
    }

    /** An integer of any magnitude, small ones as often as large ones. */
    public long anyLong() {
        long any = between(Long.MIN_VALUE, Long.MAX_VALUE);
        return random.nextBoolean() ? any : any >> random.nextInt(Long.SIZE);
    }

    /** A number from a range, both ends included. */
    public double between(double smallest, double largest) {
        if (edge()) {
            double[] edges = {smallest, largest, Math.nextUp(smallest), Math.nextDown(largest), 0};
            double edge = edges[random.nextInt(edges.length)];
            if (smallest <= edge && edge <= largest) {
                return edge;
            }
        }
        return random.nextDouble(smallest, Math.nextUp(largest));
    }

    /** A float of any bits, with zeros, infinities, NaNs, subnormals and the ends of the range. */
    public float anyFloat() {
        return edge()
                ? FLOATS[random.nextInt(FLOATS.length)]
                : Float.intBitsToFloat(random.nextInt());
    }

    /** False or true. */
    public boolean flag() {
        return random.nextBoolean();
    }

    /** True with a probability. */
    public boolean chance(double probability) {
        return random.nextDouble() < probability;
    }

    /** One of these, each as often as it is named. */
    @SafeVarargs
    public final <T> T of(T... values) {
        return values[random.nextInt(values.length)];
    }

    /** One of these, each as often as it is in the list. */
    public <T> T of(List<T> values) {
        return values.get(random.nextInt(values.size()));
    }

    /** One of the indices of these weights, each as often as its weight says. */
    public int weighted(int... weights) {
        int sum = 0;
        for (int weight : weights) {
            sum += weight;
        }
        int left = random.nextInt(sum);
        int index = 0;
        while (left >= weights[index]) {
            left -= weights[index++];
        }
        return index;
    }

    /**
     * How large a part of a case is to be: in small cases no more than their share of what lies
     * between the ends.
     */
    public int size(int smallest, int largest) {
        return between(smallest, smallest + (int) Math.round((largest - smallest) * size));
    }

    /** A list of so many elements, fewer in small cases. */
    public <T> List<T> list(int smallest, int largest, Function<Draw, ? extends T> element) {
        int length = size(smallest, largest);
        var elements = new ArrayList<T>(length);
        for (int i = 0; i < length; i++) {
            elements.add(element.apply(this));
        }
        return elements;
    }

    /** So many bytes, fewer in small cases. */
    public byte[] bytes(int smallest, int largest) {
        var bytes = new byte[size(smallest, largest)];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) between(Byte.MIN_VALUE, Byte.MAX_VALUE);
        }
        return bytes;
    }

    private boolean edge() {
        return random.nextInt(EDGE) == 0;
    }
}

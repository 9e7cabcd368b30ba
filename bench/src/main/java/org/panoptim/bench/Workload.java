package org.panoptim.bench;

import org.panoptim.tensor.Shape;

import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Tensors to step, by shape.
 *
 * @param name as options give it
 * @param title for a reader
 * @param groups the shapes of each group of parameters
 */
public record Workload(String name, String title, List<List<Shape>> groups) {

    /** One tensor of 33.5 million elements. */
    public static final String FLAT = "flat";

    /** GPT-2 small. */
    public static final String GPT2_SMALL = "gpt2-small";

    /** ResNet-50. */
    public static final String RESNET_50 = "resnet-50";

    /** BERT-base. */
    public static final String BERT_BASE = "bert-base";

    /** 2000 tensors of 64 elements: all cost per tensor, no bandwidth. */
    public static final String SMALL = "small";

    /** Five times as many. */
    public static final String SMALL_10000 = "small-10000";

    /** 32 matrices of 128 by 128: for factors and matrices that are small and many. */
    public static final String SQUARES_128 = "squares-128";

    /** Groups of mixed sizes, each with different hyper-parameters. */
    public static final String GROUPS = "groups";

    /** Five tensors of 64 elements: a handful. */
    public static final String FEW = "few";

    /** One tensor of 64 elements: the cost of the call. */
    public static final String TINY = "tiny";

    /** One tensor of 1.5 billion elements: 24 GB with gradient and states. */
    public static final String LARGE = "large";

    /** Those that are measured by default. */
    public static final List<String> USUAL =
            List.of(FLAT, GPT2_SMALL, RESNET_50, BERT_BASE, SMALL, GROUPS);

    private static final List<String> OTHERS = List.of(SMALL_10000, SQUARES_128, FEW, TINY, LARGE);

    /** Followed by a count: so many equal tensors of {@link #SPLIT} elements in all. */
    public static final String TENSORS = "tensors-";

    /** Followed by a count: one tensor of so many elements. */
    public static final String ELEMENTS = "elements-";

    /** The elements that {@link #TENSORS} shares out. */
    public static final long SPLIT = 1L << 24;

    /** Copies the lists. */
    public Workload {
        groups = groups.stream().map(List::copyOf).toList();
    }

    /**
     * The workload of that name.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Workload named(String name) {
        return switch (name) {
            case FLAT -> of(name, "one tensor of 33.5 million", List.of(Shape.of(1L << 25)));
            case GPT2_SMALL -> of(name, "GPT-2 small", Models.gpt2Small());
            case RESNET_50 -> of(name, "ResNet-50", Models.resNet50());
            case BERT_BASE -> of(name, "BERT-base", Models.bertBase());
            case SMALL -> of(name, "2000 tensors of 64", Models.equal(2000, 64));
            case SMALL_10000 -> of(name, "10,000 tensors of 64", Models.equal(10_000, 64));
            case SQUARES_128 ->
                    of(
                            name,
                            "32 matrices of 128 by 128",
                            Collections.nCopies(32, Shape.of(128, 128)));
            case GROUPS -> new Workload(name, "16 groups of mixed sizes", Models.groups());
            case FEW -> of(name, "5 tensors of 64", Models.equal(5, 64));
            case TINY -> of(name, "one tensor of 64", Models.equal(1, 64));
            case LARGE -> of(name, "one tensor of 1.5 billion", List.of(Shape.of(1_500_000_000L)));
            default -> scaled(name);
        };
    }

    private static Workload scaled(String name) {
        var tensors = count(name, TENSORS).filter(count -> count <= SPLIT);
        if (tensors.isPresent()) {
            int count = Math.toIntExact(tensors.get());
            return of(name, counted(count, "tensor"), Models.equal(count, SPLIT / count));
        }
        var elements = count(name, ELEMENTS);
        if (elements.isPresent()) {
            long count = elements.get();
            return of(name, counted(count, "element"), List.of(Shape.of(count)));
        }
        throw new IllegalArgumentException(
                "there is no workload '%s'; there are %s, %sCOUNT and %sCOUNT"
                        .formatted(
                                name,
                                String.join(
                                        ", ",
                                        Stream.concat(USUAL.stream(), OTHERS.stream()).toList()),
                                TENSORS,
                                ELEMENTS));
    }

    private static String counted(long count, String unit) {
        return "%,d %s%s".formatted(count, unit, count == 1 ? "" : "s");
    }

    private static Optional<Long> count(String name, String prefix) {
        return Optional.of(name)
                .filter(each -> each.matches(prefix + "[1-9][0-9]{0,9}"))
                .map(each -> Long.valueOf(each.substring(prefix.length())));
    }

    private static Workload of(String name, String title, List<Shape> shapes) {
        return new Workload(name, title, List.of(shapes));
    }

    /** The name of a workload of so many equal tensors. */
    public static String tensors(long count) {
        return TENSORS + count;
    }

    /** The name of a workload of one tensor. */
    public static String elements(long count) {
        return ELEMENTS + count;
    }

    /** The shapes of all groups, in order. */
    public List<Shape> shapes() {
        return groups.stream().flatMap(List::stream).toList();
    }

    /** The number of elements of all tensors. */
    public long elements() {
        return shapes().stream().mapToLong(Shape::elements).sum();
    }
}

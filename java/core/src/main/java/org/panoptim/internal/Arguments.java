package org.panoptim.internal;

import org.jspecify.annotations.Nullable;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/** Checks of lists and arrays that a caller hands over, whose elements are named by their place. */
public final class Arguments {

    private Arguments() {}

    /**
     * A copy of a list, unmodifiable.
     *
     * @param name the argument's
     * @throws NullPointerException if the list or an element is null; the message names it
     */
    public static <T> List<T> copyOf(List<? extends T> list, String name) {
        requireElements(list, name);
        return List.copyOf(list);
    }

    /**
     * The elements of an array, as {@link #copyOf(List, String)}.
     *
     * @throws NullPointerException if the array or an element is null; the message names it
     */
    public static <T> List<T> copyOf(T[] array, String name) {
        Objects.requireNonNull(array, name);
        return copyOf(Arrays.asList(array), name);
    }

    /**
     * Checks that a list and its elements are there.
     *
     * @throws NullPointerException if the list or an element is null; the message names it
     */
    public static void requireElements(List<? extends @Nullable Object> list, String name) {
        Objects.requireNonNull(list, name);
        int index = 0;
        for (var element : list) {
            if (element == null) {
                throw new NullPointerException(name + "[" + index + "]");
            }
            index++;
        }
    }
}

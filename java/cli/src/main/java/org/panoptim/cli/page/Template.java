package org.panoptim.cli.page;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A text with places to fill, such as {@code {{title}}}. What is filled in stays as it is, whatever
 * it looks like.
 *
 * @param text with its places
 */
public record Template(String text) {

    private static final Pattern PLACE = Pattern.compile("\\{\\{(\\w+)}}");

    /**
     * The template in a resource.
     *
     * @param owner the class beside which it lies
     */
    public static Template of(Class<?> owner, String name) throws IOException {
        return new Template(resource(owner, name));
    }

    /** The text of a resource beside a class. */
    static String resource(Class<?> owner, String name) throws IOException {
        try (var file = Objects.requireNonNull(owner.getResourceAsStream(name), name)) {
            return new String(file.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /**
     * The text with all places filled.
     *
     * @param values what to put there, by the place's name
     * @throws IllegalArgumentException if there is no value for a place, or no place for a value
     */
    public String fill(Map<String, String> values) {
        var left = new HashSet<>(values.keySet());
        var filled =
                PLACE.matcher(text)
                        .replaceAll(
                                place -> {
                                    left.remove(place.group(1));
                                    return Matcher.quoteReplacement(value(values, place.group(1)));
                                });
        if (!left.isEmpty()) {
            throw new IllegalArgumentException("there is no place for " + left);
        }
        return filled;
    }

    private static String value(Map<String, String> values, String place) {
        var value = values.get(place);
        if (value == null) {
            throw new IllegalArgumentException("there is no value for " + place);
        }
        return value;
    }
}

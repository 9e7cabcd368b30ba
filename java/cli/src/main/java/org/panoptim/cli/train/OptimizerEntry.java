package org.panoptim.cli.train;

import org.panoptim.rule.SettingText;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.stream.Collectors;

/**
 * An optimizer as the command line names it: {@code NAME[@RATE][:KEY=VALUE]…}, and companions
 * behind it, {@code +NAME[:KEY=VALUE]…}.
 *
 * @param text the whole, which tells it from others of the same rule
 * @param optimizer the part before the companions
 * @param companions the parts behind it
 */
public record OptimizerEntry(String text, Part optimizer, List<Part> companions) {

    /** The setting that stands behind {@code @}. */
    public static final String RATE = "lr";

    /** Not the sign of an exponent. */
    private static final String BEFORE_COMPANION = "\\+(?=[A-Za-z]|$)";

    /**
     * A name with settings.
     *
     * @param settings values as text, by PyTorch's names
     */
    public record Part(String name, SequencedMap<String, String> settings) {

        /** Copies the map. */
        public Part {
            settings = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(settings));
        }
    }

    /** Copies the list. */
    public OptimizerEntry {
        companions = List.copyOf(companions);
    }

    /**
     * Reads an entry; whether there are such names is not looked at.
     *
     * @throws IllegalArgumentException if it is none; the message says what of it
     */
    public static OptimizerEntry parse(String text) {
        var parts = new ArrayList<Part>();
        for (var part : text.split(BEFORE_COMPANION, -1)) {
            parts.add(part(text, part));
        }
        if (parts.subList(1, parts.size()).stream().anyMatch(OptimizerEntry::setsRate)) {
            throw problem(text, "a companion has no learning rate");
        }
        return new OptimizerEntry(text, parts.getFirst(), parts.subList(1, parts.size()));
    }

    private static boolean setsRate(Part part) {
        return part.settings().containsKey(RATE);
    }

    private static Part part(String text, String part) {
        var pieces = List.of(part.split(":", -1));
        var head = pieces.getFirst();
        int mark = head.indexOf('@');
        var name = mark < 0 ? head : head.substring(0, mark);
        if (name.isEmpty()) {
            throw problem(text, "a name is missing");
        }
        var settings = new LinkedHashMap<String, String>();
        if (mark >= 0) {
            settings.put(RATE, rate(text, head.substring(mark + 1)));
        }
        for (var setting : pieces.subList(1, pieces.size())) {
            int equals = setting.indexOf('=');
            if (equals < 1) {
                throw problem(text, "expected key=value behind ':', found '" + setting + "'");
            }
            var key = setting.substring(0, equals);
            if (settings.putIfAbsent(key, setting.substring(equals + 1)) != null) {
                throw problem(text, key + " is set twice");
            }
        }
        return new Part(name, settings);
    }

    private static String rate(String text, String rate) {
        try {
            SettingText.number(rate);
            return rate;
        } catch (IllegalArgumentException e) {
            throw problem(text, "the learning rate behind @ " + e.getMessage());
        }
    }

    /** Says of an entry what is wrong with it. */
    static IllegalArgumentException problem(String text, String problem) {
        return new IllegalArgumentException("'" + text + "': " + problem);
    }

    /** Entries as the command line takes them. */
    public static String join(List<OptimizerEntry> entries) {
        return entries.stream().map(OptimizerEntry::text).collect(Collectors.joining(","));
    }

    /** The name of the optimizer. */
    public String name() {
        return optimizer.name();
    }

    /** Whether it has a learning rate of its own. */
    public boolean hasRate() {
        return setsRate(optimizer);
    }
}

package org.panoptim.cli.terminal;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/** Names that somebody may have meant who typed another one. */
public final class NearNames {

    private static final int MOST = 3;

    private NearNames() {}

    /** The nearest names, three at most, none that is far; the nearest first. */
    public static List<String> of(String typed, Collection<String> names) {
        return names.stream()
                .filter(name -> isNear(typed, name))
                .sorted(Comparator.comparingInt(name -> distance(typed, name)))
                .limit(MOST)
                .toList();
    }

    /** A slip of the finger or two, or a part of the name. */
    private static boolean isNear(String typed, String name) {
        int shorter = Math.min(typed.length(), name.length());
        int slips = Math.min(2, (shorter + 1) / 3);
        return distance(typed, name) <= slips
                || shorter >= 3 && (name.contains(typed) || typed.contains(name));
    }

    /** How many letters must be added, left out or changed (Levenshtein). */
    private static int distance(String one, String other) {
        var before = new int[other.length() + 1];
        for (int j = 0; j < before.length; j++) {
            before[j] = j;
        }
        for (int i = 1; i <= one.length(); i++) {
            var now = new int[before.length];
            now[0] = i;
            for (int j = 1; j < now.length; j++) {
                int changed = before[j - 1] + (one.charAt(i - 1) == other.charAt(j - 1) ? 0 : 1);
                now[j] = Math.min(changed, 1 + Math.min(before[j], now[j - 1]));
            }
            before = now;
        }
        return before[other.length()];
    }
}

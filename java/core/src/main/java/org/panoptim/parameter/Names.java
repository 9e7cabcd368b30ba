package org.panoptim.parameter;

import java.util.Objects;

/** What parameters and groups may be called: logs and messages have their names on one line. */
final class Names {

    /** How much of a name a message shows. */
    private static final int SHOWN = 80;

    private Names() {}

    /**
     * Checks a name.
     *
     * @param owner whose it is
     * @throws IllegalArgumentException if it is empty or has a control character
     */
    static String check(String owner, String name) {
        Objects.requireNonNull(name, "name");
        if (name.isEmpty()) {
            throw new IllegalArgumentException("a " + owner + "'s name must not be empty");
        }
        for (int i = 0; i < name.length(); i++) {
            if (Character.isISOControl(name.charAt(i))) {
                throw new IllegalArgumentException(
                        "a %s's name must not have control characters, but '%s' has U+%04X at index %d"
                                .formatted(owner, shown(name), (int) name.charAt(i), i));
            }
        }
        return name;
    }

    private static String shown(String name) {
        var start = name.length() <= SHOWN ? name : name.substring(0, SHOWN) + "…";
        return start.replaceAll("\\p{Cc}", "?");
    }
}

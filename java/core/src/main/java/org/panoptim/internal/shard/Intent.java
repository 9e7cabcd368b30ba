package org.panoptim.internal.shard;

import org.panoptim.shard.Team;

import java.util.Arrays;
import java.util.List;

/**
 * What a member is about to do with the others. All say it first, in as many bytes whatever it is,
 * so that those who do different things find out.
 */
public enum Intent {
    /** Takes a step, or a pass before it. */
    STEP("takes a step"),

    /** Saves a checkpoint. */
    SAVE("saves a checkpoint"),

    /** Loads one. */
    LOAD("loads a checkpoint"),

    /** Compares settings. */
    COMPARE("compares settings");

    /** How many bytes come with it. */
    static final int ROOM = 97;

    private final String words;

    Intent(String words) {
        this.words = words;
    }

    /**
     * Says it, and what comes with it.
     *
     * @param own up to {@link #ROOM} bytes
     * @return what came with that of each member, filled up with zeros
     * @throws IllegalStateException if others do something else; the same on all members
     */
    List<byte[]> meet(Team team, byte[] own) {
        var said = Arrays.copyOf(own, ROOM + 1);
        said[ROOM] = (byte) ordinal();
        var all = team.gather(said);
        for (int member = 1; member < all.size(); member++) {
            var first = of(all.getFirst());
            var other = of(all.get(member));
            if (first != other) {
                throw new IllegalStateException(
                        "members make different calls: member 0 %s, member %d %s"
                                .formatted(first.words, member, other.words));
            }
        }
        return all;
    }

    private static Intent of(byte[] said) {
        return values()[said[ROOM]];
    }
}

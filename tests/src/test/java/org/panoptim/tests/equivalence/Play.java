package org.panoptim.tests.equivalence;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Plays a case on several backends side by side. */
final class Play {

    private Play() {}

    /**
     * Plays the case on the reference and on the challengers, action by action.
     *
     * @throws AssertionError at the first bit in which a challenger differs
     */
    static void compare(Case play, List<Contender> challengers) {
        var worlds = new ArrayList<World>();
        try {
            worlds.add(new World(Contenders.reference(), play));
            challengers.forEach(challenger -> worlds.add(new World(challenger, play)));
            requireEqual(worlds, "at the start");
            for (int i = 0; i < play.actions().size(); i++) {
                var action = play.actions().get(i);
                var when = "after action " + (i + 1) + ", " + action;
                if (action instanceof Case.SaveAndSwap) {
                    saveAndSwap(worlds);
                } else {
                    apply(action, worlds, when);
                }
                requireEqual(worlds, when);
            }
        } finally {
            worlds.forEach(World::close);
        }
    }

    private static void apply(Case.Action action, List<World> worlds, String when) {
        Optional<String> expected = worlds.getFirst().apply(action);
        for (var world : worlds.subList(1, worlds.size())) {
            var thrown = world.apply(action);
            if (!thrown.equals(expected)) {
                throw new AssertionError(
                        when + ": threw " + thrown + ", but the reference " + expected);
            }
        }
    }

    private static void saveAndSwap(List<World> worlds) {
        try {
            var folder = Files.createTempDirectory("equivalence");
            var files = new ArrayList<Path>();
            for (int i = 0; i < worlds.size(); i++) {
                files.add(folder.resolve(i + ".safetensors"));
                worlds.get(i).save(files.get(i));
            }
            for (int i = 0; i < worlds.size(); i++) {
                worlds.get(i).restart(files.get((i + 1) % files.size()));
            }
            for (var file : files) {
                Files.delete(file);
            }
            Files.delete(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void requireEqual(List<World> worlds, String when) {
        for (var world : worlds.subList(1, worlds.size())) {
            worlds.getFirst()
                    .difference(world)
                    .ifPresent(
                            text -> {
                                throw new AssertionError(when + "\n" + text);
                            });
        }
    }
}

package org.panoptim.bench;

import org.panoptim.Shape;

import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The peers that can be measured on this machine.
 *
 * @param descriptions names, and what they are, in order
 * @param leftOut a line for each of the others, with the reason
 */
public record PeersHere(Map<String, String> descriptions, List<String> leftOut) {

    /** Those of none. */
    public static PeersHere none() {
        return new PeersHere(Map.of(), List.of());
    }

    /** Looks for PyTorch in Python and for the libraries of the JVM. */
    public static PeersHere find() {
        var descriptions = new LinkedHashMap<String, String>();
        var leftOut = new ArrayList<String>();
        try (var peer = new OutsidePeer(OutsidePeer.NAMES.getFirst(), List.of(Shape.of(1)), 1)) {
            for (var name : OutsidePeer.NAMES) {
                descriptions.put(name, peer.description(name));
            }
        } catch (IllegalStateException e) {
            leftOut.add("PyTorch in Python: " + e.getMessage());
        }
        var folder = PeerLibraries.folder();
        if (!Files.isDirectory(folder)) {
            leftOut.add("peers on the JVM: " + folder + " is not there");
            return new PeersHere(descriptions, leftOut);
        }
        for (var found : PeerLibraries.find(folder)) {
            switch (found) {
                case PeerLibraries.Usable usable ->
                        descriptions.put(usable.peer().name(), usable.peer().description());
                case PeerLibraries.Unusable unusable -> leftOut.add(unusable.reason());
            }
        }
        return new PeersHere(descriptions, leftOut);
    }
}

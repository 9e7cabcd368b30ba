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

    private static final String JVM = "peers on the JVM: measured on the processor alone";

    /** Those of none. */
    public static PeersHere none() {
        return new PeersHere(Map.of(), List.of());
    }

    /**
     * Looks for PyTorch in Python and for the libraries of the JVM.
     *
     * @param place where they are to compute
     */
    public static PeersHere find(Place place) {
        return switch (place) {
            case HOST -> findForHost();
            case DEVICE -> findForDevice();
            case VIRTUAL_DEVICE ->
                    new PeersHere(
                            Map.of(),
                            List.of(
                                    "PyTorch in Python: there is no GPU, only the virtual one",
                                    JVM));
        };
    }

    private static PeersHere findForDevice() {
        var descriptions = new LinkedHashMap<String, String>();
        var leftOut = new ArrayList<String>();
        findTorch(Place.DEVICE, descriptions, leftOut);
        leftOut.add(JVM);
        return new PeersHere(descriptions, leftOut);
    }

    private static PeersHere findForHost() {
        var descriptions = new LinkedHashMap<String, String>();
        var leftOut = new ArrayList<String>();
        findTorch(Place.HOST, descriptions, leftOut);
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

    private static void findTorch(
            Place place, Map<String, String> descriptions, List<String> leftOut) {
        var first = OutsidePeer.NAMES.getFirst();
        try (var peer = new OutsidePeer(first, List.of(Shape.of(1)), 1, place)) {
            for (var name : OutsidePeer.NAMES) {
                descriptions.put(name, peer.description(name));
            }
        } catch (IllegalStateException e) {
            leftOut.add("PyTorch in Python: " + e.getMessage());
        }
    }
}

package org.panoptim.bench;

import org.panoptim.tensor.Shape;

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
public record AvailablePeers(Map<String, String> descriptions, List<String> leftOut) {

    private static final String JVM = "peers on the JVM: measured on the processor alone";

    /** No peers. */
    public static AvailablePeers none() {
        return new AvailablePeers(Map.of(), List.of());
    }

    /**
     * Looks for PyTorch in Python and for the libraries of the JVM.
     *
     * @param kind the kind of device that they are to compute on
     */
    public static AvailablePeers find(DeviceKind kind) {
        return switch (kind) {
            case CPU -> findForCpu();
            case GPU -> findForGpu();
            case VIRTUAL_GPU ->
                    new AvailablePeers(
                            Map.of(),
                            List.of(
                                    "PyTorch in Python: there is no GPU, only the virtual one",
                                    JVM));
        };
    }

    private static AvailablePeers findForGpu() {
        var descriptions = new LinkedHashMap<String, String>();
        var leftOut = new ArrayList<String>();
        findTorch(DeviceKind.GPU, descriptions, leftOut);
        leftOut.add(JVM);
        return new AvailablePeers(descriptions, leftOut);
    }

    private static AvailablePeers findForCpu() {
        var descriptions = new LinkedHashMap<String, String>();
        var leftOut = new ArrayList<String>();
        findTorch(DeviceKind.CPU, descriptions, leftOut);
        var folder = PeerLibraries.folder();
        if (!Files.isDirectory(folder)) {
            leftOut.add("peers on the JVM: " + folder + " is not there");
            return new AvailablePeers(descriptions, leftOut);
        }
        for (var result : PeerLibraries.find(folder)) {
            switch (result) {
                case PeerLibraries.Usable usable ->
                        descriptions.put(usable.peer().name(), usable.peer().description());
                case PeerLibraries.Unusable unusable -> leftOut.add(unusable.reason());
            }
        }
        return new AvailablePeers(descriptions, leftOut);
    }

    private static void findTorch(
            DeviceKind kind, Map<String, String> descriptions, List<String> leftOut) {
        var first = PythonPeer.NAMES.getFirst();
        try (var peer = new PythonPeer(first, List.of(Shape.of(1)), 1, kind)) {
            for (var name : PythonPeer.NAMES) {
                descriptions.put(name, peer.description(name));
            }
        } catch (IllegalStateException e) {
            leftOut.add("PyTorch in Python: " + e.getMessage());
        }
    }
}

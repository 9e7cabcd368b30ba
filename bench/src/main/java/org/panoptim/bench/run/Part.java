package org.panoptim.bench.run;

import org.panoptim.bench.DeviceKind;
import org.panoptim.cli.InputException;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** What can be measured apart from the rest. */
enum Part {
    /** Steps compared with the machine's limit. */
    LIMIT("limit"),
    /** Steps compared with other libraries' optimizers. */
    PEERS("peers"),
    /** Steps of other arrays than floats, and with outputs, compared with that of floats. */
    TYPES("types"),
    /** Steps with statistics compared with those without. */
    STATISTICS("statistics"),
    /** Steps against the number and the size of tensors. */
    SCALING("scaling"),
    /** Fresh processes. */
    START_UP("start-up"),
    /** What states take of a process's memory. */
    MEMORY("memory"),
    /** Calls on the way to a CUDA device. */
    LAUNCH("launch"),
    /** The inversion of Kronecker factors; on a device, the work between inversions, too. */
    KFAC("kfac"),
    /** Teams of processes. */
    TEAM("team"),
    /** A device's kernels by themselves. */
    KERNELS("kernels");

    private final String option;

    Part(String option) {
        this.option = option;
    }

    /** As options name it. */
    String option() {
        return option;
    }

    /**
     * Those that options name; all that the kind of device has if they name none.
     *
     * @throws InputException if there is no such part
     */
    static Set<Part> of(List<String> names, DeviceKind device) {
        var parts = EnumSet.noneOf(Part.class);
        for (var name : names) {
            parts.add(
                    Arrays.stream(values())
                            .filter(part -> part.option.equals(name))
                            .findFirst()
                            .orElseThrow(() -> unknown(name)));
        }
        if (parts.isEmpty()) {
            parts = EnumSet.allOf(Part.class);
            parts.remove(device == DeviceKind.CPU ? KERNELS : TEAM);
        }
        return parts;
    }

    private static InputException unknown(String name) {
        return new InputException(
                "--only: there is no part '%s'; there are %s"
                        .formatted(
                                name,
                                Arrays.stream(values())
                                        .map(part -> part.option)
                                        .collect(Collectors.joining(", "))));
    }
}

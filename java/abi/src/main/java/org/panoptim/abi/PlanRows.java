package org.panoptim.abi;

import static org.panoptim.abi.Layouts.TENSOR_ARRAYS;
import static org.panoptim.abi.Layouts.TENSOR_BYTES;
import static org.panoptim.abi.Layouts.TENSOR_CHUNKS;
import static org.panoptim.abi.Layouts.TENSOR_COLUMNS;
import static org.panoptim.abi.Layouts.TENSOR_ELEMENTS;
import static org.panoptim.abi.Layouts.TENSOR_FIRST_CHUNK;
import static org.panoptim.abi.Layouts.TENSOR_GROUP;
import static org.panoptim.abi.Layouts.TENSOR_LINE_SUMS;
import static org.panoptim.abi.Layouts.TENSOR_ROWS;
import static org.panoptim.abi.Layouts.TENSOR_RULE;
import static org.panoptim.abi.Layouts.TENSOR_SLOTS;
import static org.panoptim.abi.Layouts.TENSOR_STATES;
import static org.panoptim.abi.Layouts.TENSOR_VALUE;
import static org.panoptim.abi.Layouts.pointer;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.panoptim.abi.bindings.panoptim_chunk;
import org.panoptim.abi.bindings.panoptim_group;
import org.panoptim.abi.bindings.panoptim_panel;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.MatrixView;
import org.panoptim.rule.Slot;
import org.panoptim.spi.Lent;
import org.panoptim.spi.StateAddresses;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Fills the rows of a plan's tables, which depend on sizes and addresses alone. Addresses are those
 * of whoever reads the tables: the host's or a device's.
 */
public final class PlanRows {

    private PlanRows() {}

    /** All parameters of the groups, in registration order. */
    public static List<Parameter> parameters(List<ParameterGroup> groups) {
        return groups.stream().flatMap(group -> group.parameters().stream()).toList();
    }

    /** How many chunks a parameter has. */
    public static long chunks(Parameter parameter, long chunkElements) {
        return Math.ceilDiv(parameter.elements(), chunkElements);
    }

    /**
     * How many chunks all parameters have.
     *
     * @throws ArithmeticException if they are more than the tables can number
     */
    public static int chunkCount(List<Parameter> parameters, long chunkElements) {
        return Math.toIntExact(
                parameters.stream().mapToLong(each -> chunks(each, chunkElements)).sum());
    }

    /**
     * Fills a table of {@code panoptim_tensor}.
     *
     * @param lineSums where whoever reads the table keeps the sums over rows and columns, tensor
     *     after tensor
     */
    public static void writeTensors(
            MemorySegment table,
            PlanKernels kernels,
            long chunkElements,
            StateAddresses states,
            Lent lent,
            ArrayRows arrays,
            long lineSums) {
        var groups = kernels.groups();
        long nextSums = lineSums;
        long index = 0;
        int firstChunk = 0;
        for (int group = 0; group < groups.size(); group++) {
            var rule = groups.get(group).rule();
            var parameters = groups.get(group).parameters();
            for (int place = 0; place < parameters.size(); place++) {
                var parameter = parameters.get(place);
                var row = table.asSlice(index++ * TENSOR_BYTES, TENSOR_BYTES);
                var slots = rule.slots(parameter.shape());
                boolean replaced = lent.updates().isPresent();
                boolean plain =
                        !(replaced ? ArrayRows.hasReplaced(parameter) : ArrayRows.has(parameter));
                // What is lent has the elements that are stepped here; they are counted from the
                // parameter's first.
                long before = states.firstElement(parameter) * Float.BYTES;
                long value =
                        lent.updates()
                                .map(updates -> updates.apply(parameter).address() - before)
                                .orElseGet(() -> parameter.value().address());
                if (plain) {
                    pointer(row, TENSOR_VALUE, value);
                } else if (replaced) {
                    pointer(
                            row,
                            TENSOR_ARRAYS,
                            arrays.writeReplaced(parameter, value, slots, states));
                } else {
                    pointer(row, TENSOR_ARRAYS, arrays.write(parameter, slots, states));
                }
                writeSlots(row, parameter, slots, plain, states);
                pointer(row, TENSOR_STATES, states.tensorStates(parameter));
                row.set(JAVA_LONG, TENSOR_ELEMENTS, parameter.elements());
                var view = MatrixView.of(rule);
                row.set(JAVA_LONG, TENSOR_ROWS, view.rows(parameter.shape()));
                row.set(JAVA_LONG, TENSOR_COLUMNS, view.columns(parameter.shape()));
                var panels = kernels.panelsOf(group, place);
                if (panels.panels() > 0) {
                    pointer(row, TENSOR_LINE_SUMS, nextSums);
                    nextSums += panels.sumBytes(kernels.ofParameter(group, place));
                }
                int chunks = Math.toIntExact(chunks(parameter, chunkElements));
                row.set(JAVA_INT, TENSOR_FIRST_CHUNK, firstChunk);
                row.set(JAVA_INT, TENSOR_CHUNKS, chunks);
                row.set(JAVA_INT, TENSOR_GROUP, group);
                row.set(JAVA_INT, TENSOR_RULE, kernels.ofParameter(group, place).index());
                firstChunk += chunks;
            }
        }
    }

    /** States with arrays come first among the slots; those of elements only if asked for. */
    private static void writeSlots(
            MemorySegment row,
            Parameter parameter,
            List<Slot> slots,
            boolean ofElements,
            StateAddresses states) {
        for (int i = 0; i < slots.size(); i++) {
            boolean written =
                    switch (slots.get(i).extent()) {
                        case ELEMENT -> ofElements;
                        case ROW, COLUMN -> true;
                        case TENSOR, RULE -> false;
                    };
            if (written) {
                long address = states.address(parameter, i);
                pointer(row, TENSOR_SLOTS + i * JAVA_LONG.byteSize(), address);
            }
        }
    }

    /** Fills a table of {@code panoptim_chunk}. */
    public static void writeChunks(
            MemorySegment table, List<Parameter> parameters, long chunkElements) {
        long index = 0;
        for (int tensor = 0; tensor < parameters.size(); tensor++) {
            for (int i = 0; i < chunks(parameters.get(tensor), chunkElements); i++) {
                var row = panoptim_chunk.asSlice(table, index++);
                panoptim_chunk.tensor(row, tensor);
                panoptim_chunk.index(row, i);
            }
        }
    }

    /**
     * How many panels all parameters have.
     *
     * @throws ArithmeticException if they are more than the tables can number
     */
    public static int panelCount(PlanKernels kernels) {
        long count = 0;
        for (int group = 0; group < kernels.groups().size(); group++) {
            for (int i = 0; i < kernels.groups().get(group).parameters().size(); i++) {
                count += kernels.panels(group, i);
            }
        }
        return Math.toIntExact(count);
    }

    /** The bytes that all sums over rows and columns need. */
    public static long lineSumBytes(PlanKernels kernels) {
        long bytes = 0;
        for (int group = 0; group < kernels.groups().size(); group++) {
            for (int i = 0; i < kernels.groups().get(group).parameters().size(); i++) {
                bytes += kernels.panelsOf(group, i).sumBytes(kernels.ofParameter(group, i));
            }
        }
        return bytes;
    }

    /** Fills a table of {@code panoptim_panel}. */
    public static void writePanels(MemorySegment table, PlanKernels kernels) {
        long row = 0;
        int tensor = 0;
        for (int group = 0; group < kernels.groups().size(); group++) {
            for (int i = 0; i < kernels.groups().get(group).parameters().size(); i++) {
                long panels = kernels.panels(group, i);
                for (int panel = 0; panel < panels; panel++) {
                    var entry = panoptim_panel.asSlice(table, row++);
                    panoptim_panel.tensor(entry, tensor);
                    panoptim_panel.index(entry, panel);
                }
                tensor++;
            }
        }
    }

    /**
     * Fills a {@code panoptim_group}.
     *
     * @param firstTensor the index of the group's first tensor
     * @param hyperAddress where whoever reads the tables finds the hyper-parameters
     */
    public static void writeGroup(
            MemorySegment row,
            ParameterGroup group,
            KernelRegistry.Kernel kernel,
            StateAddresses states,
            Lent lent,
            long firstTensor,
            long hyperAddress) {
        pointer(row, panoptim_group.hyper$offset(), hyperAddress);
        pointer(row, panoptim_group.states$offset(), states.ruleStates(group.name()));
        panoptim_group.rule(row, kernel.index());
        panoptim_group.frozen(row, group.frozen() ? 1 : 0);
        pointer(
                row,
                panoptim_group.rate$offset(),
                lent.rates().map(rates -> rates.apply(group.name()).address()).orElse(0L));
        panoptim_group.first_tensor(row, firstTensor);
        panoptim_group.tensor_count(row, group.parameters().size());
    }

    /** Whether two lists of groups hold the same parameters in the same groups. */
    public static boolean sameParameters(List<ParameterGroup> one, List<ParameterGroup> other) {
        if (one.size() != other.size()) {
            return false;
        }
        for (int i = 0; i < one.size(); i++) {
            if (!one.get(i).parameters().equals(other.get(i).parameters())) {
                return false;
            }
        }
        return true;
    }
}

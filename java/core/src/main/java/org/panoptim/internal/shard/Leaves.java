package org.panoptim.internal.shard;

import org.panoptim.parameter.Parameter;
import org.panoptim.spi.ShareTransfer;
import org.panoptim.spi.SharedArray;
import org.panoptim.tensor.DType;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * Arrays of a member's micro-batches, gradients for example, added up by adjacent pairs as they
 * come: a leaf is added to the one before it, two leaves to the two before them, and so on, so that
 * at most one sum of each size waits.
 */
final class Leaves {

    private final ShareTransfer transfer;

    /** The sums that wait for others of their size, of 2ⁱ leaves each; floats. */
    private final List<ParameterArrays> waiting = new ArrayList<>();

    private int count;
    private List<Parameter> parameters = List.of();
    private final Set<Parameter> present = new HashSet<>();

    /**
     * None yet.
     *
     * @param transfer adds them up
     */
    Leaves(ShareTransfer transfer) {
        this.transfer = transfer;
    }

    /** How many have come. */
    int count() {
        return count;
    }

    /** The parameters that had an array in the first of them. */
    List<Parameter> parameters() {
        return parameters;
    }

    /** Whether a parameter had an array in the first of them. */
    boolean has(Parameter parameter) {
        return present.contains(parameter);
    }

    /** Allocates what the next leaf needs, so that nothing else of it has to be taken back. */
    void prepare(List<Parameter> found) {
        int carries = carries();
        while (waiting.size() <= carries) {
            waiting.add(new ParameterArrays(transfer, _ -> DType.F32));
        }
        waiting.get(carries).ensure(found);
    }

    /** How many sums the next leaf is added to. */
    private int carries() {
        return Integer.numberOfTrailingZeros(~count);
    }

    /**
     * Takes up a leaf.
     *
     * @param found the parameters that have an array in it
     * @param array of a parameter
     * @param zero whether zeros are left there; else it is only read
     */
    void add(List<Parameter> found, Function<Parameter, SharedArray> array, boolean zero) {
        prepare(found);
        take(found, array, zero);
        if (count == 0) {
            parameters = List.copyOf(found);
            present.addAll(found);
        }
        count++;
    }

    /**
     * Adds arrays of the leaf that is {@linkplain #prepare prepared}, some of them perhaps, and
     * does not count it.
     */
    void take(List<Parameter> found, Function<Parameter, SharedArray> array, boolean zero) {
        int carries = carries();
        Function<Parameter, SharedArray> sum = waiting.get(carries)::get;
        // It goes into the first sum as it is, so that it need not be copied before.
        transfer.sum(
                found,
                carries == 0 ? List.of(array) : List.of(waiting.getFirst()::get, array),
                sum,
                zero);
        for (int level = 1; level < carries; level++) {
            transfer.sum(found, List.of(waiting.get(level)::get, sum), sum, false);
        }
    }

    /** The sum of all, once they are a power of two. */
    SharedArray sum(Parameter parameter) {
        return sum(parameter, count);
    }

    /** Where the sum of leaves is, or will be once all are taken: so many, a power of two. */
    SharedArray sum(Parameter parameter, int leaves) {
        return waiting.get(Integer.numberOfTrailingZeros(leaves)).get(parameter);
    }

    /** Begins anew. */
    void clear() {
        count = 0;
        parameters = List.of();
        present.clear();
    }
}

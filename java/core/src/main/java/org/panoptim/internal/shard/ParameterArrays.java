package org.panoptim.internal.shard;

import org.panoptim.parameter.Parameter;
import org.panoptim.spi.ShareTransfer;
import org.panoptim.spi.SharedArray;
import org.panoptim.tensor.DType;

import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** An array for each of some parameters, where these lie. */
final class ParameterArrays {

    private final ShareTransfer transfer;
    private final Function<Parameter, DType> type;
    private final Map<Parameter, SharedArray> arrays = new IdentityHashMap<>();

    /**
     * None yet.
     *
     * @param transfer whose memory they get
     * @param type of a parameter's array
     */
    ParameterArrays(ShareTransfer transfer, Function<Parameter, DType> type) {
        this.transfer = transfer;
        this.type = type;
    }

    /** Allocates those that parameters have not yet. */
    void ensure(List<Parameter> parameters) {
        var missing = parameters.stream().filter(each -> !arrays.containsKey(each)).toList();
        if (missing.isEmpty()) {
            return;
        }
        var memory =
                transfer.allocate(
                        missing.stream()
                                .map(each -> each.elements() * type.apply(each).byteSize())
                                .toList());
        for (int i = 0; i < missing.size(); i++) {
            var parameter = missing.get(i);
            arrays.put(parameter, new SharedArray(memory.get(i), type.apply(parameter)));
        }
    }

    /** That of a parameter for which it was allocated. */
    SharedArray get(Parameter parameter) {
        return arrays.get(parameter);
    }
}

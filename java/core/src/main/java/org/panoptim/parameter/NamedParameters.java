package org.panoptim.parameter;

import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;

/** The parameters of a model, of which an optimizer's groups are made. */
public interface NamedParameters {

    /** All of them, in the model's order. */
    List<Parameter> list();

    /** Those that a condition selects, in the model's order. */
    default List<Parameter> where(Predicate<Parameter> condition) {
        Objects.requireNonNull(condition, "condition");
        return list().stream().filter(condition).toList();
    }

    /**
     * Those whose names begin so, in the model's order.
     *
     * @param prefix for example {@code "encoder."}
     * @throws IllegalArgumentException if there is none; the message lists the names
     */
    default List<Parameter> startingWith(String prefix) {
        Objects.requireNonNull(prefix, "prefix");
        var found = where(parameter -> parameter.name().startsWith(prefix));
        if (found.isEmpty()) {
            throw new IllegalArgumentException(
                    "no parameter's name begins with '%s'; the names are %s"
                            .formatted(
                                    prefix,
                                    String.join(
                                            ", ", list().stream().map(Parameter::name).toList())));
        }
        return found;
    }
}

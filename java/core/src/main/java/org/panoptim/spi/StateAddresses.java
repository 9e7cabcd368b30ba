package org.panoptim.spi;

import org.panoptim.parameter.Parameter;

/** Where the states of an optimizer lie, as whoever steps finds them: on the host or a device. */
public interface StateAddresses {

    /**
     * The address of a state with a value for each element, row or column.
     *
     * @param slot its place in the rule's slots for the parameter
     */
    long address(Parameter parameter, int slot);

    /** The address of a parameter's states that are a double, one after another; 0: none. */
    long tensorStates(Parameter parameter);

    /**
     * The address of the states that a group's rule keeps for itself, one after another; 0: none.
     *
     * @param group the group's name
     */
    long ruleStates(String group);

    /** The first element of a parameter that states of elements have a value for. */
    default long firstElement(Parameter parameter) {
        return 0;
    }
}

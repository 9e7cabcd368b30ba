package org.panoptim;

import org.panoptim.parameter.ParameterGroup;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** Groups by name, and lists of groups that differ in one. */
final class GroupList {

    private GroupList() {}

    /**
     * The group of that name.
     *
     * @throws IllegalArgumentException if there is none; the message lists the names
     */
    static ParameterGroup find(List<ParameterGroup> groups, String name) {
        for (var group : groups) {
            if (group.name().equals(name)) {
                return group;
            }
        }
        throw new IllegalArgumentException(
                "there is no group '"
                        + name
                        + "'; the groups are "
                        + String.join(", ", groups.stream().map(ParameterGroup::name).toList()));
    }

    /** The groups with one more, at the end. */
    static List<ParameterGroup> with(List<ParameterGroup> groups, ParameterGroup added) {
        var extended = new ArrayList<>(groups);
        extended.add(added);
        return extended;
    }

    /** The groups that a list has at its end beside those that it had. */
    static List<ParameterGroup> added(List<ParameterGroup> before, List<ParameterGroup> after) {
        return after.subList(before.size(), after.size());
    }

    /** The groups with the one of that name changed. */
    static List<ParameterGroup> replace(
            List<ParameterGroup> groups, String name, UnaryOperator<ParameterGroup> change) {
        return groups.stream()
                .map(group -> group.name().equals(name) ? change.apply(group) : group)
                .toList();
    }
}

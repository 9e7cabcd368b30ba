package org.panoptim.abi;

import org.panoptim.UnsupportedPlanException;
import org.panoptim.rule.UpdateRule;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;

/** Writes a rule's hyper-parameters into the native structure, member by member, by name. */
final class HyperStruct {

    private static final String RESERVED = "reserved";

    private HyperStruct() {}

    /**
     * Fills the structure.
     *
     * @throws UnsupportedPlanException if a member has no component of its name and type in the
     *     rule
     */
    static void write(String backend, UpdateRule rule, StructLayout layout, MemorySegment target) {
        for (var member : layout.memberLayouts()) {
            var name = member.name().orElse(RESERVED);
            if (!name.equals(RESERVED)) {
                long offset = layout.byteOffset(PathElement.groupElement(name));
                write(backend, rule, name, member, target, offset);
            }
        }
    }

    private static void write(
            String backend,
            UpdateRule rule,
            String name,
            MemoryLayout member,
            MemorySegment target,
            long offset) {
        var value = value(backend, rule, name);
        if (member instanceof ValueLayout.OfDouble layout && value instanceof Double number) {
            target.set(layout, offset, number);
        } else if (member instanceof ValueLayout.OfInt layout && value instanceof Boolean flag) {
            target.set(layout, offset, flag ? 1 : 0);
        } else {
            throw refused(
                    backend,
                    rule,
                    name,
                    "is a "
                            + value.getClass().getSimpleName()
                            + " in Java, but "
                            + member
                            + " in the library");
        }
    }

    private static Object value(String backend, UpdateRule rule, String name) {
        var components = rule.getClass().getRecordComponents();
        if (components == null) {
            throw refused(backend, rule, name, "cannot be read, as the rule is not a record");
        }
        var component =
                Arrays.stream(components)
                        .filter(candidate -> nativeName(candidate).equals(name))
                        .findFirst()
                        .orElseThrow(
                                () ->
                                        refused(
                                                backend,
                                                rule,
                                                name,
                                                "is not a component of the record"));
        try {
            return component.getAccessor().invoke(rule);
        } catch (ReflectiveOperationException e) {
            throw refused(backend, rule, name, "cannot be read: " + e.getMessage());
        }
    }

    /** {@code learningRate} is {@code learning_rate} in C. */
    private static String nativeName(RecordComponent component) {
        var name = component.getName();
        var result = new StringBuilder(name.length() + 2);
        for (int i = 0; i < name.length(); i++) {
            char letter = name.charAt(i);
            if (Character.isUpperCase(letter)) {
                result.append('_');
            }
            result.append(Character.toLowerCase(letter));
        }
        return result.toString();
    }

    private static UnsupportedPlanException refused(
            String backend, UpdateRule rule, String name, String why) {
        return new UnsupportedPlanException(
                backend, "rule " + rule.name() + ": hyper-parameter " + name + " " + why);
    }
}

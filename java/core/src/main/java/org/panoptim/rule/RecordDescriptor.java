package org.panoptim.rule;

import org.jspecify.annotations.Nullable;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;

/** The descriptor of a rule that brings none of its own: its record's components, by reflection. */
final class RecordDescriptor {

    private RecordDescriptor() {}

    /**
     * Describes a rule.
     *
     * @throws IllegalArgumentException if the rule is not a record, or not an accessible one, or if
     *     a component cannot be a setting
     */
    static RuleDescriptor<UpdateRule> of(UpdateRule rule) {
        var components = rule.getClass().getRecordComponents();
        if (components == null) {
            throw new IllegalArgumentException(
                    "rule '"
                            + rule.name()
                            + "' is not a record, so its settings cannot be listed: "
                            + rule.getClass().getName());
        }
        var builder =
                new RuleDescriptor.Builder<UpdateRule>("rule '" + rule.name() + "'", "its class");
        var types = new Class<?>[components.length];
        for (int i = 0; i < components.length; i++) {
            var component = components[i];
            types[i] = component.getType();
            requireSetting(rule, component);
            if (!component.getAccessor().canAccess(rule)) {
                throw inaccessible(rule, null);
            }
            builder.add(
                    component.getName(),
                    name(component),
                    RuleSetting.Range.ANY,
                    get(component, rule),
                    each -> get(component, each));
        }
        return builder.build(values -> make(rule, types, values));
    }

    private static void requireSetting(UpdateRule rule, RecordComponent component) {
        var type = component.getType();
        if (type != double.class && type != boolean.class && type != long.class) {
            throw new IllegalArgumentException(
                    "rule '"
                            + rule.name()
                            + "': "
                            + component.getName()
                            + " must be a double, boolean or long to be a setting, but is a "
                            + type.getSimpleName());
        }
    }

    private static String name(RecordComponent component) {
        var setting = component.getAnnotation(Setting.class);
        return setting == null ? component.getName() : setting.value();
    }

    private static Object get(RecordComponent component, UpdateRule rule) {
        try {
            return component.getAccessor().invoke(rule);
        } catch (ReflectiveOperationException e) {
            throw inaccessible(rule, e);
        }
    }

    private static UpdateRule make(
            UpdateRule rule, Class<?>[] types, RuleDescriptor.Values values) {
        var arguments = new Object[types.length];
        for (int i = 0; i < arguments.length; i++) {
            arguments[i] = values.next();
        }
        try {
            return rule.getClass().getDeclaredConstructor(types).newInstance(arguments);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof IllegalArgumentException outOfRange) {
                throw outOfRange;
            }
            throw new IllegalArgumentException(rule.name() + " refused its settings", e.getCause());
        } catch (ReflectiveOperationException e) {
            throw inaccessible(rule, e);
        }
    }

    private static IllegalArgumentException inaccessible(
            UpdateRule rule, @Nullable ReflectiveOperationException e) {
        return new IllegalArgumentException(
                "the settings of rule '"
                        + rule.name()
                        + "' cannot be read: "
                        + rule.getClass().getName()
                        + " must be public and in an exported package",
                e);
    }
}

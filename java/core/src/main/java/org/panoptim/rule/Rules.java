package org.panoptim.rule;

import org.jspecify.annotations.Nullable;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * The rules that come with the library, by name, and their settings by the names that PyTorch gives
 * them; for traces, checkpoints and the command line.
 */
public final class Rules {

    private static final List<UpdateRule> ALL =
            List.of(
                    SGD.defaults(),
                    Adam.defaults(),
                    AdamW.defaults(),
                    Lion.defaults(),
                    SophiaG.defaults(),
                    SophiaH.defaults(),
                    AdaFisher.defaults());

    private Rules() {}

    /** Every rule of the library, with its defaults. */
    public static List<UpdateRule> all() {
        return ALL;
    }

    /**
     * The rule of that name, with its defaults.
     *
     * @param name for example {@code "sophia-g"}
     * @throws IllegalArgumentException if there is none; the message lists the names
     */
    public static UpdateRule named(String name) {
        return ALL.stream()
                .filter(rule -> rule.name().equals(name))
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "there is no rule '"
                                                + name
                                                + "'; the rules are "
                                                + names()));
    }

    private static String names() {
        return ALL.stream().map(UpdateRule::name).collect(Collectors.joining(", "));
    }

    /**
     * Finds out whether {@link #settings} could list the rule's hyper-parameters; calls nothing of
     * the rule.
     *
     * @throws IllegalArgumentException as {@link #settings}
     */
    public static void requireSettings(UpdateRule rule) {
        var keys = new HashSet<String>();
        for (var component : components(rule)) {
            if (!keys.add(key(component))) {
                throw new IllegalArgumentException(
                        "rule '" + rule.name() + "' has two settings '" + key(component) + "'");
            }
            if (!component.getAccessor().canAccess(rule)) {
                throw inaccessible(rule, null);
            }
        }
    }

    /**
     * The rule's hyper-parameters by their PyTorch names, as text that {@link #with} reads back to
     * the same bits.
     *
     * @throws IllegalArgumentException if the rule is not a record, or not an accessible one
     */
    public static Map<String, String> settings(UpdateRule rule) {
        var settings = new LinkedHashMap<String, String>();
        for (var component : components(rule)) {
            settings.put(key(component), String.valueOf(get(component, rule)));
        }
        return Collections.unmodifiableMap(settings);
    }

    /**
     * The rule with some of its hyper-parameters changed.
     *
     * @param settings new values by PyTorch name; those left out keep what {@code rule} has
     * @throws IllegalArgumentException for an unknown name, a value that is no number or boolean,
     *     or one out of range
     */
    public static <R extends UpdateRule> R with(R rule, Map<String, String> settings) {
        var components = components(rule);
        Set<String> unknown = new TreeSet<>(settings.keySet());
        var types = new Class<?>[components.length];
        var values = new Object[components.length];
        for (int i = 0; i < components.length; i++) {
            var component = components[i];
            var key = key(component);
            unknown.remove(key);
            types[i] = component.getType();
            var text = settings.get(key);
            values[i] =
                    text == null
                            ? get(component, rule)
                            : parse(rule.name() + ": " + key, text.strip(), component.getType());
        }
        if (!unknown.isEmpty()) {
            throw new IllegalArgumentException(
                    rule.name()
                            + " has no setting "
                            + String.join(", ", unknown)
                            + "; it has "
                            + String.join(", ", settings(rule).keySet()));
        }
        try {
            @SuppressWarnings("unchecked")
            var type = (Class<R>) rule.getClass();
            return type.getDeclaredConstructor(types).newInstance(values);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof IllegalArgumentException outOfRange) {
                throw outOfRange;
            }
            throw new IllegalArgumentException(rule.name() + " refused " + settings, e.getCause());
        } catch (ReflectiveOperationException e) {
            throw inaccessible(rule, e);
        }
    }

    private static Object parse(String what, String text, Class<?> type) {
        if (type == boolean.class) {
            if (text.equals("true") || text.equals("false")) {
                return Boolean.valueOf(text);
            }
            throw new IllegalArgumentException(
                    what + " must be true or false, but is '" + text + "'");
        }
        try {
            return type == double.class ? (Object) Double.valueOf(text) : Long.valueOf(text);
        } catch (NumberFormatException _) {
            throw new IllegalArgumentException(what + " must be a number, but is '" + text + "'");
        }
    }

    private static RecordComponent[] components(UpdateRule rule) {
        var components = rule.getClass().getRecordComponents();
        if (components == null) {
            throw new IllegalArgumentException(
                    "rule '"
                            + rule.name()
                            + "' is not a record, so its settings cannot be listed: "
                            + rule.getClass().getName());
        }
        for (var component : components) {
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
        return components;
    }

    private static String key(RecordComponent component) {
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

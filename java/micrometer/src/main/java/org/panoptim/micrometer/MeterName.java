package org.panoptim.micrometer;

import io.micrometer.core.instrument.Tags;

/**
 * The meter that a number goes to. Numbers of groups and of parameters have names apart from those
 * of the optimizer, since Prometheus wants the same tags wherever a name is the same.
 *
 * @param name with dots, as Micrometer has them
 * @param tags whose number it is
 */
record MeterName(String name, Tags tags) {

    private static final String PREFIX = "panoptim.";
    private static final String OF_PARAMETER = "parameter_";

    /** The meter without tags for a name of an observation. */
    static MeterName of(String number) {
        int slash = number.indexOf('/');
        if (slash < 0) {
            return new MeterName(PREFIX + dotted(number), Tags.empty());
        }
        var owner = number.substring(slash + 1);
        var kind = isOfParameter(number) ? "parameter" : "group";
        int begin = isOfParameter(number) ? OF_PARAMETER.length() : 0;
        return new MeterName(
                PREFIX + kind + "." + dotted(number.substring(begin, slash)), Tags.of(kind, owner));
    }

    /** Whether an observation's number is a parameter's. */
    static boolean isOfParameter(String number) {
        return number.startsWith(OF_PARAMETER) && number.indexOf('/') >= 0;
    }

    /** What the number belongs to, a group or a parameter. */
    static String owner(String number) {
        return number.substring(number.indexOf('/') + 1);
    }

    private static String dotted(String name) {
        return name.replace('_', '.');
    }

    /** This meter with further tags. */
    MeterName with(Tags more) {
        return new MeterName(name, tags.and(more));
    }

    /** Written as {@code panoptim.group.learning.rate, group=all}. */
    @Override
    public String toString() {
        var text = new StringBuilder(name);
        tags.forEach(
                tag -> text.append(", ").append(tag.getKey()).append('=').append(tag.getValue()));
        return text.toString();
    }
}

package org.panoptim.internal.shard;

import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.StepPlan;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a member was told, setting by setting, so that the first one can be named in which two
 * members differ. Counts and names come before what they are of, so that until then members have
 * the same settings in the same order.
 */
record MemberSettings(List<Setting> settings) {

    /**
     * A setting.
     *
     * @param name in plain English
     */
    private record Setting(String name, String value) {}

    /** All that a member was built with. */
    static MemberSettings of(
            StepPlan plan, List<UpdateRule> companions, int leaves, String backend) {
        var all = new ArrayList<Setting>();
        all.add(setting("leaves", leaves));
        all.add(setting("backend", backend));
        all.add(setting("loss scale", plan.lossScale()));
        all.add(setting("policy for gradients that are not finite", plan.policy()));
        all.add(setting("scope of clipped norms", plan.clipping().scope()));
        all.add(setting("largest norm", plan.clipping().norm()));
        all.add(setting("largest value of a gradient", plan.clipping().value()));
        all.add(setting("zeroing of gradients", plan.zeroGradients()));
        all.add(setting("period of statistics", plan.statisticsEvery()));
        all.add(
                setting(
                        "averaging of parameters",
                        plan.averaging().<Object>map(each -> each).orElse("none")));
        all.add(setting("flushing of states", plan.flushesStates()));
        all.add(setting("number of companions", companions.size()));
        for (int i = 0; i < companions.size(); i++) {
            add("companion %d:".formatted(i + 1), companions.get(i), all);
        }
        addGroups(plan, all);
        for (var group : plan.groups()) {
            addParameters(group, all);
        }
        all.add(setting("transform of gradients", plan.curvature().isPresent()));
        plan.curvature()
                .ifPresent(
                        transform ->
                                transform
                                        .settings()
                                        .forEach((name, value) -> all.add(setting(name, value))));
        return new MemberSettings(all);
    }

    /** The groups and their rules. */
    static MemberSettings ofGroups(StepPlan plan) {
        var all = new ArrayList<Setting>();
        addGroups(plan, all);
        return new MemberSettings(all);
    }

    private static void addGroups(StepPlan plan, List<Setting> all) {
        all.add(setting("number of groups", plan.groups().size()));
        for (int i = 0; i < plan.groups().size(); i++) {
            var group = plan.groups().get(i);
            all.add(setting("name of group %d".formatted(i + 1), quoted(group.name())));
            var label = "group %s:".formatted(quoted(group.name()));
            add(label, group.rule(), all);
            all.add(setting(label + " frozen", group.frozen()));
            all.add(setting(label + " number of parameters", group.parameters().size()));
        }
    }

    private static void add(String label, UpdateRule rule, List<Setting> all) {
        all.add(setting(label + " rule", rule.name()));
        var descriptor = rule.descriptor();
        for (int i = 0; i < descriptor.settings().size(); i++) {
            var name = descriptor.settings().get(i).kernelName().replace('_', ' ');
            all.add(setting(label + " " + name, descriptor.value(rule, i)));
        }
    }

    private static void addParameters(ParameterGroup group, List<Setting> all) {
        for (int i = 0; i < group.parameters().size(); i++) {
            Parameter parameter = group.parameters().get(i);
            all.add(
                    setting(
                            "group %s: name of parameter %d".formatted(quoted(group.name()), i + 1),
                            quoted(parameter.name())));
            var label = "parameter %s:".formatted(quoted(parameter.name()));
            all.add(setting(label + " shape", parameter.shape()));
            all.add(setting(label + " type", parameter.dtype()));
            all.add(setting(label + " outputs", parameter.outputs().keySet()));
        }
    }

    private static Setting setting(String name, Object value) {
        return new Setting(name, value.toString());
    }

    private static String quoted(String name) {
        return "'" + name + "'";
    }

    /** In what this differs first from what the first member was told, and what both have. */
    Optional<String> differenceFrom(MemberSettings first, int member) {
        int shorter = Math.min(settings.size(), first.settings.size());
        for (int i = 0; i < shorter; i++) {
            var own = settings.get(i);
            var other = first.settings.get(i);
            if (!own.equals(other)) {
                return Optional.of(
                        "%s %s on member %d, %s on member 0"
                                .formatted(own.name, own.value, member, other.value));
            }
        }
        return Optional.empty();
    }

    byte[] toBytes() {
        var texts = new ArrayList<byte[]>();
        for (var setting : settings) {
            texts.add(setting.name.getBytes(StandardCharsets.UTF_8));
            texts.add(setting.value.getBytes(StandardCharsets.UTF_8));
        }
        var bytes =
                ByteBuffer.allocate(
                        texts.stream().mapToInt(text -> Integer.BYTES + text.length).sum());
        texts.forEach(text -> bytes.putInt(text.length).put(text));
        return bytes.array();
    }

    static MemberSettings ofBytes(byte[] array) {
        var bytes = ByteBuffer.wrap(array);
        var all = new ArrayList<Setting>();
        while (bytes.hasRemaining()) {
            all.add(new Setting(text(bytes), text(bytes)));
        }
        return new MemberSettings(all);
    }

    private static String text(ByteBuffer bytes) {
        var text = new byte[bytes.getInt()];
        bytes.get(text);
        return new String(text, StandardCharsets.UTF_8);
    }
}

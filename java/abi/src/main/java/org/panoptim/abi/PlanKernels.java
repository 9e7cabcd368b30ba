package org.panoptim.abi;

import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_MAX_PHASES;

import org.panoptim.abi.KernelRegistry.Kernel;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.MatrixView;
import org.panoptim.rule.PhaseSpan;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The kernels of a plan's groups and of their parameters, looked up once when it is laid out. */
public final class PlanKernels {

    private final KernelRegistry registry;
    private final List<ParameterGroup> groups;
    private final List<Kernel> ofGroups = new ArrayList<>();
    private final List<List<Kernel>> ofParameters = new ArrayList<>();
    private final boolean[] phasesOverLines = new boolean[PANOPTIM_MAX_PHASES()];
    private final int phases;

    /**
     * Looks them up.
     *
     * @throws org.panoptim.spi.UnsupportedPlanException if the library has no kernel for a rule, or
     *     one of another shape
     */
    public PlanKernels(List<ParameterGroup> groups, KernelRegistry registry) {
        this.registry = registry;
        this.groups = List.copyOf(groups);
        int most = 1;
        for (var group : groups) {
            var rule = group.rule();
            var kernel = registry.kernel(rule);
            most = Math.max(most, kernel.phases());
            ofGroups.add(kernel);
            var byShape = new HashMap<Shape, Kernel>();
            var each = new ArrayList<Kernel>();
            for (var parameter : group.parameters()) {
                var known = byShape.get(parameter.shape());
                if (known == null) {
                    known = registry.kernel(rule, parameter.shape());
                    byShape.put(parameter.shape(), known);
                }
                each.add(known);
                for (int phase = 0; known.hasPanels() && phase < phasesOverLines.length; phase++) {
                    phasesOverLines[phase] |= known.sumsOverLines(phase);
                }
            }
            ofParameters.add(each);
        }
        phases = most;
    }

    /** The plan's groups. */
    public List<ParameterGroup> groups() {
        return groups;
    }

    /** The kernel of a group, whose states of the rule it settles. */
    public Kernel ofGroup(int group) {
        return ofGroups.get(group);
    }

    /** The kernel that updates a group's parameter, by their places. */
    public Kernel ofParameter(int group, int parameter) {
        return ofParameters.get(group).get(parameter);
    }

    /** Whether a phase of a parameter's kernel sums over its rows or columns. */
    public boolean sumsOverLines(int phase) {
        return phase >= 0 && phasesOverLines[phase];
    }

    /**
     * How a group's parameter is cut into panels; into none if its kernel sums over no rows or
     * columns.
     */
    PanelGrid panelsOf(int group, int parameter) {
        var shape = groups.get(group).parameters().get(parameter).shape();
        return ofParameter(group, parameter).hasPanels()
                ? PanelGrid.of(shape, MatrixView.of(groups.get(group).rule()))
                : PanelGrid.NONE;
    }

    /** How many panels a group's parameter has. */
    public long panels(int group, int parameter) {
        return panelsOf(group, parameter).panels();
    }

    /**
     * The most phases that a kernel has; one at least, since what a step prepares for its first
     * phase (norms and the clip coefficient) it prepares without any parameter, too.
     */
    public int phases() {
        return phases;
    }

    /**
     * The kernels that have a pass, those of groups first, since their states of the rule are
     * settled before parameters are prepared.
     */
    public List<PassKernel> ofPass(String pass) {
        var found = new LinkedHashMap<Kernel, PassKernel>();
        for (int group = 0; group < groups.size(); group++) {
            add(found, ofGroups.get(group), group, pass);
        }
        for (int group = 0; group < groups.size(); group++) {
            for (var kernel : ofParameters.get(group)) {
                add(found, kernel, group, pass);
            }
        }
        return List.copyOf(found.values());
    }

    private void add(Map<Kernel, PassKernel> found, Kernel kernel, int group, String pass) {
        if (!found.containsKey(kernel)) {
            var span = PhaseSpan.ofPass(groups.get(group).rule(), pass);
            if (span.phases() > 0) {
                found.put(kernel, new PassKernel(kernel, span));
            }
        }
    }

    /** The names of all passes. */
    public Set<String> passes() {
        var names = new LinkedHashSet<String>();
        for (var group : groups) {
            group.rule().passes().forEach(pass -> names.add(pass.name()));
        }
        return names;
    }

    /** Writes a group's hyper-parameters as its kernel takes them. */
    void writeHyper(int group, MemorySegment target) {
        registry.writeHyper(ofGroups.get(group), groups.get(group).rule(), target);
    }
}

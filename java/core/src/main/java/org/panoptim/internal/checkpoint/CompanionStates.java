package org.panoptim.internal.checkpoint;

import org.panoptim.parameter.ParameterGroup;
import org.panoptim.spi.Execution;

import java.util.List;

/**
 * Where a companion's states are. They are named {@code companion/RULE/SLOT/PARAMETER} and {@code
 * companion-rule/RULE/SLOT/GROUP}; what it was told is the builder's, and not in the file.
 *
 * @param rule the companion's name
 * @param groups the groups under its rule
 */
public record CompanionStates(String rule, List<ParameterGroup> groups, Execution execution) {}

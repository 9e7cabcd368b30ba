package org.panoptim.bench.result;

/**
 * What a rule's states take of a process's memory.
 *
 * @param rule the rule, and the settings on which its states depend
 * @param backend where they are kept
 * @param declared bytes for each fp32 parameter, as the rule declares them
 * @param measured by how many bytes for each parameter fresh processes grew
 */
public record StateBytes(String rule, String backend, int declared, double[] measured) {}

package org.panoptim.spi;

/**
 * A step that a device decides on by itself: what is known of it lies in the device's memory.
 *
 * @param control the device address of the step's {@code panoptim_control}; what it says of a step
 *     holds for work queued between the step's decision and its update
 */
public record DeviceStep(long control) implements StepFacts {}

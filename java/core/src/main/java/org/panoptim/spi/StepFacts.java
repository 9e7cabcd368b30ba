package org.panoptim.spi;

/** What a transform knows of a step: on the host as values, on a device as an address. */
public sealed interface StepFacts permits StepContext, DeviceStep {}

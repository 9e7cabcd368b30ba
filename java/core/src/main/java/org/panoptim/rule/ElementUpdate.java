package org.panoptim.rule;

/** What a phase does to one element; a record of the scalars that the step prepared. */
@FunctionalInterface
public interface ElementUpdate {

    /** Updates the element in place. */
    void update(Element element);
}

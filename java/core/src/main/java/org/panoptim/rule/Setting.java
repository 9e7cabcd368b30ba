package org.panoptim.rule;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The name that PyTorch (or a rule's authors) give a hyper-parameter: {@code lr}, {@code eps}. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
public @interface Setting {

    /** The name in traces, checkpoints and on the command line. */
    String value();
}

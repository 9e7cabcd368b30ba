package org.panoptim.tests.equivalence;

import org.panoptim.rule.Adam;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;

import java.util.stream.Stream;

/** A rule for every kernel of the library. */
final class Kernels {

    private Kernels() {}

    static Stream<UpdateRule> rules() {
        return Stream.concat(
                Rules.all().stream(),
                Stream.of(
                        SGD.defaults().withMomentum(0.9).withNesterov(true),
                        Adam.defaults().withAmsgrad(true),
                        AdamW.defaults().withAmsgrad(true)));
    }
}

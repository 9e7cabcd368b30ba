package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;

/** What a report sums up. */
class RefreshReportTest {

    private static FactorReport factor(double error, Fallback fallback) {
        return new FactorReport("l", FactorReport.Side.INPUTS, 4, 10, error, .1, 0, fallback, 0);
    }

    @Test
    void theLargestErrorAndTheFallbacks() {
        var plain = factor(.01, Fallback.NONE);
        var damped = factor(.02, Fallback.LARGER_DAMPING);
        var precise = factor(.005, Fallback.DOUBLE_PRECISION);
        var report = new RefreshReport(List.of(plain, damped, precise), List.of(), 0);
        assertThat(report.largestError()).isEqualTo(.02);
        assertThat(report.fallbacks()).containsExactly(damped, precise);
    }

    @Test
    void ofNoFactorsTheErrorIsZero() {
        var report = new RefreshReport(List.of(), List.of("l"), 3);
        assertThat(report.largestError()).isZero();
        assertThat(report.fallbacks()).isEmpty();
    }

    @Test
    void itKeepsNoOneElsesLists() {
        var factors = new ArrayList<>(List.of(factor(.01, Fallback.NONE)));
        var without = new ArrayList<>(List.of("l"));
        var report = new RefreshReport(factors, without, 0);
        factors.clear();
        without.clear();
        assertThat(report.factors()).hasSize(1);
        assertThat(report.withoutInverse()).containsExactly("l");
    }
}

package org.panoptim.examples;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.nio.charset.StandardCharsets;

/** The program for DJL that README shows, run as README says. */
class QuickStartTest {

    @Test
    void theLossVanishes() throws Exception {
        var process =
                new ProcessBuilder("../run", "djl", "QuickStart.java")
                        .redirectErrorStream(true)
                        .start();
        var printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(printed).isZero();
        var last = printed.substring(printed.lastIndexOf(": ") + 2).strip();
        assertThat(Double.parseDouble(last)).isBetween(-0.1, 0.1);
    }
}

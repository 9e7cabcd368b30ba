/** What the command line, the tests and the benchmarks share to try backends. */
module org.panoptim.testkit {
    requires transitive org.panoptim;
    requires static org.jspecify;

    exports org.panoptim.testkit;
    exports org.panoptim.testkit.rule;
    exports org.panoptim.testkit.scenario;
    exports org.panoptim.testkit.trace;
}

/** A monitor that keeps what an optimizer reports in a registry of Micrometer. */
module org.panoptim.micrometer {
    requires transitive org.panoptim;
    requires transitive micrometer.core;
    requires static org.jspecify;

    exports org.panoptim.micrometer;
}

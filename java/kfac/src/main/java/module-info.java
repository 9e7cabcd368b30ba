/** Kronecker-factored curvature: K-FAC and AdaFisher, on every backend. */
module org.panoptim.kfac {
    requires transitive org.panoptim;
    requires static org.jspecify;

    exports org.panoptim.kfac;
    exports org.panoptim.kfac.engine;
}

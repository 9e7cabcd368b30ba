/** The command {@code panoptim}. */
module org.panoptim.cli {
    requires com.google.gson;
    requires info.picocli;
    requires java.management;
    requires uplot;
    requires transitive org.panoptim;
    requires org.panoptim.distributed;
    requires org.panoptim.kfac;
    requires org.panoptim.pytorch;
    requires org.panoptim.simd;
    requires org.panoptim.testkit;
    requires static transitive org.jspecify;

    exports org.panoptim.cli.bench;

    opens org.panoptim.cli to
            info.picocli;

    uses org.panoptim.cli.bench.BenchProgram;
}

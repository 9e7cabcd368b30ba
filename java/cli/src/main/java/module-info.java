/** The command {@code panoptim}. */
module org.panoptim.cli {
    requires info.picocli;
    requires org.panoptim;
    requires org.panoptim.pytorch;
    requires org.panoptim.simd;
    requires static org.jspecify;

    opens org.panoptim.cli to
            info.picocli;
}

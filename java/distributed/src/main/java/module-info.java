/** Engines over which several members take one step together. */
module org.panoptim.distributed {
    requires transitive org.panoptim;
    requires org.bytedeco.javacpp;
    requires org.bytedeco.pytorch;
    requires static org.jspecify;

    exports org.panoptim.distributed;
}

/** Generated test cases that a seed repeats, for tests alone. */
module org.panoptim.seeded {
    requires static org.jspecify;

    exports org.panoptim.seeded;
}

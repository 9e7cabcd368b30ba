// Keeps the build going until the library's own sources are here.
extern "C" __attribute__((visibility("default"))) int panoptim_placeholder();

int panoptim_placeholder() {
    return 1;
}

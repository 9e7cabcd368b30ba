package org.panoptim.cli.page;

/**
 * What a logarithmic axis shows.
 *
 * @param min its beginning, above 0
 * @param max its end
 */
record LogRange(double min, double max) {

    /**
     * The range of values, widened until it has two powers of ten: only these have labels, and one
     * label alone says no scale.
     *
     * @param lowest the least value, above 0
     * @param highest the largest one
     */
    static LogRange of(double lowest, double highest) {
        double low = Math.log10(lowest);
        double high = Math.log10(highest);
        double first = Math.ceil(low);
        double last = Math.floor(high);
        if (first < last) {
            return new LogRange(lowest, highest);
        }
        if (first > last) {
            return new LogRange(Math.pow(10, last), Math.pow(10, first));
        }
        return high - last > first - low
                ? new LogRange(lowest, Math.pow(10, last + 1))
                : new LogRange(Math.pow(10, first - 1), highest);
    }
}

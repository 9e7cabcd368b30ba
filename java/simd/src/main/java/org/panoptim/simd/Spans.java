package org.panoptim.simd;

import java.util.ArrayList;

/** Pieces of work that threads claim: entries of a table, from one on to before another. */
final class Spans {

    private final long[] from;
    private final long[] to;

    private Spans(long[] from, long[] to) {
        this.from = from;
        this.to = to;
    }

    int count() {
        return from.length;
    }

    long from(int span) {
        return from[span];
    }

    long to(int span) {
        return to[span];
    }

    /** Adds up consecutive entries until they have enough elements. */
    static final class Builder {

        private final double wanted;
        private final ArrayList<Long> from = new ArrayList<>();
        private final ArrayList<Long> to = new ArrayList<>();
        private long entry;
        private long begin;
        private double elements;

        /**
         * @param wanted elements of a span, at least, but for those that end where something is
         *     left out
         */
        Builder(double wanted) {
            this.wanted = wanted;
        }

        /**
         * The next entry.
         *
         * @param included whether it is work here
         */
        void add(boolean included, double entryElements) {
            if (!included) {
                end();
                begin = ++entry;
                return;
            }
            entry++;
            elements += entryElements;
            if (elements >= wanted) {
                end();
            }
        }

        private void end() {
            if (begin < entry) {
                from.add(begin);
                to.add(entry);
            }
            begin = entry;
            elements = 0;
        }

        Spans build() {
            end();
            return new Spans(
                    from.stream().mapToLong(Long::longValue).toArray(),
                    to.stream().mapToLong(Long::longValue).toArray());
        }
    }
}

package org.panoptim.cli.page;

import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

import java.awt.BasicStroke;
import java.awt.Color;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Colour, dashes and marker of a curve. Each tells seven curves apart by itself, so that they are
 * distinct without colours; beyond seven the combination does, up to 49.
 *
 * @param color of line and marker
 * @param dashes lengths of dashes and gaps; none: a whole line
 * @param marker in the chart
 * @param outline the marker in the legend, as the data of an SVG path around (0, 0)
 */
record CurveStyle(Color color, float[] dashes, Marker marker, String outline) {

    /** Okabe and Ito's colours, which most kinds of colour vision can tell apart. */
    private static final Color[] COLORS = {
        new Color(0x0072B2),
        new Color(0xD55E00),
        new Color(0x009E73),
        new Color(0xCC79A7),
        new Color(0x000000),
        new Color(0xE69F00),
        new Color(0x56B4E9),
    };

    private static final float[][] DASHES = {
        {}, {9, 5}, {2, 4}, {10, 4, 2, 4}, {5, 3}, {14, 4}, {4, 2, 1, 2}
    };

    private static final Marker[] MARKERS = {
        SeriesMarkers.CIRCLE,
        SeriesMarkers.SQUARE,
        SeriesMarkers.TRIANGLE_UP,
        SeriesMarkers.DIAMOND,
        SeriesMarkers.CROSS,
        SeriesMarkers.TRIANGLE_DOWN,
        SeriesMarkers.PLUS,
    };

    /** The markers, in their order. */
    private static final String[] OUTLINES = {
        "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0",
        "M-4-4h8v8h-8z",
        "M0-5 5 4H-5z",
        "M0-5 5 0 0 5-5 0z",
        "M-4-4 4 4M4-4-4 4",
        "M0 5 5-4H-5z",
        "M0-5V5M-5 0H5",
    };

    private static final float WIDTH = 2.2f;

    /** The style of the curve of an index. */
    static CurveStyle of(int index) {
        int color = index % COLORS.length;
        int round = index / COLORS.length;
        int marker = (color + 3 * round) % MARKERS.length;
        return new CurveStyle(
                COLORS[color],
                DASHES[(color + round) % DASHES.length],
                MARKERS[marker],
                OUTLINES[marker]);
    }

    BasicStroke stroke() {
        return new BasicStroke(
                WIDTH,
                BasicStroke.CAP_BUTT,
                BasicStroke.JOIN_ROUND,
                10,
                dashes.length == 0 ? null : dashes,
                0);
    }

    /** A piece of the curve, for a legend. */
    String sample() {
        var hex = String.format(Locale.ROOT, "#%06x", color.getRGB() & 0xffffff);
        var pattern =
                dashes.length == 0
                        ? ""
                        : " stroke-dasharray=\"%s\""
                                .formatted(
                                        IntStream.range(0, dashes.length)
                                                .mapToObj(i -> String.valueOf((int) dashes[i]))
                                                .collect(Collectors.joining(" ")));
        return """
        <svg viewBox="-22 -6 44 12" aria-hidden="true" stroke="%s" stroke-width="2.2"><path \
        d="M-22 0H22"%s/><path d="%s" fill="%s" stroke-width="1.5"/></svg>\
        """
                .formatted(hex, pattern, outline, hex);
    }
}

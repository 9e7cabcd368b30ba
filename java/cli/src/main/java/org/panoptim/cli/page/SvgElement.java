package org.panoptim.cli.page;

import java.util.regex.Pattern;

/** Makes an SVG document an element that can stand in a page beside others. */
final class SvgElement {

    private static final Pattern SIZE = Pattern.compile(" (width|height|x|y)=\"\\d+px\"");
    private static final Pattern CLIP = Pattern.compile("clip\\d+");

    private SvgElement() {}

    /**
     * The document's root element, without the prologue (which names a document type on the
     * network) and as wide as there is room.
     *
     * @param id tells its clipping paths from those of other elements in the page
     * @param label what it shows, for readers who cannot see it; plain text
     */
    static String of(String document, String id, String label) {
        int root = document.indexOf("<svg ");
        int end = document.indexOf('>', root);
        var attributes = SIZE.matcher(document.substring(root + 5, end)).replaceAll("");
        var content = CLIP.matcher(document.substring(end + 1)).replaceAll(id + "-clip");
        return "<svg role=\"img\" aria-label=\""
                + label
                + "\" "
                + attributes
                + ">"
                + content.strip();
    }
}

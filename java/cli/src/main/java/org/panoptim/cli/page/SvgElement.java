package org.panoptim.cli.page;

import org.apache.batik.svggen.SVGGeneratorContext;
import org.apache.batik.svggen.SVGGraphics2D;
import org.apache.batik.svggen.SVGIDGenerator;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

import java.awt.Dimension;
import java.awt.Graphics2D;
import java.io.StringWriter;

import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.TransformerException;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;

/** An SVG element to draw on, which a page may contain several of. */
final class SvgElement {

    private static final String SVG = "http://www.w3.org/2000/svg";

    /** What Batik calls definitions that it always writes, in every element alike. */
    private static final String SHARED_DEFINITIONS = "genericDefs";

    private final SVGGraphics2D graphics;
    private final String label;

    /**
     * An element without content, as wide as the page allows.
     *
     * @param id makes the names of its definitions unique in the page
     * @param label what it shows, for readers who cannot see it
     */
    SvgElement(String id, String label, int width, int height) {
        this.label = label;
        var context = SVGGeneratorContext.createDefault(document());
        context.setIDGenerator(
                new SVGIDGenerator() {
                    @Override
                    public String generateID(String prefix) {
                        return super.generateID(id + "-" + prefix);
                    }
                });
        graphics = new SVGGraphics2D(context, false);
        graphics.setSVGCanvasSize(new Dimension(width, height));
    }

    private static Document document() {
        try {
            return DocumentBuilderFactory.newNSInstance()
                    .newDocumentBuilder()
                    .getDOMImplementation()
                    .createDocument(SVG, "svg", null);
        } catch (ParserConfigurationException e) {
            throw new IllegalStateException("Java can make documents", e);
        }
    }

    /** What to draw on. */
    Graphics2D graphics() {
        return graphics;
    }

    /** The element with what was drawn, in one line. */
    String text() {
        var size = graphics.getSVGCanvasSize();
        var root = graphics.getRoot();
        root.setAttribute("viewBox", "0 0 %d %d".formatted(size.width, size.height));
        root.removeAttribute("width");
        root.removeAttribute("height");
        root.setAttribute("role", "img");
        root.setAttribute("aria-label", label);
        removeWhatSaysNothing(root);
        return written(root);
    }

    /** The comment that names the generator, and definitions of which there are none. */
    private static void removeWhatSaysNothing(Element root) {
        for (var child = root.getFirstChild(); child != null; ) {
            var next = child.getNextSibling();
            boolean empty =
                    child instanceof Element element
                            && element.getAttribute("id").equals(SHARED_DEFINITIONS)
                            && !element.hasChildNodes();
            if (empty || child.getNodeType() == Node.COMMENT_NODE) {
                root.removeChild(child);
            }
            child = next;
        }
    }

    private static String written(Element element) {
        var text = new StringWriter();
        try {
            var transformer = TransformerFactory.newDefaultInstance().newTransformer();
            transformer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
            transformer.transform(new DOMSource(element), new StreamResult(text));
        } catch (TransformerException e) {
            throw new IllegalStateException("an element can be written to memory", e);
        }
        return text.toString();
    }
}

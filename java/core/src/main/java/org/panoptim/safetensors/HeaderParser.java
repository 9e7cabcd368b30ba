package org.panoptim.safetensors;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;

import org.jspecify.annotations.Nullable;
import org.panoptim.tensor.DType;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Parses a header and checks everything in it. Values are asked for by the kind that the format
 * demands at their place, and nothing is ever skipped, so that depth is bounded by the format and
 * not by the file.
 */
final class HeaderParser {
    private static final Pattern COMPLAINT =
            Pattern.compile("(.*?) at line (\\d+) column (\\d+).*", Pattern.DOTALL);

    /** How the format names types: also those that it does not have yet. */
    private static final Pattern TYPE = Pattern.compile("[A-Z][A-Z0-9_]{0,15}");

    private final Path file;
    private final HeaderStream bytes;
    private final long dataSize;
    private final SequencedMap<String, String> metadata = new LinkedHashMap<>();
    private final SequencedMap<String, TensorInfo> tensors = new LinkedHashMap<>();
    private final SequencedMap<String, String> unreadable = new LinkedHashMap<>();
    private final List<TensorInfo> extents = new ArrayList<>();
    private final Map<String, Integer> checksums = new HashMap<>();
    private final StringBudget budget;
    private @Nullable Integer headerChecksum;

    /** Where the parser is, for messages; null while it is in no tensor. */
    private @Nullable String tensor;

    private HeaderParser(Path file, HeaderStream bytes, long dataSize) {
        this.file = file;
        this.bytes = bytes;
        this.dataSize = dataSize;
        this.budget = new StringBudget(bytes.length());
    }

    /**
     * @param file the file's name, for messages
     * @param bytes the header with its padding
     * @param dataSize how many bytes of data follow the header
     */
    static Header parse(Path file, HeaderStream bytes, long dataSize) throws IOException {
        var parser = new HeaderParser(file, bytes, dataSize);
        try {
            parser.document();
        } catch (CharacterCodingException e) {
            throw parser.refuse(
                    "expected UTF-8, found malformed bytes among the first " + bytes.consumed());
        } catch (MalformedJsonException | EOFException e) {
            throw parser.refuse("expected strict JSON, found " + complaint(e));
        }
        parser.checkChecksums();
        parser.checkCoverage();
        return new Header(
                parser.metadata,
                parser.tensors,
                parser.unreadable,
                Optional.ofNullable(parser.headerChecksum).map(Checksums::format),
                parser.checksums);
    }

    private void document() throws IOException {
        var input = new BufferedInputStream(bytes);
        input.mark(1);
        int first = input.read();
        if (first != '{') {
            throw refuse("expected '{' as the first byte, found " + character(first));
        }
        input.reset();
        // A new decoder reports malformed input, where the constructor with a charset replaces it.
        var json =
                new JsonReader(new InputStreamReader(input, StandardCharsets.UTF_8.newDecoder()));
        json.setStrictness(Strictness.STRICT);
        boolean metadataSeen = false;
        json.beginObject();
        while (json.hasNext()) {
            String name = json.nextName();
            if (!name.equals(Format.METADATA)) {
                tensor(json, name);
            } else if (metadataSeen) {
                throw refuse("expected " + Format.METADATA + " once, found it twice");
            } else {
                metadataSeen = true;
                metadata(json);
            }
        }
        json.endObject();
        expect(json, JsonToken.END_DOCUMENT, "nothing after the JSON object");
        if (bytes.lastUnpadded() != '}') {
            throw refuse(
                    "expected only spaces after the JSON object, found "
                            + character(bytes.lastUnpadded()));
        }
    }

    private void metadata(JsonReader json) throws IOException {
        expect(json, JsonToken.BEGIN_OBJECT, Format.METADATA + " to be an object");
        json.beginObject();
        while (json.hasNext()) {
            String key = json.nextName();
            // A header may have millions of keys: only one that is at fault is worth a text.
            if (json.peek() != JsonToken.STRING) {
                expect(json, JsonToken.STRING, what(key) + " to have a string");
            }
            String value = json.nextString();
            if (!budget.add(key, value)) {
                throw refuse(
                        "expected strings that take at most %d bytes of memory, found more among the first %d bytes: they are too many and too short"
                                .formatted(budget.limit(), bytes.consumed()));
            }
            if (Checksums.isKey(key)) {
                checksum(key, value);
            } else if (metadata.putIfAbsent(key, value) != null) {
                throw twice(key);
            }
        }
        json.endObject();
    }

    private void checksum(String key, String value) throws SafetensorsException {
        int checksum =
                Checksums.parse(value)
                        .orElseThrow(
                                () ->
                                        refuse(
                                                "expected %s to have eight hexadecimal digits, found %s"
                                                        .formatted(
                                                                what(key),
                                                                Printable.quote(value))));
        if (key.equals(Checksums.HEADER)) {
            if (headerChecksum != null) {
                throw twice(key);
            }
            if (!metadata.isEmpty() || !checksums.isEmpty() || !tensors.isEmpty()) {
                throw refuse("expected " + what(key) + " before everything else");
            }
            headerChecksum = checksum;
        } else if (checksums.putIfAbsent(key.substring(Checksums.TENSOR.length()), checksum)
                != null) {
            throw twice(key);
        }
    }

    private static String what(String key) {
        return Format.METADATA + " key " + Printable.quote(key);
    }

    private SafetensorsException twice(String key) {
        return refuse("expected " + what(key) + " once, found it twice");
    }

    /** Header and tensors have checksums, all of them, or there is none at all. */
    private void checkChecksums() throws SafetensorsException {
        if (headerChecksum == null) {
            if (!checksums.isEmpty()) {
                throw refuse(
                        "expected a checksum of the header beside those of tensors, found none");
            }
            return;
        }
        if (headerChecksum != bytes.checksum()) {
            throw refuse(
                    "expected the checksum %s, as it says, found %s: it was damaged or edited"
                            .formatted(
                                    Checksums.format(headerChecksum),
                                    Checksums.format(bytes.checksum())));
        }
        requireChecksums(tensors.keySet());
        requireChecksums(unreadable.keySet());
        if (checksums.size() != tensors.size() + unreadable.size()) {
            checksums.keySet().removeAll(tensors.keySet());
            checksums.keySet().removeAll(unreadable.keySet());
            throw SafetensorsException.forTensor(
                    file,
                    checksums.keySet().iterator().next(),
                    "expected in the file, which has a checksum of it, found none");
        }
    }

    private void requireChecksums(Set<String> names) throws SafetensorsException {
        for (String name : names) {
            if (!checksums.containsKey(name)) {
                throw SafetensorsException.forTensor(
                        file, name, "expected a checksum, as the header has one, found none");
            }
        }
    }

    private void tensor(JsonReader json, String name) throws IOException {
        tensor = name;
        if (tensors.containsKey(name) || unreadable.containsKey(name)) {
            throw refuse("expected each name once, found it twice");
        }
        String dtype = null;
        List<Long> shape = null;
        List<Long> offsets = null;
        expect(json, JsonToken.BEGIN_OBJECT, "an object");
        json.beginObject();
        while (json.hasNext()) {
            String field = json.nextName();
            switch (field) {
                case Format.DTYPE -> {
                    once(field, dtype);
                    expect(json, JsonToken.STRING, "dtype to be a string");
                    dtype = json.nextString();
                }
                case Format.SHAPE -> {
                    once(field, shape);
                    shape = counts(json, field);
                }
                case Format.DATA_OFFSETS -> {
                    once(field, offsets);
                    offsets = counts(json, field);
                }
                default ->
                        throw refuse(
                                "expected only the fields dtype, shape and data_offsets, found "
                                        + Printable.quote(field));
            }
        }
        json.endObject();
        add(
                name,
                present(Format.DTYPE, dtype),
                present(Format.SHAPE, shape),
                present(Format.DATA_OFFSETS, offsets));
        tensor = null;
    }

    private void add(String name, String dtype, List<Long> shape, List<Long> offsets)
            throws SafetensorsException {
        var known = DType.of(dtype);
        if (known.isPresent()) {
            tensors.put(name, info(name, known.get(), shape, offsets));
        } else if (TYPE.matcher(dtype).matches()) {
            checkOffsets(offsets);
            unreadable.put(name, dtype);
            // All that counts is where it lies.
            long begin = offsets.getFirst();
            long end = offsets.getLast();
            extents.add(new TensorInfo(name, DType.U8, List.of(end - begin), begin, end));
        } else {
            throw refuse(
                    "expected a dtype such as %s, found %s"
                            .formatted(Arrays.toString(DType.values()), Printable.quote(dtype)));
        }
    }

    private TensorInfo info(String name, DType dtype, List<Long> shape, List<Long> offsets)
            throws SafetensorsException {
        long size;
        try {
            size = TensorInfo.byteSize(dtype, shape);
        } catch (IllegalArgumentException e) {
            throw refuse(e.getMessage());
        }
        checkOffsets(offsets);
        long begin = offsets.getFirst();
        long end = offsets.getLast();
        if (end - begin != size) {
            throw refuse(
                    "expected data_offsets %d bytes apart for shape %s of %s, found %s"
                            .formatted(size, Printable.shape(shape), dtype, offsets));
        }
        return new TensorInfo(name, dtype, shape, begin, end);
    }

    private void checkOffsets(List<Long> offsets) throws SafetensorsException {
        if (offsets.size() != 2) {
            throw refuse("expected 2 data_offsets, found " + Printable.shape(offsets));
        }
        if (offsets.getFirst() > offsets.getLast() || offsets.getLast() > dataSize) {
            throw refuse(
                    "expected data_offsets in rising order within the file's %d bytes of data, found %s"
                            .formatted(dataSize, offsets));
        }
    }

    private List<Long> counts(JsonReader json, String field) throws IOException {
        if (json.peek() != JsonToken.BEGIN_ARRAY) {
            expect(json, JsonToken.BEGIN_ARRAY, field + " to be an array");
        }
        var counts = new ArrayList<Long>();
        json.beginArray();
        while (json.hasNext()) {
            if (counts.size() == TensorInfo.MAX_DIMENSIONS) {
                throw refuse(
                        "expected %s to hold at most %d numbers, found more"
                                .formatted(field, TensorInfo.MAX_DIMENSIONS));
            }
            if (json.peek() != JsonToken.NUMBER) {
                expect(json, JsonToken.NUMBER, field + " to hold whole numbers");
            }
            counts.add(count(json.nextString(), field));
        }
        json.endArray();
        return counts;
    }

    /** Only plain digits: the format's numbers are unsigned integers, 1.0 and 1e3 are not. */
    private long count(String literal, String field) throws SafetensorsException {
        if (Character.isDigit(literal.charAt(0))) {
            try {
                return Long.parseLong(literal);
            } catch (NumberFormatException e) {
                // Too large, or no integer: refused below like any other number.
            }
        }
        throw refuse(
                "expected %s to hold whole numbers from 0 to 2^63-1, found %s"
                        .formatted(field, Printable.text(literal)));
    }

    /** The tensors in the order of their bytes must follow each other without gap or overlap. */
    private void checkCoverage() throws SafetensorsException {
        List<TensorInfo> byPosition =
                Stream.concat(tensors.values().stream(), extents.stream())
                        .sorted(
                                Comparator.comparingLong(TensorInfo::begin)
                                        .thenComparingLong(TensorInfo::end))
                        .toList();
        long covered = 0;
        for (TensorInfo info : byPosition) {
            if (info.begin() != covered) {
                throw SafetensorsException.forTensor(
                        file,
                        info.name(),
                        "expected its data to begin at %d, where the data before it ends, found %s at %d"
                                .formatted(
                                        covered,
                                        info.begin() < covered ? "an overlap" : "a hole",
                                        info.begin()));
            }
            covered = info.end();
        }
        if (covered != dataSize) {
            throw new SafetensorsException(
                    file,
                    "data",
                    "expected %d bytes after the header, as its tensors take, found %d"
                            .formatted(covered, dataSize));
        }
    }

    private void once(String field, @Nullable Object earlier) throws SafetensorsException {
        if (earlier != null) {
            throw refuse("expected the field " + field + " once, found it twice");
        }
    }

    private <T> T present(String field, @Nullable T value) throws SafetensorsException {
        if (value == null) {
            throw refuse("expected the field " + field + ", found none");
        }
        return value;
    }

    private void expect(JsonReader json, JsonToken expected, String what) throws IOException {
        JsonToken found = json.peek();
        if (found == expected) {
            return;
        }
        String description =
                switch (found) {
                    case STRING -> "the string " + Printable.quote(json.nextString());
                    case NUMBER -> "the number " + Printable.text(json.nextString());
                    case BOOLEAN -> "the boolean " + json.nextBoolean();
                    case NULL -> "null";
                    case BEGIN_OBJECT -> "an object";
                    case BEGIN_ARRAY -> "an array";
                    case END_DOCUMENT -> "nothing";
                    case END_OBJECT, END_ARRAY, NAME -> found.toString();
                };
        throw refuse("expected " + what + ", found " + description);
    }

    private static String character(int value) {
        if (value < 0) {
            return "nothing";
        }
        return value > ' ' && value < 0x7f ? "'" + (char) value + "'" : "0x%02x".formatted(value);
    }

    /** The parser's complaint and position, without its path (our own says more) and its advice. */
    private static String complaint(IOException exception) {
        String message = String.valueOf(exception.getMessage());
        Matcher matcher = COMPLAINT.matcher(message);
        if (!matcher.matches()) {
            return Printable.text(message);
        }
        String reason =
                matcher.group(1).startsWith("Use JsonReader") ? "an error" : matcher.group(1);
        return "%s at line %s column %s"
                .formatted(Printable.text(reason), matcher.group(2), matcher.group(3));
    }

    private SafetensorsException refuse(String problem) {
        return tensor == null
                ? new SafetensorsException(file, "header", problem)
                : SafetensorsException.forTensor(file, tensor, problem);
    }
}

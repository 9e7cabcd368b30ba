package org.panoptim.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.panoptim.safetensors.RawFile.tensor;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.tensor.DType;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

class SafetensorsReaderTest {

    /** Where Linux lists what the process has open. */
    private static final Path OPEN_FILES = Path.of("/proc/self/fd");

    @TempDir Path folder;

    private Path file(byte[] content) throws IOException {
        return Files.write(folder.resolve("model.safetensors"), content);
    }

    /** Checks that opening the file fails with a message that names it and holds all the parts. */
    private void refused(byte[] content, String... parts) throws IOException {
        Path file = file(content);
        assertThatExceptionOfType(SafetensorsException.class)
                .isThrownBy(() -> SafetensorsReader.open(file).close())
                .withMessageStartingWith(file + ": ")
                .satisfies(e -> assertThat(e.getMessage()).contains(parts));
    }

    private void refusedHeader(String header, int dataBytes, String... parts) throws IOException {
        refused(RawFile.of(header, dataBytes), parts);
    }

    private void refusedTensor(
            String dtype, String shape, String offsets, int dataBytes, String... parts)
            throws IOException {
        refusedHeader("{" + tensor("w", dtype, shape, offsets) + "}", dataBytes, parts);
    }

    @Nested
    class TheFile {
        @Test
        void aMissingFileKeepsItsOwnException() {
            assertThatThrownBy(() -> SafetensorsReader.open(folder.resolve("none")))
                    .isInstanceOf(NoSuchFileException.class)
                    .hasMessage(folder.resolve("none") + ": there is no such file");
        }

        @Test
        void aFolderIsRefused() {
            assertThatThrownBy(() -> SafetensorsReader.open(folder))
                    .isInstanceOf(SafetensorsException.class)
                    .hasMessage(folder + ": file: expected a regular file");
        }

        @ParameterizedTest
        @ValueSource(ints = {0, 1, 7})
        void aFileShorterThanItsPrefixIsRefused(int length) throws IOException {
            refused(new byte[length], "length prefix: expected 8 bytes, found " + length);
        }

        @Test
        void aTruncatedFileIsRefusedAndItsTensorNamed() throws IOException {
            refusedTensor("F32", "[2]", "[0,8]", 7, "tensor \"w\"", "7 bytes of data", "[0, 8]");
        }

        @Test
        void bytesAfterTheLastTensorAreRefused() throws IOException {
            refusedTensor("F32", "[2]", "[0,8]", 9, "data: expected 8 bytes", "found 9");
        }

        @Test
        void dataWithoutTensorsIsRefused() throws IOException {
            refusedHeader("{}", 1, "data: expected 0 bytes", "found 1");
        }
    }

    @Nested
    class TheLengthPrefix {
        @Test
        void aHeaderLongerThanTheFileIsRefused() throws IOException {
            refused(
                    RawFile.withPrefix(3, "{}".getBytes(UTF_8), new byte[0]),
                    "length prefix: expected a header of at most 2 bytes",
                    "found a length of 3");
        }

        @Test
        void aLengthAboveTheFormatsLimitIsRefused() throws IOException {
            refused(
                    RawFile.withPrefix(100_000_001, "{}".getBytes(UTF_8), new byte[0]),
                    "length prefix: expected a header of at most 100000000 bytes",
                    "found a length of 100000001");
        }

        @Test
        void aLengthWithTheTopBitSetIsReadAsUnsignedAndRefused() throws IOException {
            refused(
                    RawFile.withPrefix(-1, "{}".getBytes(UTF_8), new byte[0]),
                    "length prefix",
                    "found a length of 18446744073709551615");
        }

        @Test
        void anEmptyHeaderIsRefused() throws IOException {
            refused(RawFile.of("", 0), "header: expected '{' as the first byte, found nothing");
        }

        @Test
        void aHeaderOfExactlyTheFormatsLimitIsRead() throws IOException {
            byte[] header = new byte[100_000_000];
            Arrays.fill(header, (byte) ' ');
            header[0] = '{';
            header[1] = '}';
            try (var reader = SafetensorsReader.open(file(RawFile.of(header, new byte[0])))) {
                assertThat(reader.tensors()).isEmpty();
            }
        }
    }

    @Nested
    class TheHeadersText {
        @Test
        void invalidUtf8IsRefused() throws IOException {
            refused(
                    RawFile.of("{\"\u00e9\":{}}".getBytes(ISO_8859_1), new byte[0]),
                    "header: expected UTF-8");
        }

        @Test
        void anotherFirstByteThanABraceIsRefused() throws IOException {
            refusedHeader(" {}", 0, "header: expected '{' as the first byte, found 0x20");
            refusedHeader("[]", 0, "header: expected '{' as the first byte, found '['");
            refusedHeader("\0{}", 0, "header: expected '{' as the first byte, found 0x00");
            refusedHeader("\u007f{}", 0, "header: expected '{' as the first byte, found 0x7f");
        }

        @Test
        void aByteOrderMarkIsRefused() throws IOException {
            refusedHeader("\ufeff{}", 0, "header: expected '{' as the first byte, found 0xef");
        }

        @ParameterizedTest
        @ValueSource(strings = {"{}\n", "{} \t", "{}\r  "})
        void whiteSpaceOtherThanSpacesAfterTheObjectIsRefused(String header) throws IOException {
            refusedHeader(
                    header, 0, "header: expected only spaces after the JSON object, found 0x");
        }

        @ParameterizedTest
        @ValueSource(strings = {"{}{}", "{}  x", "{},", "{}\0", "{} null", "{}//"})
        void anythingElseAfterTheObjectIsRefused(String header) throws IOException {
            refusedHeader(header, 0, "header: expected ");
        }

        @ParameterizedTest
        @ValueSource(
                strings = {
                    "{",
                    "{\"w\"",
                    "{'w':{}}",
                    "{w:{}}",
                    "{\"w\"={}}",
                    "{\"w\":{};}",
                    "{\"w\":{},}",
                    "{,}",
                    "{\"w\":{}/**/}",
                    "{\"w\n\":{}}",
                    "{\"\\x\":{}}",
                    "{\"__metadata__\":{\"a\":nul}}",
                    "{\"__metadata__\":{\"a\":TRUE}}",
                    "{\"w\":{\"dtype\":\"F32\",\"shape\":[1,],\"data_offsets\":[0,4]}}",
                    "{\"w\":{\"dtype\":\"F32\",\"shape\":[01],\"data_offsets\":[0,4]}}",
                    "{\"w\":{\"dtype\":\"F32\",\"shape\":[+1],\"data_offsets\":[0,4]}}",
                    "{\"w\":{\"dtype\":\"F32\",\"shape\":[NaN],\"data_offsets\":[0,4]}}",
                })
        void looseJsonIsRefused(String header) throws IOException {
            refusedHeader(header, 4, "expected");
        }

        @Test
        void theParsersComplaintIsToldWithItsPositionAndWithoutAdviceToProgrammers()
                throws IOException {
            Path file = file(RawFile.of("{\"w\":{\"dtype\":F32}}", 4));
            assertThatThrownBy(() -> SafetensorsReader.open(file))
                    .hasMessage(
                            file
                                    + ": tensor \"w\": expected strict JSON, found an error at line"
                                    + " 1 column 15");
        }

        @ParameterizedTest
        @ValueSource(strings = {"\"\\ud800\"", "\"\\udc00\\ud800\"", "\"a\\udfff\""})
        void halfASurrogatePairIsRefused(String text) throws IOException {
            refusedHeader("{" + text + ":{}}", 0, "header: expected", "surrogate");
            refusedHeader("{\"__metadata__\":{\"a\":" + text + "}}", 0, "header: ", "surrogate");
            refusedHeader("{\"__metadata__\":{" + text + ":\"a\"}}", 0, "header: ", "surrogate");
        }

        @ParameterizedTest
        @ValueSource(strings = {"[", "{\"a\":", "{\"w\":[", "[{\"a\":"})
        void deepNestingIsRefusedWithoutRecursion(String level) throws IOException {
            String deep = level.repeat(100_000);
            refusedHeader("{\"w\":" + deep, 0, "tensor \"w\": expected");
            refusedHeader("{\"w\":{\"shape\":" + deep, 0, "tensor \"w\": expected shape");
            refusedHeader("{\"w\":{\"shape\":[" + deep, 0, "tensor \"w\": expected shape");
            refusedHeader("{\"w\":{\"dtype\":" + deep, 0, "tensor \"w\": expected dtype");
            refusedHeader("{\"w\":{\"extra\":" + deep, 0, "tensor \"w\": expected only the fields");
            refusedHeader("{\"__metadata__\":{\"a\":" + deep, 0, "header: expected __metadata__");
        }

        @Test
        void whatTheParserQuotesInItsComplaintIsMadePrintable() throws IOException {
            Path file = file(RawFile.of("{\"\\u\0\u001b\0\0\":1}", 0));
            assertThatThrownBy(() -> SafetensorsReader.open(file))
                    .isInstanceOf(SafetensorsException.class)
                    .hasMessageContaining("header: expected strict JSON, found")
                    .hasMessageContaining("\\u001b")
                    .hasMessageNotContaining("\u001b");
        }

        @Test
        void whatAMessageShowsOfTheFileIsShortAndPrintable() throws IOException {
            String name = "\\u001b[31m" + "x".repeat(1_000_000);
            Path file = file(RawFile.of("{\"" + name + "\":1}", 0));
            assertThatThrownBy(() -> SafetensorsReader.open(file))
                    .hasMessageContaining("tensor \"\\u001b[31mxxx")
                    .hasMessageContaining("… (1000005 characters)\": expected an object")
                    .satisfies(
                            e ->
                                    assertThat(e.getMessage().length() - file.toString().length())
                                            .isLessThan(300));
        }
    }

    @Nested
    class Metadata {
        @ParameterizedTest
        @ValueSource(strings = {"1", "null", "true", "{}", "[\"a\"]"})
        void aValueThatIsNoStringIsRefused(String value) throws IOException {
            refusedHeader(
                    "{\"__metadata__\":{\"step\":" + value + "}}",
                    0,
                    "header: expected __metadata__ key \"step\" to have a string, found");
        }

        @ParameterizedTest
        @ValueSource(strings = {"1", "null", "\"a\"", "[]"})
        void anythingButAnObjectIsRefused(String value) throws IOException {
            refusedHeader(
                    "{\"__metadata__\":" + value + "}",
                    0,
                    "header: expected __metadata__ to be an object, found");
        }

        @Test
        void aRepeatedKeyIsRefused() throws IOException {
            refusedHeader(
                    "{\"__metadata__\":{\"a\":\"1\",\"\\u0061\":\"1\"}}",
                    0,
                    "header: expected __metadata__ key \"a\" once, found it twice");
        }

        @Test
        void aSecondMapIsRefused() throws IOException {
            refusedHeader(
                    "{\"__metadata__\":{},\"__metadata__\":{}}",
                    0,
                    "header: expected __metadata__ once, found it twice");
        }
    }

    @Nested
    class TensorFields {
        @Test
        void aRepeatedNameIsRefused() throws IOException {
            refusedHeader(
                    "{"
                            + tensor("w", "U8", "[0]", "[0,0]")
                            + ","
                            + tensor("\\u0077", "U8", "[0]", "[0,0]")
                            + "}",
                    0,
                    "tensor \"w\": expected each name once, found it twice");
        }

        @ParameterizedTest
        @ValueSource(strings = {"f32", " F32", "8F", "F8-E4M3", "F-", ""})
        void whatIsNoNameOfADtypeIsRefused(String dtype) throws IOException {
            refusedTensor(
                    dtype,
                    "[]",
                    "[0,4]",
                    4,
                    "tensor \"w\": expected a dtype such as [F64, F32,",
                    dtype);
        }

        @ParameterizedTest
        @ValueSource(strings = {"F8_E4M3", "F4", "C64", "U16", "F128"})
        void aTensorOfATypeThatIsNotReadLeavesTheOthersReadable(String dtype) throws IOException {
            Path file =
                    file(
                            RawFile.of(
                                    ("{"
                                                    + tensor("w", "U8", "[1]", "[3,4]")
                                                    + ","
                                                    + tensor("other", dtype, "[6]", "[0,3]")
                                                    + "}")
                                            .getBytes(UTF_8),
                                    new byte[] {1, 2, 3, 4}));
            try (var reader = SafetensorsReader.open(file)) {
                assertThat(reader.tensors()).containsOnlyKeys("w");
                assertThat(reader.unreadable()).containsExactly(entry("other", dtype));
                assertThat(reader.find("other")).isEmpty();
                byte[] found = new byte[1];
                reader.read(reader.require("w"), MemorySegment.ofArray(found));
                assertThat(found).containsExactly(4);
                assertThatThrownBy(() -> reader.require("other"))
                        .isInstanceOf(SafetensorsException.class)
                        .hasMessageContaining("tensor \"other\": expected a dtype among [F64,")
                        .hasMessageEndingWith("found " + dtype);
            }
        }

        @ParameterizedTest
        @ValueSource(strings = {"[0]", "[2,1]", "[0,5]", "[1,3]", "[0,2]"})
        void suchATensorMustLieWhereItCanToo(String offsets) throws IOException {
            refusedTensor("F8_E4M3", "[4]", offsets, 4, "expected");
        }

        @Test
        void theNameOfSuchATensorStandsForNoOther() throws IOException {
            refusedHeader(
                    "{"
                            + tensor("w", "F4", "[0]", "[0,0]")
                            + ","
                            + tensor("w", "U8", "[0]", "[0,0]")
                            + "}",
                    0,
                    "tensor \"w\": expected each name once, found it twice");
        }

        @Test
        void aMissingFieldIsRefused() throws IOException {
            refusedHeader(
                    "{\"w\":{\"shape\":[],\"data_offsets\":[0,1]}}",
                    1,
                    "tensor \"w\": expected the field dtype, found none");
            refusedHeader(
                    "{\"w\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}",
                    1,
                    "tensor \"w\": expected the field shape, found none");
            refusedHeader(
                    "{\"w\":{\"dtype\":\"U8\",\"shape\":[]}}",
                    1,
                    "tensor \"w\": expected the field data_offsets, found none");
        }

        @Test
        void aFurtherFieldIsRefused() throws IOException {
            refusedHeader(
                    "{\"w\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1],\"strides\":[]}}",
                    1,
                    "tensor \"w\": expected only the fields",
                    "found \"strides\"");
        }

        @ParameterizedTest
        @ValueSource(strings = {"\"dtype\":\"U8\"", "\"shape\":[]", "\"data_offsets\":[0,1]"})
        void aRepeatedFieldIsRefused(String field) throws IOException {
            refusedHeader(
                    "{\"w\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]," + field + "}}",
                    1,
                    "tensor \"w\": expected the field",
                    "once, found it twice");
        }

        @ParameterizedTest
        @ValueSource(strings = {"1", "null", "\"a\"", "[]"})
        void aTensorThatIsNoObjectIsRefused(String value) throws IOException {
            refusedHeader("{\"w\":" + value + "}", 0, "tensor \"w\": expected an object, found");
        }

        @ParameterizedTest
        @ValueSource(
                strings = {
                    "-1",
                    "-0",
                    "1.5",
                    "1.0",
                    "1e400",
                    "1e0",
                    "-1e400",
                    "9223372036854775808"
                })
        void aNumberThatIsNotWholeAndWithinRangeIsRefused(String number) throws IOException {
            refusedTensor(
                    "U8", "[" + number + "]", "[0,1]", 1, "tensor \"w\": expected shape", number);
            refusedTensor(
                    "U8", "[1]", "[" + number + ",1]", 1, "tensor \"w\": expected data", number);
            refusedTensor(
                    "U8", "[1]", "[0," + number + "]", 1, "tensor \"w\": expected data", number);
        }

        @Test
        void aNumberOfManyDigitsIsRefused() throws IOException {
            String digits = "9".repeat(1_000_000);
            refusedTensor("U8", "[" + digits + "]", "[0,1]", 1, "tensor \"w\": expected");
        }

        @ParameterizedTest
        @ValueSource(strings = {"\"1\"", "null", "true", "[1]", "{}"})
        void aDimensionThatIsNoNumberIsRefused(String value) throws IOException {
            refusedTensor(
                    "U8", "[" + value + "]", "[0,1]", 1, "tensor \"w\": expected shape to hold");
        }

        @Test
        void aShapeWhoseSizeOverflowsIsRefused() throws IOException {
            // 2^62 * 4 is 0 modulo 2^64, which is what the offsets say.
            refusedTensor(
                    "F32",
                    "[4611686018427387904]",
                    "[0,0]",
                    0,
                    "tensor \"w\": expected a size below");
            refusedTensor(
                    "U8",
                    "[4294967296,4294967296]",
                    "[0,0]",
                    0,
                    "tensor \"w\": expected a size below");
            refusedTensor(
                    "U8",
                    "[4294967296,4294967296,0]",
                    "[0,0]",
                    0,
                    "tensor \"w\": expected a size below");
        }

        @Test
        void aShapeOfManyDimensionsIsReadAndShortenedInMessages() throws IOException {
            String shape = "[" + "1,".repeat(1023) + "2]";
            refusedTensor("U8", shape, "[0,1]", 1, "tensor \"w\"", "…] (1024 dimensions)");
        }

        @Test
        void aShapeOfMoreThan1024DimensionsIsRefused() throws IOException {
            String shape = "[" + "1,".repeat(1024) + "1]";
            refusedTensor(
                    "U8", shape, "[0,1]", 1, "tensor \"w\": expected shape to hold at most 1024");
        }
    }

    @Nested
    class Offsets {
        @ParameterizedTest
        @ValueSource(strings = {"[]", "[0]", "[0,1,1]"})
        void anythingButTwoOffsetsIsRefused(String offsets) throws IOException {
            refusedTensor(
                    "U8", "[1]", offsets, 1, "tensor \"w\": expected 2 data_offsets, found [");
        }

        @Test
        void offsetsInFallingOrderAreRefused() throws IOException {
            refusedTensor("U8", "[1]", "[1,0]", 1, "tensor \"w\"", "rising order", "found [1, 0]");
        }

        @Test
        void offsetsBeyondTheDataAreRefused() throws IOException {
            refusedTensor("U8", "[1]", "[4,5]", 4, "tensor \"w\"", "4 bytes of data", "[4, 5]");
            refusedTensor(
                    "U8", "[0]", "[9223372036854775807,9223372036854775807]", 0, "tensor \"w\"");
        }

        @Test
        void offsetsThatDoNotFitTheShapeAreRefused() throws IOException {
            refusedTensor(
                    "F32",
                    "[2,3]",
                    "[0,20]",
                    20,
                    "tensor \"w\": expected data_offsets 24 bytes apart for shape [2, 3] of F32,"
                            + " found [0, 20]");
        }

        @Test
        void aHoleIsRefused() throws IOException {
            refusedTensor("U8", "[1]", "[1,2]", 2, "tensor \"w\"", "begin at 0", "a hole at 1");
        }

        @Test
        void anOverlapIsRefused() throws IOException {
            refusedHeader(
                    "{"
                            + tensor("b", "U8", "[3]", "[1,4]")
                            + ","
                            + tensor("a", "U8", "[2]", "[0,2]")
                            + "}",
                    4,
                    "tensor \"b\"",
                    "begin at 2",
                    "an overlap at 1");
        }

        @Test
        void twoTensorsOverTheSameBytesAreRefused() throws IOException {
            refusedHeader(
                    "{"
                            + tensor("a", "U8", "[2]", "[0,2]")
                            + ","
                            + tensor("b", "U8", "[2]", "[0,2]")
                            + "}",
                    2,
                    "tensor \"b\"",
                    "an overlap at 0");
        }

        @Test
        void anEmptyTensorInsideAnotherIsRefused() throws IOException {
            refusedHeader(
                    "{"
                            + tensor("a", "U8", "[2]", "[0,2]")
                            + ","
                            + tensor("e", "U8", "[0]", "[1,1]")
                            + "}",
                    2,
                    "tensor \"e\"",
                    "an overlap at 1");
        }
    }

    @Nested
    class AnAcceptedFile {
        @Test
        void aFileWithoutTensorsIsRead() throws IOException {
            try (var reader = SafetensorsReader.open(file(RawFile.of("{}", 0)))) {
                assertThat(reader.tensors()).isEmpty();
                assertThat(reader.metadata()).isEmpty();
            }
        }

        @Test
        void paddingAndWhiteSpaceWithinTheObjectAreRead() throws IOException {
            String header = "{ \"__metadata__\"\n:\t{ \"a\" : \"b\" }\r\n}      ";
            try (var reader = SafetensorsReader.open(file(RawFile.of(header, 0)))) {
                assertThat(reader.metadata()).containsExactly(entry("a", "b"));
            }
        }

        @Test
        void tensorsInAnyOrderAndAlignmentAreReadInTheHeadersOrder() throws IOException {
            String header =
                    "{"
                            + tensor("last", "F32", "[1]", "[3,7]")
                            + ",\"__metadata__\":{\"z\":\"1\",\"a\":\"2\"},"
                            + tensor("first", "U8", "[3]", "[0,3]")
                            + ","
                            + tensor("empty", "F64", "[0,7]", "[3,3]")
                            + "}";
            byte[] data =
                    ByteBuffer.allocate(7)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .put(new byte[] {1, 2, 3})
                            .putFloat(0.5f)
                            .array();
            try (var reader =
                    SafetensorsReader.open(file(RawFile.of(header.getBytes(UTF_8), data)))) {
                assertThat(reader.metadata()).containsExactly(entry("z", "1"), entry("a", "2"));
                assertThat(reader.tensors().values())
                        .containsExactly(
                                new TensorInfo("last", DType.F32, List.of(1L), 3, 7),
                                new TensorInfo("first", DType.U8, List.of(3L), 0, 3),
                                new TensorInfo("empty", DType.F64, List.of(0L, 7L), 3, 3));
                assertThat(reader.floats("last")).containsExactly(0.5f);
                byte[] bytes = new byte[3];
                reader.read(reader.require("first"), MemorySegment.ofArray(bytes));
                assertThat(bytes).containsExactly(1, 2, 3);
            }
        }

        @Test
        void anEscapedSurrogatePairIsOneCharacterWhereverItStands() throws IOException {
            for (int length = 1000; length < 1040; length++) {
                String text = "x".repeat(length);
                String header = "{\"__metadata__\":{\"a\":\"" + text + "\\ud83d\\ude00\"}}";
                try (var reader = SafetensorsReader.open(file(RawFile.of(header, 0)))) {
                    assertThat(reader.metadata()).containsExactly(entry("a", text + "😀"));
                }
            }
        }

        @Test
        void namesThatLookLikeSomethingElseAreJustNames() throws IOException {
            String header =
                    "{"
                            + tensor("", "U8", "[0]", "[0,0]")
                            + ","
                            + tensor("dtype", "U8", "[0]", "[0,0]")
                            + ","
                            + tensor("__proto__", "U8", "[0]", "[0,0]")
                            + "}";
            try (var reader = SafetensorsReader.open(file(RawFile.of(header, 0)))) {
                assertThat(reader.tensors().keySet()).containsExactly("", "dtype", "__proto__");
            }
        }

        @Test
        void itsMapsCannotBeChanged() throws IOException {
            try (var reader = SafetensorsReader.open(file(RawFile.of("{}", 0)))) {
                assertThatThrownBy(() -> reader.metadata().put("a", "b"))
                        .isInstanceOf(UnsupportedOperationException.class);
                assertThatThrownBy(() -> reader.tensors().clear())
                        .isInstanceOf(UnsupportedOperationException.class);
            }
        }

        @Test
        void offsetsAbove2GiBAreRead() throws IOException {
            long large = (3L << 30) + 1;
            String header =
                    "{"
                            + tensor("large", "U8", "[" + large + "]", "[0," + large + "]")
                            + ","
                            + tensor("w", "F32", "[1]", "[" + large + "," + (large + 4) + "]")
                            + "}";
            Path file = file(RawFile.of(header, 0));
            try (var sparse = new RandomAccessFile(file.toFile(), "rw")) {
                sparse.seek(sparse.length() + large);
                sparse.write(new byte[] {0, 0, (byte) 0x80, 0x3f});
            }
            try (var reader = SafetensorsReader.open(file)) {
                assertThat(reader.require("large").elementCount()).isEqualTo(large);
                assertThat(reader.floats("w")).containsExactly(1f);
                assertThatThrownBy(() -> reader.floats("large"))
                        .isInstanceOf(SafetensorsException.class)
                        .hasMessageContaining("expected dtype F32, found U8");
            }
        }
    }

    @Nested
    class Reading {
        private SafetensorsReader open() throws IOException {
            String header =
                    "{"
                            + tensor("w", "F32", "[2]", "[0,8]")
                            + ","
                            + tensor("i", "I64", "[1]", "[8,16]")
                            + "}";
            byte[] data =
                    ByteBuffer.allocate(16)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putFloat(1.5f)
                            .putFloat(-2f)
                            .putLong(7)
                            .array();
            return SafetensorsReader.open(file(RawFile.of(header.getBytes(UTF_8), data)));
        }

        @Test
        void everyKindOfWritableMemoryCanTakeATensor() throws IOException {
            try (var reader = open();
                    Arena confined = Arena.ofConfined();
                    Arena shared = Arena.ofShared()) {
                float[] floats = new float[2];
                byte[] bytes = new byte[9];
                List<MemorySegment> destinations =
                        List.of(
                                confined.allocate(8),
                                shared.allocate(8),
                                confined.allocate(9).asSlice(1),
                                MemorySegment.ofArray(floats),
                                MemorySegment.ofArray(bytes).asSlice(1));
                for (MemorySegment destination : destinations) {
                    reader.read(reader.require("w"), destination);
                    var layout =
                            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
                    if (destination.heapBase().orElse(null) instanceof float[] array) {
                        assertThat(array).containsExactly(1.5f, -2f);
                    } else {
                        assertThat(destination.get(layout, 0)).isEqualTo(1.5f);
                        assertThat(destination.get(layout, 4)).isEqualTo(-2f);
                    }
                }
            }
        }

        @Test
        void aSinkTakesReadOnlyChunksInOrder() throws IOException {
            int size = 2 * Format.CHUNK_BYTES + 3;
            byte[] data = new byte[size];
            for (int i = 0; i < size; i++) {
                data[i] = (byte) (i * 31 + i / 1000);
            }
            String header = "{" + tensor("w", "U8", "[" + size + "]", "[0," + size + "]") + "}";
            byte[] collected = new byte[size];
            var next = new long[1];
            try (var reader =
                    SafetensorsReader.open(file(RawFile.of(header.getBytes(UTF_8), data)))) {
                reader.read(
                        reader.require("w"),
                        (chunk, offset) -> {
                            assertThat(offset).isEqualTo(next[0]);
                            assertThat(chunk.isReadOnly()).isTrue();
                            assertThat(chunk.byteSize()).isBetween(1L, (long) Format.CHUNK_BYTES);
                            MemorySegment.copy(
                                    chunk,
                                    0,
                                    MemorySegment.ofArray(collected),
                                    offset,
                                    chunk.byteSize());
                            next[0] += chunk.byteSize();
                        });
            }
            assertThat(next[0]).isEqualTo(size);
            assertThat(collected).isEqualTo(data);
        }

        @Test
        void whatASinkThrowsIsPassedOn() throws IOException {
            try (var reader = open()) {
                var failure = new IOException("the device is gone");
                assertThatThrownBy(
                                () ->
                                        reader.read(
                                                reader.require("w"),
                                                (_, _) -> {
                                                    throw failure;
                                                }))
                        .isSameAs(failure);
            }
        }

        @Test
        void aDestinationOfAnotherSizeIsRefused() throws IOException {
            try (var reader = open();
                    Arena arena = Arena.ofConfined()) {
                assertThatThrownBy(() -> reader.read(reader.require("w"), arena.allocate(9)))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage("destination of tensor \"w\": expected 8 bytes, got 9");
            }
        }

        @Test
        void aReadOnlyDestinationIsRefused() throws IOException {
            try (var reader = open();
                    Arena arena = Arena.ofConfined()) {
                var destination = arena.allocate(8).asReadOnly();
                assertThatThrownBy(() -> reader.read(reader.require("w"), destination))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("writable");
            }
        }

        @Test
        void aTensorOfAnotherFileIsRefused() throws IOException {
            var foreign = new TensorInfo("w", DType.F32, List.of(2L), 8, 16);
            try (var reader = open();
                    Arena arena = Arena.ofConfined()) {
                assertThatThrownBy(() -> reader.read(foreign, arena.allocate(8)))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("model.safetensors, got \"w\" F32 [2] at [8, 16]");
            }
        }

        @Test
        void floatsOfATensorThatComesInSeveralChunksAreWhole() throws IOException {
            int count = 3 * (1 << 18) + 5;
            var data = ByteBuffer.allocate(4 * count).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < count; i++) {
                data.putFloat(i);
            }
            var header = "{" + tensor("w", "F32", "[" + count + "]", "[0," + 4 * count + "]") + "}";
            try (var reader =
                    SafetensorsReader.open(
                            file(RawFile.of(header.getBytes(UTF_8), data.array())))) {
                var floats = reader.floats("w");
                assertThat(floats).hasSize(count);
                for (int i = 0; i < count; i++) {
                    assertThat(floats[i]).isEqualTo(i);
                }
            }
        }

        @Test
        void whetherAsManyFloatsFitAsAnArrayCanHoldIsAQuestionOfMemoryAndMoreAreRefused()
                throws IOException {
            int most = Integer.MAX_VALUE - 8;
            assumeThat(Runtime.getRuntime().maxMemory()).isLessThan(4L * most);
            try (var reader = openSparse(most)) {
                assertThatThrownBy(() -> reader.floats("w")).isInstanceOf(OutOfMemoryError.class);
            }
            try (var reader = openSparse(most + 1L)) {
                assertThatThrownBy(() -> reader.floats("w"))
                        .isInstanceOf(SafetensorsException.class)
                        .hasMessageEndingWith(
                                "tensor \"w\": expected at most %d elements, which fit into an array, found %d"
                                        .formatted(most, most + 1L));
            }
        }

        private SafetensorsReader openSparse(long count) throws IOException {
            long size = count * Float.BYTES;
            var header = "{" + tensor("w", "F32", "[" + count + "]", "[0," + size + "]") + "}";
            var file = file(RawFile.of(header, 0));
            try (var sparse = new RandomAccessFile(file.toFile(), "rw")) {
                sparse.setLength(sparse.length() + size);
            }
            return SafetensorsReader.open(file);
        }

        @Test
        void aReaderSaysWhatItReads() throws IOException {
            try (var reader = open()) {
                assertThat(reader)
                        .hasToString(
                                "SafetensorsReader["
                                        + folder.resolve("model.safetensors")
                                        + ", 2 tensors]");
            }
        }

        @Test
        void aReaderThatIsClosedOrWasNeverOpenedHoldsNoFile() throws IOException {
            assumeThat(OPEN_FILES).isDirectory();
            var reader = open();
            assertThat(timesOpen()).isOne();
            reader.close();
            assertThat(timesOpen()).isZero();
            refusedHeader("[]", 0, "header: ");
            assertThat(timesOpen()).isZero();
        }

        private long timesOpen() throws IOException {
            var file = folder.resolve("model.safetensors").toRealPath();
            try (var descriptors = Files.list(OPEN_FILES)) {
                return descriptors.filter(each -> leadsTo(each, file)).count();
            }
        }

        private static boolean leadsTo(Path descriptor, Path file) {
            try {
                return Files.readSymbolicLink(descriptor).equals(file);
            } catch (IOException _) {
                // Closed by now, such as that of the folder itself.
                return false;
            }
        }

        @Test
        void floatsOfAMissingTensorAreRefused() throws IOException {
            try (var reader = open()) {
                assertThat(reader.find("v")).isEmpty();
                assertThatThrownBy(() -> reader.floats("v"))
                        .isInstanceOf(SafetensorsException.class)
                        .hasMessageEndingWith(
                                "model.safetensors: tensor \"v\": expected in the file, found"
                                        + " none");
            }
        }

        @Test
        void floatsOfAnotherDtypeAreRefused() throws IOException {
            try (var reader = open()) {
                assertThatThrownBy(() -> reader.floats("i"))
                        .isInstanceOf(SafetensorsException.class)
                        .hasMessageContaining("tensor \"i\": expected dtype F32, found I64");
            }
        }

        @Test
        void aFileThatShrinksAfterItWasOpenedIsRefused() throws IOException {
            try (var reader = open()) {
                Path file = folder.resolve("model.safetensors");
                try (var raw = new RandomAccessFile(file.toFile(), "rw")) {
                    raw.setLength(raw.length() - 1);
                }
                assertThat(reader.floats("w")).containsExactly(1.5f, -2f);
                assertThatThrownBy(
                                () ->
                                        reader.read(
                                                reader.require("i"),
                                                MemorySegment.ofArray(new byte[8])))
                        .isInstanceOf(SafetensorsException.class)
                        .hasMessageContaining("tensor \"i\": expected 8 bytes")
                        .hasMessageContaining("ends after 7");
            }
        }

        @Test
        void aClosedReaderStillDescribesButDoesNotRead() throws IOException {
            var reader = open();
            reader.close();
            reader.close();
            assertThat(reader.require("w").byteSize()).isEqualTo(8);
            assertThatThrownBy(() -> reader.floats("w"))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("model.safetensors is closed");
        }
    }
}

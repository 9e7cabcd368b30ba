/**
 * Reading and writing files of the <a
 * href="https://huggingface.co/docs/safetensors/index#format">safetensors</a> format, which holds
 * named tensors and a map of strings.
 *
 * <p>A file is 8 bytes with the header's length (unsigned, little-endian), the header (a JSON
 * object in UTF-8, padded with spaces), and the tensors' bytes (little-endian, row-major), which
 * cover the rest of the file without holes or overlaps.
 *
 * <p>Checksums are strings of the header's map, so that the file stays one of the format: {@code
 * crc32c/NAME} has that of a tensor's bytes, {@code crc32c} that of the header with these digits as
 * zeros, each CRC-32C in eight hexadecimal digits. The latter is the header's first field, which
 * begins with <code>&#123;"__metadata__":&#123;"crc32c":"</code>. A file has all of them or none.
 *
 * <p>{@link org.panoptim.safetensors.SafetensorsReader} trusts no file: it checks all of the header
 * before it hands out anything. {@link org.panoptim.safetensors.SafetensorsWriter} replaces a file
 * as a whole or leaves it as it was.
 */
@NullMarked
package org.panoptim.safetensors;

import org.jspecify.annotations.NullMarked;

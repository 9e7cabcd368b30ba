package org.panoptim.safetensors;

import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/**
 * What a header says.
 *
 * @param metadata the map of strings without checksums, in the file's order
 * @param tensors the tensors by name, in the file's order
 * @param unreadable the types of tensors by name, where they are not among {@link
 *     org.panoptim.tensor.DType}, in the file's order
 * @param checksum that of the header, which was verified; absent if there are no checksums
 * @param checksums the tensors' by name; of all of them or of none
 */
record Header(
        SequencedMap<String, String> metadata,
        SequencedMap<String, TensorInfo> tensors,
        SequencedMap<String, String> unreadable,
        Optional<String> checksum,
        Map<String, Integer> checksums) {
    /** Wraps the maps, which the caller gives away: a copy would double a large header. */
    Header {
        metadata = Collections.unmodifiableSequencedMap(metadata);
        tensors = Collections.unmodifiableSequencedMap(tensors);
        unreadable = Collections.unmodifiableSequencedMap(unreadable);
        checksums = Collections.unmodifiableMap(checksums);
    }
}

package org.panoptim.safetensors;

import java.util.Collections;
import java.util.SequencedMap;

/** What a header says: the map of strings and the tensors by name, both in the file's order. */
record Header(SequencedMap<String, String> metadata, SequencedMap<String, TensorInfo> tensors) {
    /** Wraps the maps, which the caller gives away: a copy would double a large header. */
    Header {
        metadata = Collections.unmodifiableSequencedMap(metadata);
        tensors = Collections.unmodifiableSequencedMap(tensors);
    }
}

package org.panoptim.safetensors;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/** What a header says: the map of strings and the tensors by name, both in the file's order. */
record Header(SequencedMap<String, String> metadata, SequencedMap<String, TensorInfo> tensors) {
    Header {
        metadata = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(metadata));
        tensors = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(tensors));
    }
}

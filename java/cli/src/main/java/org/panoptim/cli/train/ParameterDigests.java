package org.panoptim.cli.train;

import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * SHA-256 of what optimizers made of the parameters: of their bytes in registration order, and of
 * several seeds' one after the other.
 */
public final class ParameterDigests {

    private final SequencedMap<String, MessageDigest> digests = new LinkedHashMap<>();

    /** Of no optimizer yet. */
    public ParameterDigests() {}

    /**
     * Adds what an optimizer left.
     *
     * @param parameters on the host
     */
    public void add(String optimizer, List<Parameter> parameters) {
        var digest = digests.computeIfAbsent(optimizer, _ -> sha256());
        for (var parameter : parameters) {
            digest.update(((HostMemory) parameter.value()).segment().asByteBuffer());
        }
    }

    /** Forgets an optimizer. */
    public void remove(String optimizer) {
        digests.remove(optimizer);
    }

    /**
     * The digests in hexadecimal, by the names of the optimizers; nothing can be added any more.
     */
    public SequencedMap<String, String> all() {
        var all = new LinkedHashMap<String, String>();
        digests.forEach((name, digest) -> all.put(name, HexFormat.of().formatHex(digest.digest())));
        return Collections.unmodifiableSequencedMap(all);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}

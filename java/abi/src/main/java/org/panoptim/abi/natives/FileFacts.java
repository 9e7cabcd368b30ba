package org.panoptim.abi.natives;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Map;

/**
 * Whose a file or folder is, and what changes whenever it does; of a symbolic link itself.
 *
 * @param owner the number of the user
 * @param mode type and permissions, as {@code stat} has them
 * @param version differs as soon as the content or the file was exchanged, whoever did it: size,
 *     times and inode; the time of the inode's last change cannot be set
 */
record FileFacts(long owner, int mode, String version) {

    private static final Path STATUS = Path.of("/proc/self/status");
    private static final String USERS = "\nUid:";

    private static final int TYPE = 0170000;
    private static final int FOLDER = 0040000;
    private static final int REGULAR = 0100000;
    private static final int EXECUTABLE_BY_OWNER = 0100;
    private static final int WRITABLE_BY_OTHERS = 0022;
    private static final int STICKY = 01000;

    static FileFacts of(Path file) throws IOException {
        try {
            var unix =
                    Files.readAttributes(
                            file,
                            "unix:uid,mode,size,lastModifiedTime,ctime,ino,dev",
                            LinkOption.NOFOLLOW_LINKS);
            return new FileFacts(number(unix, "uid"), (int) number(unix, "mode"), version(unix));
        } catch (UnsupportedOperationException | IllegalArgumentException e) {
            throw new IOException("its file system does not say whose a file is", e);
        }
    }

    private static long number(Map<String, Object> attributes, String name) {
        return attributes.get(name) instanceof Number number ? number.longValue() : -1;
    }

    // Joined, since the first formatting of a process takes longer than all the rest.
    private static String version(Map<String, Object> attributes) {
        return attributes.get("size")
                + " bytes, modified "
                + attributes.get("lastModifiedTime")
                + ", changed "
                + attributes.get("ctime")
                + ", inode "
                + attributes.get("ino")
                + " of "
                + attributes.get("dev");
    }

    /** The user whose this process's new files are. */
    static long user() throws IOException {
        // /proc/self itself is root's where a process may not be traced.
        if (!Files.isReadable(STATUS)) {
            return ownerOfNewFile();
        }
        var status = new String(Files.readAllBytes(STATUS), StandardCharsets.US_ASCII);
        int begin = status.indexOf(USERS) + USERS.length();
        var fields = status.substring(begin, status.indexOf('\n', begin)).strip();
        return Long.parseLong(fields.substring(fields.lastIndexOf('\t') + 1));
    }

    /** Where there is no /proc, as in a bare chroot. */
    private static long ownerOfNewFile() throws IOException {
        var file = Files.createTempFile("panoptim-", ".owner");
        try {
            return of(file).owner();
        } finally {
            Files.delete(file);
        }
    }

    boolean isFolder() {
        return (mode & TYPE) == FOLDER;
    }

    boolean isRegularFile() {
        return (mode & TYPE) == REGULAR;
    }

    /** Whether its owner may execute it, by the file's permissions. */
    boolean isExecutableByOwner() {
        return (mode & EXECUTABLE_BY_OWNER) != 0;
    }

    /** Whether others than the owner can write to it. */
    boolean isWritableByOthers() {
        return (mode & WRITABLE_BY_OTHERS) != 0;
    }

    /**
     * Whether others can rename what lies in this folder. Where the sticky bit is set, as on {@code
     * /tmp}, they can rename only what is theirs.
     */
    boolean letsOthersRename() {
        return isWritableByOthers() && (mode & STICKY) == 0;
    }
}

#!/usr/bin/env python3
"""Tests what scripts/progress leaves on the screens of terminals of several widths, in real
pseudo-terminals."""

import fcntl
import os
import pathlib
import pty
import re
import struct
import subprocess
import termios
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONG = "Panoptim benchmarks: what other libraries' optimizers offer to those who ask (9 s)"


def screen(output, columns):
    """The lines of a terminal that knows carriage returns, erasing to the end of a line, and wrapping."""
    lines, row, column, wraps, pending = [""], 0, 0, True, False
    for part in re.findall(r"\x1b\[\??\d*[A-Za-z]|.|\n", output, re.DOTALL):
        if part == "\n":
            row, pending = row + 1, False
            lines += [""] * (row + 1 - len(lines))
        elif part == "\r":
            column, pending = 0, False
        elif part == "\x1b[K":
            lines[row] = lines[row][:column]
        elif part in ("\x1b[?7l", "\x1b[?7h"):
            wraps = part.endswith("h")
        else:
            assert part.isprintable(), repr(part)
            if pending and wraps:
                row, column, pending = row + 1, 0, False
                lines += [""] * (row + 1 - len(lines))
            line = lines[row].ljust(column)
            lines[row] = line[:column] + part + line[column + 1:]
            pending = column == columns - 1
            column += not pending
    return [line.rstrip() for line in lines]


def on_terminal(script, columns):
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(["bash", "-euo", "pipefail", "-c", f"source {ROOT}/scripts/progress\n{script}"],
                          stdin=follower, stdout=follower, stderr=follower,
                          env={**os.environ, "TERM": "xterm"}) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                part = os.read(leader, 4096)
            except OSError:
                part = b""
            if not part:
                break
            shown += part
    os.close(leader)
    assert process.returncode == 0, shown
    return screen(shown.decode(), columns)


class ProgressTest(unittest.TestCase):
    def test_a_bar_is_one_line_in_every_window(self):
        for columns in (8, 20, 40, 60, 71, 72, 80, 120):
            with self.subTest(columns=columns):
                lines = on_terminal(f'progress 10 "{LONG}"; progress 100 "{LONG}"', columns)

                self.assertEqual(len(lines), 1, lines)
                self.assertLessEqual(len(lines[0]), max(columns - 1, 8))

    def test_what_does_not_fit_ends_after_a_word(self):
        self.assertEqual(on_terminal(f'progress 50 "{LONG}"', 60),
                         ["[######      ]  50 %  Panoptim benchmarks: what other .."])
        self.assertEqual(on_terminal(f'progress 50 "{LONG}"', 120), [f"[{'#' * 12}{' ' * 12}]  50 %  {LONG}"])

    def test_nothing_is_left_where_it_ends(self):
        self.assertEqual(on_terminal('progress 50 "a word"; progress_end; echo done', 80), ["done", ""])

    def test_a_terminal_without_a_size_has_80_columns(self):
        self.assertEqual(on_terminal('progress 0 "a word"', 0), [f"[{' ' * 24}]   0 %  a word"])

    def test_nothing_is_drawn_on_a_terminal_without_control_sequences(self):
        self.assertEqual(on_terminal('TERM=dumb; progress 50 "a word"; progress_end', 80), [""])


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Tests what scripts/mutation-score makes of pitest's report, over modules of a report, a class and a list
of equivalent mutants."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = """package org.example;

final class Adder {
    static int add(int a, int b) {
        return a + b;
    }

    static boolean positive(int a) {
        return a > 0;
    }
}
"""
MATH = "org.pitest.mutationtest.engine.gregor.mutators.MathMutator"
BOUNDARY = "org.pitest.mutationtest.engine.gregor.mutators.ConditionalsBoundaryMutator"
# As the script prints them and the list of equivalent ones names them.
ADDITION = "org.example.Adder.add | MathMutator | return a + b;"
COMPARISON = "org.example.Adder.positive | ConditionalsBoundaryMutator | return a > 0;"


class MutationScoreTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.module = pathlib.Path(folder.name) / "module"
        self.report = xml.Element("mutations")
        self.write("src/main/java/org/example/Adder.java", SOURCE)

    def write(self, name, text):
        file = self.module / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def addition(self, status, count=1):
        self.mutants(status, count, "add", MATH, 5)

    def comparison(self, status, count=1):
        self.mutants(status, count, "positive", BOUNDARY, 9)

    def mutants(self, status, count, method, mutator, line):
        for _ in range(count):
            detected = str(status in ("KILLED", "TIMED_OUT")).lower()
            mutation = xml.SubElement(self.report, "mutation", detected=detected, status=status)
            for name, text in {
                "sourceFile": "Adder.java",
                "mutatedClass": "org.example.Adder",
                "mutatedMethod": method,
                "lineNumber": str(line),
                "mutator": mutator,
            }.items():
                xml.SubElement(mutation, name).text = text

    def equivalent(self, *mutants):
        lines = ["# Says what is below.", "", *(f"its reason # {mutant}" for mutant in mutants)]
        self.write("src/test/equivalent-mutants.txt", "\n".join(lines) + "\n")

    def score(self):
        self.write("target/pit-reports/mutations.xml", xml.tostring(self.report, encoding="unicode"))
        return self.run_script()

    def run_script(self):
        return subprocess.run([ROOT / "scripts/mutation-score", self.module], capture_output=True, encoding="utf-8",
                              check=False)

    def assert_says(self, result, status, *out, err=""):
        self.assertEqual((result.returncode, result.stdout.splitlines(), result.stderr), (status, list(out), err))

    def test_where_all_are_killed_it_says_so(self):
        self.addition("KILLED", 3)
        self.comparison("TIMED_OUT")

        self.assert_says(self.score(), 0, "module: 4 of 4 mutants killed (100.0 %), 0 equivalent ones left out")

    def test_survivors_are_named_by_class_method_mutator_and_line(self):
        self.addition("KILLED", 98)
        self.addition("SURVIVED")
        self.comparison("NO_COVERAGE")

        self.assert_says(self.score(), 0, f"survived: {ADDITION}", f"no_coverage: {COMPARISON}",
                         "module: 98 of 100 mutants killed (98.0 %), 0 equivalent ones left out")

    def test_the_source_of_a_survivor_may_lie_in_another_module(self):
        for other in ("other", "java/other"):
            with self.subTest(other):
                source = self.module / "src/main/java/org/example/Adder.java"
                self.write(f"../{other}/src/main/java/org/example/Adder.java", SOURCE)
                source.unlink(missing_ok=True)
                self.addition("SURVIVED")

                self.assertIn(f"survived: {ADDITION}", self.score().stdout)
                shutil.rmtree(self.module.parent / other)

    def test_97_percent_are_enough_and_less_is_not(self):
        self.addition("KILLED", 97)
        self.comparison("SURVIVED", 3)
        self.assertEqual(self.score().returncode, 0)

        self.comparison("SURVIVED")
        survivors = [f"survived: {COMPARISON}"] * 4
        self.assert_says(self.score(), 1, *survivors,
                         "module: 97 of 101 mutants killed (96.0 %), 0 equivalent ones left out",
                         err="fewer than 97 % of the mutants are killed\n")

    def test_equivalent_ones_count_neither_way(self):
        self.addition("KILLED")
        self.comparison("SURVIVED")
        self.equivalent(COMPARISON)

        self.assert_says(self.score(), 0, "module: 1 of 1 mutants killed (100.0 %), 1 equivalent ones left out")

    def test_a_line_stands_for_one_mutant_even_if_others_have_its_text(self):
        self.addition("KILLED", 99)
        self.comparison("SURVIVED", 2)
        self.equivalent(COMPARISON)

        self.assert_says(self.score(), 0, f"survived: {COMPARISON}",
                         "module: 99 of 100 mutants killed (99.0 %), 1 equivalent ones left out")

        self.equivalent(COMPARISON, COMPARISON)
        self.assert_says(self.score(), 0, "module: 99 of 99 mutants killed (100.0 %), 2 equivalent ones left out")

    def test_a_line_may_be_about_one_that_took_too_long(self):
        self.addition("KILLED")
        self.comparison("TIMED_OUT")
        self.comparison("SURVIVED")
        self.equivalent(COMPARISON)
        self.assert_says(self.score(), 0, "module: 2 of 2 mutants killed (100.0 %), 1 equivalent ones left out")

        self.equivalent(COMPARISON, COMPARISON)
        self.assert_says(self.score(), 0, "module: 1 of 1 mutants killed (100.0 %), 2 equivalent ones left out")

    def test_a_line_about_one_that_was_killed_is_an_error(self):
        self.addition("KILLED")
        self.equivalent(ADDITION)

        self.assert_says(self.score(), 1, "module: 1 of 1 mutants killed (100.0 %), 0 equivalent ones left out",
                         err=f"equivalent-mutants.txt: no such one: {ADDITION}\n")

    def test_a_line_about_what_was_left_out_this_time_is_none(self):
        self.addition("KILLED")
        self.equivalent(COMPARISON)

        self.assert_says(self.score(), 0, "module: 1 of 1 mutants killed (100.0 %), 0 equivalent ones left out")

    def test_a_line_that_is_not_in_the_code_any_more_is_an_error(self):
        self.addition("KILLED", 99)
        self.comparison("SURVIVED")
        self.equivalent(COMPARISON.replace("a > 0", "a >= 1"))

        result = self.score()

        self.assertEqual(result.returncode, 1)
        self.assertIn("no such one: org.example.Adder.positive | ConditionalsBoundaryMutator | return a >= 1;",
                      result.stderr)

    def test_without_a_report_or_with_an_empty_one_it_says_that_pitest_has_written_none(self):
        for make in (lambda: None, lambda: self.write("target/pit-reports/mutations.xml", "")):
            make()

            self.assert_says(self.run_script(), 1,
                             err=f"{self.module}/target/pit-reports/mutations.xml: pitest has written no report\n")

    def test_a_report_without_a_mutant_is_no_success(self):
        self.assert_says(self.score(), 1, "module: 0 of 0 mutants killed (0.0 %), 0 equivalent ones left out",
                         err="fewer than 97 % of the mutants are killed\n")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Tests kernels.py over a driver that runs kernels on the CPU.

    test_kernels.py LIBCUDA IMAGE       an image that this driver takes

Exit status 3, with one line, where numpy is not installed.
"""

import contextlib
import io
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile
from unittest import mock

try:
    import numpy as np
except ImportError:
    print("panoptim: numpy is not installed: bench/device is not tested")
    sys.exit(3)

FOLDER = pathlib.Path(__file__).resolve().parents[1]
ROOT = FOLDER.parents[1]
sys.path.insert(0, str(FOLDER))

import interface  # noqa: E402
import kernels  # noqa: E402
import step  # noqa: E402
from clock import Clock, Candidate  # noqa: E402
from driver import Driver, Image, Memory, NotPossible  # noqa: E402

LIBRARY, IMAGE = sys.argv[1:3] if len(sys.argv) > 2 else ("", "")


def run(*arguments):
    """What the program returned, and what it said."""
    command = ["kernels.py", f"--library={LIBRARY}", *arguments]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        with mock.patch.object(sys, "argv", command):
            try:
                status = kernels.main()
            except SystemExit as ended:
                status = ended.code
    return status, said.getvalue()


class Figures(unittest.TestCase):
    """The whole program."""

    def figures(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "figures.json"
            images = [f"--image=first={IMAGE}", f"--image=second={IMAGE}"]
            status, said = run(*images, *arguments, f"--output={file}")
            self.assertEqual(status, 0, said)
            return json.loads(file.read_text(encoding="utf-8"))

    def test_every_kernel_of_a_step_is_timed_on_every_image(self):
        report = self.figures("--workload=tiny", "--rule=lion", "--blocks=balanced,all")
        self.assertTrue(report["virtual"])
        self.assertGreater(report["copy"]["gb_per_s"], 0)
        timed = {(each["what"], each["image"]) for each in report["figures"]}
        images = ["first", "first, all blocks", "second", "second, all blocks"]
        everywhere = ["control", "control, clipping", "step", "zero"]
        expected = {(what, image) for what in everywhere for image in ("first", "second")}
        for what in ("measure", "update", "clip + step + zero"):
            expected |= {(what, image) for image in images}
        self.assertEqual(timed, expected)
        for each in report["figures"]:
            self.assertEqual(each["microseconds"]["samples"], 1)
            self.assertGreater(each["microseconds"]["median"], 0)
        check = {"workload": "tiny", "rule": "lion", "problems": []}
        self.assertEqual(report["checks"], [check])

    def test_tensors_that_are_many_are_prepared_by_a_launch_of_their_own(self):
        report = self.figures("--workload=tensors-10000", "--rule=sgd")
        self.assertIn("prepare", {each["what"] for each in report["figures"]})
        self.assertEqual(report["checks"][0]["problems"], [])

    def test_inverses_are_small_residuals_away_from_their_factors(self):
        report = self.figures("--model=tiny")
        timed = {each["what"] for each in report["figures"]}
        self.assertEqual(
            timed,
            {"queue", "small", "accumulate", "pack", "clip", "unpack"}
            | {f"certify {stage}" for stage in range(4)},
        )
        self.assertEqual([check["image"] for check in report["checks"]], ["first", "second"])
        for check in report["checks"]:
            self.assertEqual(check["problems"], [])
            self.assertGreater(check["residual"], 1e-9)
            self.assertLess(check["residual"], 1e-4)

    def test_once_takes_no_times(self):
        report = self.figures("--workload=tiny", "--model=tiny", "--once")
        self.assertEqual(report["figures"], [])
        self.assertEqual(len(report["checks"]), 3)
        self.assertNotIn("copy", report)


class Checks(unittest.TestCase):
    """What is wrong is report."""

    def test_another_byte_is_found(self):
        real_differences = step.differences

        def distorted(images, plan):
            """The second image finds another learning rate, its first hyper-parameter."""
            real_kernels = plan.kernels

            def kernels_of(image):
                launches = real_kernels(image)
                if image.name == "second":
                    control = launches["control"]

                    def at_another_rate():
                        plan.model.memory.driver.upload(plan._hyper, np.array(1.0001e-3))
                        control()

                    launches["control"] = at_another_rate
                return launches

            with mock.patch.object(plan, "kernels", kernels_of):
                return real_differences(images, plan)

        images = [f"--image=first={IMAGE}", f"--image=second={IMAGE}"]
        with mock.patch.object(step, "differences", distorted):
            status, said = run(*images, "--workload=tiny", "--once")
        self.assertEqual(status, 1, said)
        self.assertRegex(said, r"second: \d+ of \d+ elements of array 0 differ from those of first")

    def test_steps_that_are_refused_are_not_timed_as_steps(self):
        real_start = step.Plan.start

        def beyond_the_schedule(plan, *arguments, **named):
            real_start(plan, *arguments, **named)
            control = plan._driver.download(
                plan._control, 1, interface.interface().panoptim_control
            )
            control["step"] = 5000
            plan._driver.upload(plan._control, control)

        with mock.patch.object(step.Plan, "start", beyond_the_schedule):
            status, said = run(f"--image=a={IMAGE}", "--workload=tiny", "--once", "--no-check")
        self.assertEqual(status, 1, said)
        self.assertIn("of the last steps some were refused", said)

    def test_a_wrong_inverse_is_found(self):
        from factors import Factors

        with mock.patch.object(Factors, "problems", wrong_problems(Factors.problems)):
            status, said = run(f"--image=first={IMAGE}", "--model=tiny", "--once")
        self.assertEqual(status, 1, said)
        self.assertRegex(said, r"factor \d+ of 225 rows: residual ")
        self.assertIn("status 1", said)


def wrong_problems(real):
    """Doubles the last inverse and fails the first factor before they are looked at."""

    def problems(self):
        n = self.sizes[-1]
        inverse = self._driver.download(self.pending[-1], n * n, np.float32)
        self._driver.upload(self.pending[-1], 2 * inverse)
        self._driver.upload(self.statuses, np.array([1], np.int32))
        return real(self)

    return problems


class Usage(unittest.TestCase):
    """Bad usage and hosts that lack something."""

    def test_bad_usage_is_one_error(self):
        image = f"--image=a={IMAGE}"
        for arguments, words in (
            ([image], "--workload or --model is needed"),
            ([image, "--workload=gpt5"], "no workload 'gpt5'; there are flat, "),
            ([image, "--model=gpt5"], "no model 'gpt5'; there are RESNET50, "),
            ([image, "--workload=tiny", "--rule=sgdd"], "no rule 'sgdd'; there are sgd, "),
            ([image, "--workload=tiny", "--order=up"], "no order 'up'"),
            ([image, "--workload=tiny", "--blocks=2"], "--blocks 2: balanced, all, or a share"),
            ([image, "--workload=tiny", "--rounds=0"], "--rounds 0: at least 1 is needed"),
            (["--image=a", "--workload=tiny"], "--image a: NAME=FILE is needed"),
            (["--workload=tiny"], "--image"),
        ):
            with self.subTest(arguments):
                status, said = run(*arguments)
                self.assertEqual(status, 2, said)
                self.assertIn(words, said.splitlines()[-1])

    def test_what_is_lacking_is_named(self):
        for image, words in (
            ("/nowhere.cubin", "no image /nowhere.cubin"),
            (__file__, "CUDA_ERROR_INVALID_IMAGE"),
        ):
            status, said = run(f"--image=a={image}", "--workload=tiny")
            self.assertEqual(status, 3)
            self.assertIn(words, said)
            self.assertEqual(len(said.splitlines()), 1, said)

    def test_of_a_jar_the_driver_gets_what_it_takes(self):
        driver = Driver(LIBRARY)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "kernels.jar"
            with zipfile.ZipFile(path, "w") as jar:
                for image in (Image.STEP, "adam"):
                    jar.write(IMAGE, f"{Image.FOLDER}{image}.fatbin")
            image = Image(driver, "a", path)
            self.assertEqual(image.rule("adam_amsgrad").image, "adam")
            self.assertIsNone(image.rule("adam_nowhere"))
            with self.assertRaisesRegex(NotPossible, f"no image {path}: .*lion.fatbin"):
                image.rule("lion")
            driver.version = 12090
            with self.assertRaisesRegex(NotPossible, f"no image {path}: .*step.ptx"):
                Image(driver, "a", path)

    def test_without_a_driver_it_says_so(self):
        with self.assertRaisesRegex(NotPossible, "no CUDA driver: "):
            Driver("libnowhere.so.1")

    def test_another_abi_is_refused(self):
        other = dict(interface.interface().constants, PANOPTIM_ABI=99)
        with mock.patch.object(interface.interface(), "constants", other):
            with self.assertRaisesRegex(NotPossible, "image a has ABI .*, and the headers have 99"):
                Image(Driver(LIBRARY), "a", IMAGE).rule("lion")


class Pieces(unittest.TestCase):
    """What the program is made of."""

    def test_headers_are_read_as_the_compiler_reads_them(self):
        abi = interface.interface()
        names = sorted(abi.structures)
        lines = "".join(
            f'printf("{name} %zu %zu\\n", sizeof({name}), offsetof({name}, {last}));'
            for name in names
            for last in [abi.structures[name].names[-1]]
        )
        includes = "".join(f'#include "{header}"\n' for header in interface.HEADERS)
        program = f"#include <stddef.h>\n#include <stdio.h>\n{includes}int main() {{{lines}}}\n"
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / "sizes.cpp"
            source.write_text(program, encoding="utf-8")
            include = [f"-I{ROOT}", f"-I{ROOT}/native/include"]
            binary = pathlib.Path(folder) / "sizes"
            subprocess.run(["c++", *include, source, "-o", binary], check=True)
            printed = subprocess.run([binary], capture_output=True, text=True, check=True).stdout
        self.assertGreater(len(names), 20)
        for name, line in zip(names, printed.splitlines(), strict=True):
            report = abi.structures[name]
            last = report.fields[report.names[-1]][1]
            self.assertEqual(line, f"{name} {report.itemsize} {last}")

    def test_blocks_are_as_few_as_need_no_more_rounds(self):
        driver = Driver(LIBRARY)
        kernel = Image(driver, "a", IMAGE).kernel("panoptim_measure", 128)
        kernel.resident_blocks = 100
        for pieces, blocks in ((1, 1), (99, 99), (100, 100), (101, 51), (250, 84), (1000, 100)):
            self.assertEqual(kernel.blocks_for(pieces), blocks)
        self.assertEqual(kernel.blocks_for(101, "all"), 100)
        self.assertEqual(kernel.blocks_for(101, "0.75"), 75)

    def test_the_host_is_copied_as_it_is(self):
        java = ROOT / "java/cuda/src/main/java/org/panoptim/cuda"
        for file, pattern, value in (
            ("DeviceTables", r"CHUNK_ELEMENTS = (\d+)L \* PANOPTIM_BLOCK", step.BLOCKS_OF_A_CHUNK),
            ("ScheduleRing", r"int ENTRIES = (\d+);", step.SCHEDULE_ENTRIES),
            ("StepLaunches", r"int PREPARED_BY_CONTROL = (\d+);", step.TENSORS_OF_CONTROL),
            ("device/KernelImages", r"int FAT_BINARY_VERSION = (\d+);", Image.FAT_BINARY_VERSION),
            ("device/KernelImages", r'String FOLDER = "(.*)";', Image.FOLDER),
            ("device/KernelImages", r'String STEP = "(.*)";', Image.STEP),
        ):
            text = (java / f"{file}.java").read_text(encoding="utf-8")
            self.assertEqual(re.findall(pattern, text), [str(value)], file)

    def test_the_host_launches_as_many_threads_as_kernels_have(self):
        host = ROOT / "java/cuda/src/main/java/org/panoptim/cuda/device/CudaKernels.java"
        text = host.read_text(encoding="utf-8")
        for file, name in (
            ("step/chunk.cuh", "chunk_threads"),
            ("step/control.cuh", "control_threads"),
            ("step/control.cuh", "prepare_threads"),
            ("matrix/batch.cuh", "matrix_threads"),
        ):
            stated = re.findall(rf"int {name.upper()} = (\d+);", text)
            self.assertEqual(stated, [str(interface.source_constant(file, name))], name)

    def test_candidates_repeat_as_often_and_take_turns(self):
        driver, calls = Driver(LIBRARY), []
        with Memory(driver) as memory:
            address = memory.allocate(1024)
            candidates = [
                Candidate(
                    name,
                    [lambda: driver.zero(address, 1024)],
                    before=lambda name=name: calls.append(name),
                )
                for name in ("a", "b")
            ]
            times = Clock(driver, rounds=4).take_turns(candidates)
        self.assertEqual([len(spent) for spent in times], [4, 4])
        # Twice to find how often, then for warming up and in four rounds.
        self.assertEqual("".join(calls), "aabb" + "ba" + "ab" + "ba" + "ab" + "ba")

    def test_sets_of_gradients_are_gone_through_in_turn(self):
        calls = []
        candidate = Candidate("a", [lambda i=i: calls.append(i) for i in range(3)])
        candidate.run(5)
        self.assertEqual(calls, [0, 1, 2, 0, 1])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)

#!/usr/bin/env python3
"""Tests scripts/gpu-day, and what is in the bundle for it, with a bundle and tools that only say
what they are asked."""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
import zipfile
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
GPU_DAY = ROOT / "scripts/gpu-day"
# The virtual GPU's libcuda.so.1, if it is given.
LIBRARY = pathlib.Path(sys.argv.pop(1)) if sys.argv[1:] and sys.argv[1][0] != "-" else None

# Fails, waits or refuses where FAIL, WAIT or REFUSE is among its words.
BEHAVIOUR = """
case "$0 $*" in *"${FAIL:-nothing}"*) echo "it fails"; exit 1 ;; esac
case "$0 $*" in *"${REFUSE:-nothing}"*) echo "it refuses"; exit 3 ;; esac
case "$0 $*" in *"${WAIT:-nothing}"*) sleep 60 ;; esac
"""
RUN = f"""#!/usr/bin/env bash
echo "run.sh $*, under ${{PANOPTIM_UNDER-nothing}}, options ${{PANOPTIM_JAVA_OPTIONS-none}}"
echo "LD_LIBRARY_PATH=${{LD_LIBRARY_PATH-}}"
[[ $2 != doctor ]] || echo "      driver: serves CUDA ${{CUDA:-13.0}}
      device 0: a GPU, compute capability ${{CAPABILITY:-9.0}}"
[[ $1 != java || -z ${{3-}} ]] || echo '{{"program": "CudaBenchmark"}}' >"$3"
{BEHAVIOUR}
"""
PROGRAM = """#!/usr/bin/env python3
import json, os, sys
print(*sys.argv[1:], sep="\\n")
for argument in sys.argv[1:]:
    if argument.startswith("--output="):
        with open(argument[9:], "w") as file:
            json.dump({"arguments": sys.argv[1:]}, file)
words = " ".join(sys.argv)
sys.exit(1 if os.environ.get("FAIL", "nothing") in words else 0)
"""
NCU = """#!/usr/bin/env bash
while [[ $# != 0 ]]; do
    [[ $1 != -o ]] || echo a profile >"$2.ncu-rep"
    [[ $1 != -o || $2 != *.ncu-rep ]] || mv "$2.ncu-rep" "$2"
    shift
done
"""
TOOL = f"#!/usr/bin/env bash\necho ${{0##*/}} $*\n{BEHAVIOUR}"


def load():
    """The script as a module."""
    loader = importlib.machinery.SourceFileLoader("gpu_day", str(GPU_DAY))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("gpu_day", loader))
    sys.dont_write_bytecode = True
    sys.modules["gpu_day"] = module
    loader.exec_module(module)
    return module


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(0o755)


# Lets a program take its arguments, and do nothing with them.
ARGUMENTS = """
import importlib.util, pathlib, sys
file = sys.argv.pop(1)
sys.path.insert(0, str(pathlib.Path(file).parent))
spec = importlib.util.spec_from_file_location("program", file)
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
program.arguments()
"""


@unittest.skipUnless(shutil.which("xz"), "xz is not installed")
class Stubs(unittest.TestCase):
    """A folder with a bundle and with tools on the PATH."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "out"
        self.tools = self.folder / "tools"
        for name in ("compute-sanitizer", "nvidia-smi"):
            write(self.tools / name, TOOL)
        write(self.tools / "ncu", NCU)
        # Without the packages of this host's Python, which may have a cuBLAS among them.
        write(self.tools / "python3", f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
        self.bundle = self.folder / "panoptim-gpu"
        write(self.bundle / "run.sh", RUN)
        write(self.bundle / "VERSION", "0.1.0 stub\n")
        write(self.bundle / "lib/panoptim-kernels-0.1.0.jar", "")
        for name in ("scalar_stores", "streaming"):
            write(self.bundle / f"variants/{name}.cubin", "")
        write(self.bundle / "bench/device/kernels.py", PROGRAM)
        write(self.bundle / "bench/peers/torch_cuda.py", PROGRAM)
        shutil.copy(ROOT / "scripts/bundle/find-cublas", self.bundle)
        self.environment = {
            "PATH": f"{self.tools}:{pathlib.Path(sys.executable).parent}:/usr/bin:/bin",
            "OUT": str(self.out),
            "HOME": str(self.folder),
        }

    def pack(self):
        archive = self.folder / "bundle.tar.xz"
        with tarfile.open(archive, "w:xz", preset=0) as tar:
            tar.add(self.bundle, "panoptim-gpu")
        return archive

    def run_day(self, *arguments, **environment):
        """The exit status, what was said, and the summary."""
        found = subprocess.run(
            [sys.executable, GPU_DAY, *arguments, self.pack()],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        summary = self.out / "summary.json"
        summary = json.loads(summary.read_text(encoding="utf-8")) if summary.exists() else None
        return found.returncode, found.stdout + found.stderr, summary


def outcomes(summary):
    return {part["part"]: part["outcome"] for part in summary["parts"]}


def part(summary, name):
    return next(part for part in summary["parts"] if part["part"] == name)


@unittest.skipUnless(LIBRARY and importlib.util.find_spec("numpy"), "no virtual GPU, or no numpy")
class DaysOverTheVirtualGpu(Stubs):
    """The parts that time kernels, by their own program on a driver that runs kernels on the CPU."""

    def test_kernels_are_timed_on_every_image(self):
        shutil.copytree(ROOT / "bench/device", self.bundle / "bench/device", dirs_exist_ok=True)
        shutil.copytree(ROOT / "native/include", self.bundle / "native/include")
        for folder in ("kfac", "rules", "step"):
            shutil.copytree(ROOT / "kernels" / folder, self.bundle / "kernels" / folder)
        image = (ROOT / "tests/virtual-gpu/kernels.txt").read_bytes()
        with zipfile.ZipFile(self.bundle / "lib/panoptim-kernels-0.1.0.jar", "w") as jar:
            for name in ("step", "kfac", *(file.stem for file in ROOT.glob("kernels/rules/*.cuh"))):
                jar.writestr(f"META-INF/kernels/{name}.fatbin", image)
        for name in ("scalar_stores", "streaming"):
            (self.bundle / f"variants/{name}.cubin").write_bytes(image)
        # Lets the program run, as a tool that looks on does.
        write(self.tools / "compute-sanitizer", '#!/bin/sh\nshift 6\nexec "$@"\n')
        status, said, summary = self.run_day(
            "--only=kernels,factors,racecheck,large", LD_LIBRARY_PATH=str(LIBRARY.parent)
        )
        self.assertEqual(status, 0, said)
        timed = {"kernels", "factors", "racecheck", "large"}
        found = outcomes(summary)
        self.assertEqual({name: found[name] for name in timed}, dict.fromkeys(timed, "passed"))
        figures = part(summary, "kernels")["figures"]
        self.assertTrue(figures["virtual"])
        images = {each["image"] for each in figures["figures"]}
        self.assertEqual(images, {"shipped", "scalar_stores", "streaming"})


class Days(Stubs):
    """Whole days."""

    def test_everything_is_run_and_kept(self):
        status, said, summary = self.run_day(PANOPTIM_JAVA_OPTIONS="-Dold")
        self.assertEqual(status, 0, said)
        names = [each["part"] for each in summary["parts"]]
        checks = {"verify-cuda-ffm", "verify-cuda-jcuda", "large-tensor"}
        checks |= {"verify-scalar_stores", "verify-streaming"}
        timed = ["kernels", "others", "factors", "peers", "figures", "bench-kfac", "bench-peers"]
        self.assertEqual(names[:2], ["machine", "doctor"])
        self.assertEqual(set(names[2:7]), checks)
        self.assertEqual(names[7:14], timed)
        self.assertEqual(names[-1], "memcheck-all")
        sanitizers = {"memcheck", "racecheck", "synccheck"}
        self.assertLessEqual(sanitizers, set(names))
        self.assertEqual(set(outcomes(summary).values()), {"passed"})
        self.assertFalse(summary["failed"])
        self.assertEqual(summary["bundle"], "0.1.0 stub")
        self.assertEqual(summary["compute_capability"], "9.0")
        images = [
            argument.partition("=")[2].partition("=")[0]
            for argument in part(summary, "kernels")["figures"]["arguments"]
            if argument.startswith("--image=")
        ]
        self.assertEqual(images, ["shipped", "scalar_stores", "streaming"])
        self.assertEqual(part(summary, "figures")["figures"], {"program": "CudaBenchmark"})
        verified = part(summary, "verify-streaming")["output"]
        self.assertRegex(verified, r"options -Dold -Dpanoptim.kernels=/.*/streaming.cubin\n")
        self.assertIn(".LargeTensorCheck,", part(summary, "large-tensor")["output"])
        memcheck = part(summary, "memcheck")["output"]
        self.assertIn("verify --backend cuda-ffm adamw ", memcheck)
        self.assertIn("under compute-sanitizer --tool memcheck --error-exitcode 9", memcheck)
        self.assertIn("--tool racecheck", part(summary, "racecheck")["output"])

        files = {file.name: file.stat().st_size for file in self.out.iterdir()}
        expected = {"summary.json", "log.txt", "results.tar.xz", "profile.ncu-rep"}
        self.assertEqual(set(files), expected)
        self.assertLess(max(files.values()), 16_000_000)
        with tarfile.open(self.out / "results.tar.xz") as archive:
            kept = set(archive.getnames())
        self.assertLessEqual({f"logs/{name}.txt" for name in names}, kept)
        self.assertLessEqual({"kernels.json", "factors.json", "peers.json"}, kept)
        self.assertIn("== ", (self.out / "log.txt").read_text(encoding="utf-8"))

    def test_what_runs_on_variants_is_in_them(self):
        text = (ROOT / "kernels/variants.cmake").read_text(encoding="utf-8")
        images = re.search(r"PANOPTIM_VARIANT_IMAGES ([^)]*)", text)[1].split()
        _, _, summary = self.run_day("--only=verify-streaming,rules,kernels")
        verified = part(summary, "verify-streaming")["output"].partition("cuda-ffm ")[2]
        rules = verified.partition(",")[0].replace("-", "_").split()
        for name in ("rules", "kernels"):
            timed = [word for word in part(summary, name)["output"].split() if "--rule=" in word]
            rules += timed[0].partition("=")[2].split(",") if timed else ["adamw"]
        self.assertLess({"muon", "lion"}, set(rules))
        self.assertLessEqual({*rules, "step", "kfac", "matrix"}, set(images))

    def test_a_check_that_fails_fails_the_day_and_the_others_go_on(self):
        only = "--only=verify-cuda,synccheck"
        status, said, summary = self.run_day(only, FAIL="backend cuda-jcuda")
        self.assertEqual(status, 1, said)
        self.assertTrue(summary["failed"])
        failed = [name for name, outcome in outcomes(summary).items() if outcome == "failed"]
        self.assertEqual(failed, ["verify-cuda-jcuda"])
        self.assertEqual(outcomes(summary)["synccheck"], "passed")
        self.assertIn("    it fails", said)
        self.assertIn("failed: verify-cuda-jcuda", said)

    def test_what_is_no_check_does_not_fail_the_day(self):
        status, said, summary = self.run_day("--only=peers,synccheck", FAIL="torch_cuda.py")
        self.assertEqual(status, 0, said)
        self.assertEqual(outcomes(summary)["peers"], "failed")
        self.assertIn("failed: peers", said)

    def test_wrong_bytes_fail_the_day(self):
        status, _, summary = self.run_day("--only=kernels", FAIL="kernels.py")
        self.assertEqual(status, 1)
        self.assertEqual(list(outcomes(summary)), ["machine", "doctor", "kernels"])

    def test_other_devices_and_older_drivers_have_what_is_shipped_alone(self):
        for environment in ({"CAPABILITY": "8.6"}, {"CUDA": "12.9"}):
            status, said, summary = self.run_day("--only=verify,kernels", **environment)
            self.assertEqual(status, 0, said)
            self.assertNotIn("verify-streaming", outcomes(summary))
            arguments = part(summary, "kernels")["figures"]["arguments"]
            self.assertEqual(sum(word.startswith("--image=") for word in arguments), 1)
            self.assertIn("the variants are for compute capability 9.0 and drivers of", said)

    def test_what_is_lacking_is_said_and_no_failure(self):
        (self.tools / "ncu").unlink()
        (self.tools / "compute-sanitizer").unlink()
        only = "--only=verify-cuda,racecheck,profile"
        status, said, summary = self.run_day(only, REFUSE="cuda-jcuda")
        self.assertEqual(status, 0, said)
        found = outcomes(summary)
        for name in ("racecheck", "profile", "verify-cuda-jcuda"):
            self.assertEqual(found[name], "not possible here")
        self.assertEqual(part(summary, "profile")["remark"], "ncu is not installed")

    def test_a_day_whose_only_checks_were_not_possible_fails(self):
        status, said, summary = self.run_day("--only=verify-cuda-jcuda", REFUSE="cuda-jcuda")
        self.assertEqual(status, 1, said)
        self.assertEqual(outcomes(summary)["doctor"], "passed")

    def test_a_day_without_any_check_fails(self):
        status, said, summary = self.run_day(LIMIT="1")
        self.assertEqual(status, 1, said)
        self.assertEqual(set(outcomes(summary).values()), {"left out"})

    def test_a_request_to_end_keeps_what_there_is(self):
        process = subprocess.Popen(
            [sys.executable, GPU_DAY, self.pack()],
            env=self.environment | {"WAIT": "backend cuda-ffm"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in process.stdout:
            if "doctor: passed" in line:
                break
        process.send_signal(signal.SIGTERM)
        process.communicate()
        self.assertEqual(process.wait(20), 1)
        summary = json.loads((self.out / "summary.json").read_text(encoding="utf-8"))
        self.assertEqual(list(outcomes(summary)), ["machine", "doctor"])
        self.assertTrue((self.out / "results.tar.xz").exists())

    def test_every_part_asks_for_what_its_program_has(self):
        parts = load().Parts(self.bundle, self.folder, ["scalar_stores", "streaming"])
        parsed = set()
        for asked in parts.all():
            words = [word for text in asked.command for word in shlex.split(text)]
            for program in (ROOT / "bench/device/kernels.py", ROOT / "bench/peers/torch_cuda.py"):
                places = [i for i, word in enumerate(words) if word.endswith(program.name)]
                if not places:
                    continue
                own = words[places[0] + 1 :]
                own = own[: own.index("&&")] if "&&" in own else own
                command = [sys.executable, "-c", ARGUMENTS, program, *own]
                found = subprocess.run(command, capture_output=True, text=True, check=False)
                self.assertEqual(found.returncode, 0, f"{asked.name}: {found.stderr}")
                parsed.add(program.name)
        self.assertEqual(parsed, {"kernels.py", "torch_cuda.py"})

    def test_bad_usage_is_one_error(self):
        empty = self.folder / "empty.tar.xz"
        with tarfile.open(empty, "w:xz"):
            pass
        for arguments, environment, words in (
            (["/nowhere.tar.xz"], {}, "no bundle /nowhere.tar.xz; scripts/gpu-bundle makes one"),
            ([empty], {}, "is not a bundle: there is no panoptim-gpu/run.sh in it"),
            ([__file__], {}, "is not a bundle: "),
            (["--only=lunch", self.pack()], {}, "no part 'lunch'; there are machine, doctor, "),
            ([self.pack()], {"LIMIT": "soon"}, "LIMIT is soon: a number of seconds is needed"),
        ):
            with self.subTest(words):
                found = subprocess.run(
                    [sys.executable, GPU_DAY, *arguments],
                    env=self.environment | environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                self.assertEqual(found.returncode, 2)
                self.assertIn(words, found.stderr.splitlines()[-1])

    def test_an_unpacked_bundle_is_its_own(self):
        shutil.copy(GPU_DAY, self.bundle)
        del self.environment["OUT"]
        found = subprocess.run(
            [sys.executable, self.bundle / "gpu-day", "--only=verify-cuda-ffm"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            check=False,
        )
        self.assertEqual(found.returncode, 0)
        self.assertTrue((self.bundle / "results/gpu-day/summary.json").exists())

    def test_the_list_says_what_there_is(self):
        status, said, _ = self.run_day("--list")
        self.assertEqual(status, 0)
        self.assertRegex(said, r"(?m)^verify-cuda-ffm +at most +240 s  check$")
        self.assertFalse(self.out.exists())


class Limits(Stubs):
    """One part at a time, and large results."""

    def setUp(self):
        super().setUp()
        self.module = load()
        self.out.mkdir()
        self.work = self.folder / "work"
        self.work.mkdir()
        self.day = self.module.Day(self.out, 100, self.work, time.monotonic())
        self.addCleanup(lambda: self.day.log.close())

    def run_part(self, limit, script):
        with contextlib.redirect_stdout(io.StringIO()):
            self.day.run([self.part(limit, script)], self.folder)
        return self.day.results[-1]

    def part(self, limit, script, name="part", together=""):
        command = ["bash", "-c", script]
        return self.module.Part(name, limit, command, check=True, together=together)

    def test_parts_are_left_out_where_time_runs_out(self):
        self.day.limit = 4
        self.assertEqual(self.run_part(2, "true")["outcome"], "passed")
        begun = self.run_part(5, "sleep 60")
        self.assertEqual(begun["outcome"], "left out")
        self.assertRegex(begun["remark"], "^ended after [123] s, out of time$")
        other = self.run_part(60, "false")
        self.assertEqual(other["outcome"], "left out")
        self.assertEqual(other["remark"], "0 s left")
        self.assertFalse(self.day.failed())
        self.assertLess(time.monotonic() - self.day.begin, 4)

    def run_parts(self, *parts, processors=4):
        with contextlib.redirect_stdout(io.StringIO()):
            with mock.patch.object(self.day, "write_summary"):
                with mock.patch.object(os, "cpu_count", return_value=processors):
                    self.day.run_all(parts, self.folder)
        return {each["part"]: each["outcome"] for each in self.day.results}

    def test_parts_of_one_name_run_at_once_and_others_after_them(self):
        def meet(mine, other):
            return f"touch {mine}; until [[ -e {other} ]]; do sleep 0.1; done; touch {mine}-met"

        found = self.run_parts(
            self.part(20, meet("a", "b"), "first", "both"),
            self.part(20, meet("b", "a"), "second", "both"),
            self.part(20, "[[ -e a-met && -e b-met ]]", "third"),
            self.part(20, "touch c", "fourth"),
            self.part(20, "[[ -e c ]]", "fifth"),
        )
        self.assertEqual(set(list(found)[:2]), {"first", "second"})
        self.assertEqual(list(found)[2:], ["third", "fourth", "fifth"])
        self.assertEqual(set(found.values()), {"passed"})

    def test_where_processors_are_few_one_runs_after_the_other(self):
        found = self.run_parts(
            self.part(20, "mkdir alone; sleep 0.5; rmdir alone", "first", "both"),
            self.part(20, "mkdir alone; sleep 0.5; rmdir alone", "second", "both"),
            processors=2,
        )
        self.assertEqual(found, {"first": "passed", "second": "passed"})

    def test_of_parts_that_run_at_once_each_has_its_own_limit_and_outcome(self):
        sleep = f"sleep 63.{os.getpid()}"
        found = self.run_parts(
            self.part(1, sleep, "slow", "both"), self.part(30, "exit 3", "refusing", "both"),
            self.part(30, "sleep 2; exit 1", "failing", "both"), self.part(30, "true", "last"),
            processors=8,
        )
        expected = {"refusing": "not possible here", "slow": "failed", "failing": "failed"}
        self.assertEqual(found, expected | {"last": "passed"})
        self.assertEqual(list(found), ["refusing", "slow", "failing", "last"])
        remarks = {each["part"]: each["remark"] for each in self.day.results}
        self.assertEqual(remarks["slow"], "ended after 1 s, its limit")
        self.assertEqual(remarks["failing"], "exit status 1")
        seconds = {each["part"]: each["seconds"] for each in self.day.results}
        self.assertLess(seconds["refusing"], seconds["failing"])
        self.assert_nothing_runs(sleep)

    def assert_nothing_runs(self, marked):
        running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
        self.assertNotIn(marked, running.stdout)

    def test_a_part_is_ended_at_its_limit_with_all_that_it_started(self):
        begin, sleep = time.monotonic(), f"sleep 61.{os.getpid()}"
        found = self.run_part(1, f"{sleep} & {sleep}")
        self.assertLess(time.monotonic() - begin, 4)
        self.assertEqual(found["outcome"], "failed")
        self.assertEqual(found["remark"], "ended after 1 s, its limit")
        self.assertTrue(self.day.failed())
        self.assert_nothing_runs(sleep)

    def test_a_part_that_does_not_listen_is_killed(self):
        begin, mark = time.monotonic(), f"deaf-{os.getpid()}"
        with mock.patch.object(self.module, "GRACE", 0.5):
            found = self.run_part(1, f"trap '' TERM; while true; do sleep 0.1; done # {mark}")
        self.assertLess(time.monotonic() - begin, 4)
        self.assertEqual(found["outcome"], "failed")
        self.assert_nothing_runs(mark)

    def test_what_it_left_behind_is_ended_too(self):
        sleep = f"sleep 62.{os.getpid()}"
        self.assertEqual(self.run_part(9, f"{sleep} >/dev/null 2>&1 &")["outcome"], "passed")
        self.assert_nothing_runs(sleep)

    def test_large_results_stay_behind_and_it_is_said(self):
        (self.work / "logs/large.txt").write_bytes(os.urandom(30_000))
        (self.work / "small.json").write_text("{}", encoding="utf-8")
        (self.work / self.module.PROFILE).write_bytes(os.urandom(30_000))
        with mock.patch.object(self.module, "MOST_BYTES", 20_000):
            with contextlib.redirect_stdout(io.StringIO()):
                self.day.pack()
        with tarfile.open(self.out / "results.tar.xz") as archive:
            self.assertEqual(archive.getnames(), ["small.json"])
        self.assertFalse((self.out / self.module.PROFILE).exists())
        said = (self.out / "log.txt").read_text(encoding="utf-8")
        self.assertIn("large.txt is too large", said)
        self.assertIn("profile.ncu-rep has 30000 bytes, and stays behind", said)

    def test_a_summary_that_is_too_large_goes_without_figures(self):
        file = self.out / "summary.json"
        with mock.patch.object(self.module, "MOST_BYTES", 1000):
            self.module.write_json(file, {"parts": [{"part": "a", "figures": ["x" * 2000]}]})
        self.assertEqual(json.loads(file.read_text(encoding="utf-8")), {"parts": [{"part": "a"}]})


class Cublas(Stubs):
    """Where cuBLAS is found."""

    def setUp(self):
        super().setUp()
        self.packages = self.folder / "site-packages"
        self.environment["PYTHONPATH"] = str(self.packages)
        if not self.loader_finds_none():
            self.skipTest("the system's loader finds a cuBLAS here")

    @staticmethod
    def loader_finds_none():
        load = "import ctypes; ctypes.CDLL('libcublas.so.13')"
        twelve = load.replace("13", "12")
        return all(
            subprocess.run(
                [sys.executable, "-c", each], env={}, stderr=subprocess.DEVNULL
            ).returncode
            for each in (load, twelve)
        )

    def find(self, **environment):
        return subprocess.run(
            [self.bundle / "find-cublas"],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    def wheel(self, name, library):
        """A wheel's folder with a library that is none."""
        folder = self.packages / "nvidia" / name / "lib"
        write(folder / library, "")
        return str(folder)

    def test_the_wheels_of_both_versions_are_found(self):
        self.assertEqual(self.find(), "")
        twelve = self.wheel("cublas", "libcublas.so.12")
        self.assertEqual(self.find(), twelve)
        thirteen = self.wheel("cu13", "libcublas.so.13")
        self.assertEqual(self.find(), f"{thirteen}:{twelve}")

    def test_what_the_loader_finds_itself_is_left_to_it(self):
        thirteen = self.wheel("cu13", "libcublas.so.13")
        self.wheel("cublas", "libcublas.so.12")
        system = self.folder / "system"
        write(system / "cublas.c", "int cublasCreate_v2(void) { return 0; }\n")
        source, library = system / "cublas.c", system / "libcublas.so.12"
        subprocess.run(["cc", "-shared", "-fPIC", source, "-o", library], check=True)
        self.assertEqual(self.find(LD_LIBRARY_PATH=str(system)), thirteen)

    def test_every_part_can_load_it(self):
        folder = self.wheel("cu13", "libcublas.so.13")
        _, said, summary = self.run_day("--only=machine", LD_LIBRARY_PATH="/before")
        self.assertIn(f"cuBLAS of a Python: {folder}\n", said)
        self.assertIn(f"LD_LIBRARY_PATH=/before:{folder}", part(summary, "doctor")["output"])

    def test_the_bundle_itself_finds_it(self):
        folder = self.wheel("cu13", "libcublas.so.13")
        shutil.copy(ROOT / "scripts/bundle/run.sh", self.bundle)
        java = '#!/bin/sh\necho "$ADDED"\necho "LD_LIBRARY_PATH=$LD_LIBRARY_PATH"\necho "$*"\n'
        write(self.bundle / "runtime/bin/java", java)
        under = {"PANOPTIM_UNDER": "env ADDED=yes"}
        for arguments, words in (
            (["panoptim", "doctor"], "org.panoptim.cli.Main doctor"),
            (["java", "org.panoptim.Program", "a b"], "org.panoptim.Program a b"),
        ):
            found = subprocess.run(
                [self.bundle / "run.sh", *arguments],
                env=self.environment | under,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            self.assertTrue(found.startswith(f"yes\nLD_LIBRARY_PATH={folder}\n"), found)
            self.assertTrue(found.rstrip().endswith(words), found)


class Unwritten(Stubs):
    """Output that cannot be written."""

    def setUp(self):
        super().setUp()
        shutil.copy(ROOT / "scripts/gpu-day", self.bundle)
        shutil.copy(ROOT / "scripts/bundle/run.sh", self.bundle)
        write(self.bundle / "runtime/bin/java", "#!/bin/sh\necho said\n")

    def run_program(self, *command, output):
        return subprocess.run(
            [self.bundle / command[0], *command[1:]],
            env=self.environment,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    def test_a_full_disk_is_an_error_in_a_line(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            day = self.run_program("gpu-day", "--list", output=full)
            trial = self.run_program("run.sh", output=full)
        self.assertEqual(day.returncode, 2)
        self.assertEqual(day.stderr, "gpu-day: [Errno 28] No space left on device\n")
        self.assertEqual(trial.returncode, 1)
        self.assertIn("No space left on device", trial.stderr)
        self.assertTrue(json.loads((self.bundle / "results/results.json").read_text())["parts"])

    def test_results_that_cannot_be_written_are_an_error(self):
        (self.bundle / "results").mkdir()
        (self.bundle / "results/results.json").symlink_to("/dev/full")
        trial = self.run_program("run.sh", output=subprocess.DEVNULL)
        self.assertEqual(trial.returncode, 1)
        self.assertIn("No space left on device", trial.stderr)

    def test_a_reader_that_has_ended_ends_it_quietly(self):
        reading, writing = os.pipe()
        os.close(reading)
        try:
            day = self.run_program("gpu-day", "--list", output=writing)
        finally:
            os.close(writing)
        self.assertEqual((day.returncode, day.stderr), (128 + signal.SIGPIPE, ""))


if __name__ == "__main__":
    unittest.main(verbosity=1)

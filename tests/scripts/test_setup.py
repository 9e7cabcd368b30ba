#!/usr/bin/env python3
"""Tests what README's two commands install on a machine that lacks something: the real scripts, in a
mount namespace without a JDK, with a PATH of basic tools, an apt-get, a Maven and a JDK that only
say what they are asked, and an archive as Temurin's from a server on the loopback device. Exit status
77 where there are no such namespaces."""

import contextlib
import hashlib
import http.server
import io
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = ("setup", "fetch-jdk", "find-jdk", "native", "progress")
TOOLS = """
    bash basename cat chmod cmp cp cut date dirname env find flock grep gzip head id kill ln mkdir mktemp
    mv readlink rm sed sha256sum sh sleep sort stat sync tail tar touch tr uname
""".split()
# Where JDKs and apt's lists are, which the tests are not to see.
HIDDEN = "/usr/lib/jvm /usr/java /opt/java /opt/jdk /usr/local/java /var/lib/apt/lists"
DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'
UBUNTU = 'PRETTY_NAME="Ubuntu 22.04.5 LTS"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\n'

HIDE = f"""
for folder in {HIDDEN}; do
    [ ! -d "$folder" ] || mount -t tmpfs none "$folder"
done
mount --bind "$0" /etc/os-release
exec "$@"
"""
# In the namespace: the file that is seen as /etc/os-release.
OS_RELEASE = os.environ.pop("OS_RELEASE", None)
SAYS = 'echo "${0##*/} $*" >>"$STATE/said"\n'
# Installs by putting a command there, after the commands' names in $STATE/PACKAGE.
APT_GET = f"""#!/usr/bin/env bash
{SAYS}
[[ " $* " != *" ${{APT_FAILS-nothing}} "* ]] || {{ echo "E: Failed to fetch it"; exit 100; }}
[[ " $* " == *" install "* ]] || exit 0
echo "dlstatus:1:50.0:Retrieving"
for package; do
    [[ -d $STATE/packages/$package ]] || continue
    echo "pmstatus:$package:100.0:Installed $package"
    cp -r "$STATE/packages/$package/." "$TOOLS/"
done
"""
APT_CACHE = """#!/usr/bin/env bash
echo "$2:"
echo "  Candidate: $(sed -n "s/^$2 //p" "$STATE/candidates" | grep . || echo "(none)")"
"""
SUDO = f"""#!/usr/bin/env bash
{SAYS}
[[ -z ${{SUDO_REFUSES-}} ]] || {{ echo "sudo: a password is required" >&2; exit 1; }}
[[ $1 != -v ]] || exit 0
[[ $1 != -n ]] || shift
exec "$@"
"""
# Leaves what a build leaves.
MVN = f"""#!/usr/bin/env bash
{SAYS}
echo "kernels ${{PANOPTIM_KERNELS-}} cross ${{PANOPTIM_CROSS-}} jdk ${{JAVA25_HOME-}} own ${{JAVA_HOME-none}}" >>"$STATE/said"
[[ $* == *package* ]] || exit 0
echo "[INFO] Building Panoptim core 0.1.0                   [1/2]"
echo "[INFO] Building Panoptim command line 0.1.0           [2/2]"
[[ -z ${{MVN_FAILS-}} ]] || {{ echo "[ERROR] it does not compile"; exit 1; }}
mkdir -p java/cli/target/lib kernels/target
touch java/cli/target/lib/a.jar java/cli/target/panoptim-cli-0.1.0.jar
rm -f kernels/target/unwanted
[[ ${{PANOPTIM_KERNELS-}} != OFF ]] || touch kernels/target/unwanted
touch java/cli/target/launcher.stamp
"""
COMPILER = """#!/usr/bin/env bash
case $* in
    -dumpversion) echo "VERSION" ;;
    *doctest*) [[ -e $TOOLS/doctest.h ]] ;;
esac
"""
JAVA = """#!/usr/bin/env bash
[[ $1 == -version ]] || echo "java of ${0%/bin/java}: $*"
"""
SAY_ONLY = f"#!/usr/bin/env bash\n{SAYS}"


def write(file, text, mode=0o755):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)


def jdk(folder, feature=25):
    """A JDK that says how it is called."""
    write(folder / "bin/java", JAVA)
    write(folder / "bin/javac", "#!/bin/sh\n")
    write(folder / "release", f'JAVA_VERSION="{feature}.0.9"\nJAVA_RUNTIME_VERSION="{feature}.0.9+1"\n', 0o644)


def archive(fill=jdk):
    """A gzipped tar of jdk-25.0.9+1, with a file that does not compress."""
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder) / "jdk-25.0.9+1"
        home.mkdir()
        fill(home)
        (home / "modules").write_bytes(os.urandom(300_000))
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            tar.add(home, arcname=home.name)
        return buffer.getvalue()


class Adoptium(http.server.ThreadingHTTPServer):
    """Answers as Adoptium does, and as faulty networks do."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.archive = archive()
        self.checksum = None
        self.sent = None
        self.ranges = True
        self.wait = 0
        self.asked = []

    def index(self):
        package = {
            "checksum": self.checksum or hashlib.sha256(self.archive).hexdigest(),
            "checksum_link": f"{self.address}/jdk.tar.gz.sha256.txt",
            "link": f"{self.address}/jdk.tar.gz",
            "size": len(self.archive),
        }
        return [{"binary": {"os": "linux", "package": package}, "release_name": "jdk-25.0.9+1"}]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers["Range"]))
        if self.path == "/index":
            return self.answer(200, json.dumps(server.index(), indent=2).encode())
        if self.path == "/nonsense":
            return self.answer(200, b"<html>Please log in</html>")
        if self.path != "/jdk.tar.gz":
            return self.answer(404, b"")
        start = int(re.match(r"bytes=(\d+)-", self.headers["Range"] or "bytes=0-")[1])
        if start and not server.ranges:
            start = 0
        if start >= len(server.archive):
            return self.answer(416, b"")
        time.sleep(server.wait)
        return self.answer(206 if start else 200, server.archive[start:], start, server.sent)

    def answer(self, status, body, start=0, sent=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 206:
            end = start + len(body)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body[: sent or len(body)])

    def log_message(self, *_):
        pass


def enter_namespace():
    """Goes on in a mount namespace, where that is allowed."""
    command = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    try:
        allowed = subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        print("mount namespaces are not allowed here: what a fresh machine lacks is not tested")
        sys.exit(77)
    with tempfile.NamedTemporaryFile(suffix=".os-release") as file:
        program = [*command, "bash", "-c", HIDE, file.name, sys.executable, *sys.argv]
        sys.exit(subprocess.run(program, env=os.environ | {"OS_RELEASE": file.name}, check=False).returncode)


class Machine(unittest.TestCase):
    """A machine with basic tools and apt, and a copy of the launcher and its scripts."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.project = self.folder / "project"
        self.tools = self.folder / "tools"
        self.state = self.folder / "state"
        self.home = self.folder / "home"
        self.jdks = self.home / ".cache/panoptim/jdk"
        for part in (self.tools, self.state, self.home):
            part.mkdir()
        for name in SCRIPTS:
            (self.project / "scripts").mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "scripts" / name, self.project / "scripts")
        shutil.copy(ROOT / "panoptim", self.project)
        for name in TOOLS:
            (self.tools / name).symlink_to(shutil.which(name))
        write(self.tools / "apt-get", APT_GET)
        write(self.tools / "apt-cache", APT_CACHE)
        self.system(DEBIAN)
        self.candidates("g++ 4:12.2.0-3")
        packages = {
            "maven": {"mvn": MVN},
            "cmake": {"cmake": "#!/bin/sh\necho cmake version 3.25.1\n"},
            "ninja-build": {"ninja": SAY_ONLY},
            "g++": {"g++": COMPILER.replace("VERSION", "12")},
            "g++-12": {"g++-12": COMPILER.replace("VERSION", "12")},
            "doctest-dev": {"doctest.h": ""},
            "clang-format-14": {"clang-format-14": SAY_ONLY},
            "git": {"git": SAY_ONLY},
        }
        for package, commands in packages.items():
            for name, text in commands.items():
                write(self.state / "packages" / package / name, text)
        (self.state / "packages/curl").mkdir()
        (self.state / "packages/curl/curl").symlink_to(shutil.which("curl"))
        self.server = self.enterContext(Adoptium())
        self.environment = {
            "PATH": str(self.tools),
            "HOME": str(self.home),
            "STATE": str(self.state),
            "TOOLS": str(self.tools),
            "PANOPTIM_JDK_INDEX": f"{self.server.address}/index",
        }

    def system(self, text):
        pathlib.Path(OS_RELEASE).write_text(text, encoding="utf-8")

    def candidates(self, *lines):
        write(self.state / "candidates", "".join(f"{line}\n" for line in lines), 0o644)

    def install(self, *packages):
        for package in packages:
            shutil.copytree(self.state / "packages" / package, self.tools, symlinks=True, dirs_exist_ok=True)

    def install_all(self):
        self.install("maven", "cmake", "ninja-build", "g++")
        jdk(self.home / ".jdks/jdk-25")

    def as_user(self):
        """As one who is not root."""
        (self.tools / "id").unlink()
        write(self.tools / "id", "#!/bin/sh\necho 1000\n")

    def run_in(self, *words, **environment):
        return subprocess.run(words, cwd=self.project, env=self.environment | environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)

    def panoptim(self, *words, **environment):
        return self.run_in("./panoptim", *words, **environment)

    def fetch(self, **environment):
        return self.run_in("scripts/fetch-jdk", **environment)

    def on_terminal(self, answer, *words):
        """The exit status and what a terminal shows, where ANSWER is typed once something is asked."""
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.project)
            os.execve(words[0], words, self.environment | {"TERM": "xterm"})
        shown = b""
        end = time.monotonic() + 120
        with contextlib.suppress(OSError):
            while select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
                more = os.read(terminal, 65536)
                if not more:
                    break
                shown += more
                if answer is not None and b"[Y/n]" in shown:
                    os.write(terminal, answer.encode())
                    answer = None
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()

    def said(self):
        file = self.state / "said"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def installed_jdks(self):
        return sorted(path.name for path in self.jdks.glob("*/")) if self.jdks.exists() else []

    def assert_one_line(self, result, *parts):
        self.assertEqual(result.returncode, 1, result)
        lines = result.stderr.splitlines()
        self.assertEqual(lines[-1][:10], "panoptim: ", result.stderr)
        self.assertEqual([line for line in lines[:-1] if not line.endswith("...")], [], result.stderr)
        for part in parts:
            self.assertIn(part, lines[-1])
        self.assertEqual(result.stdout, "")

    def assert_nothing_happened(self):
        self.assertEqual(self.said(), "")
        self.assertEqual(self.server.asked, [])
        self.assertEqual(self.installed_jdks(), [])


class FirstCommandTest(Machine):
    def test_a_bare_machine_gets_packages_and_a_jdk_and_then_trains(self):
        result = self.panoptim("train", "--epochs", "2", CI="true")

        self.assertEqual(result.returncode, 0, result)
        self.assertRegex(result.stdout, r"java of .*/\.cache/panoptim/jdk/jdk-25\.0\.9\+1: .* train --epochs 2\n$")
        for package in ("maven", "cmake", "ninja-build", "g++", "curl"):
            self.assertRegex(self.said(), rf"apt-get .* install .* {re.escape(package)}[ \n]")
        self.assertIn("mvn -B -Dmaven.test.skip -DskipTests -pl java/cli -am package", self.said())
        self.assertIn(f"jdk {self.jdks}/jdk-25.0.9+1", self.said())

    def test_what_only_tests_need_is_not_installed_for_training(self):
        self.panoptim("train", "--yes")

        self.assertNotIn("doctest", self.said())
        self.assertNotIn("clang-format", self.said())

    def test_yes_is_the_launchers_and_not_the_programs(self):
        for words in (("train", "--yes"), ("--yes", "train")):
            with self.subTest(words=words):
                result = self.panoptim(*words)

                self.assertEqual(result.returncode, 0, result)
                self.assertRegex(result.stdout, r" train\n$")

    def test_the_environment_may_say_yes(self):
        self.assertEqual(self.panoptim("train", PANOPTIM_YES="1").returncode, 0)

    def test_the_environment_may_say_no(self):
        for no in ("", "0", "no", "false"):
            with self.subTest(no=no):
                self.assert_one_line(self.panoptim("train", PANOPTIM_YES=no, CI=no), "missing: maven")
                self.assert_nothing_happened()

    def test_without_a_terminal_and_without_yes_one_line_says_what_is_missing(self):
        result = self.panoptim("train")

        self.assert_one_line(result, "maven cmake ninja-build g++ curl", "a JDK 25", "--yes")
        self.assertEqual(len(result.stderr.splitlines()), 1)
        self.assert_nothing_happened()

    def test_on_a_terminal_it_asks_and_takes_no_for_an_answer(self):
        status, shown = self.on_terminal("n\n", "./panoptim", "train")

        self.assertEqual(status, 1)
        self.assertIn("missing: maven cmake ninja-build g++ curl", shown)
        self.assertIn("nothing was installed", shown)
        self.assert_nothing_happened()

    def test_on_a_terminal_enter_is_yes_and_a_bar_shows_how_far_it_is(self):
        status, shown = self.on_terminal("\n", "./panoptim", "train")

        self.assertEqual(status, 0, shown)
        self.assertRegex(shown, r"\[#{24}\] 100 %  Installed")
        self.assertRegex(shown, r"\[ {24}\]   0 %  Panoptim core \(\d+ s\)")
        self.assertRegex(shown, r"\[#{12} {12}\]  50 %  Panoptim command line")
        self.assertTrue(shown.rstrip().endswith(" train"), shown)

    def test_without_a_terminal_each_module_is_a_line(self):
        result = self.panoptim("train", "--yes")

        self.assertIn("panoptim: building 1 of 2: Panoptim core\n"
                      "panoptim: building 2 of 2: Panoptim command line\n", result.stderr)
        self.assertNotIn("\r", result.stderr)

    def test_where_all_is_there_neither_apt_nor_a_network_is_asked(self):
        self.install_all()
        write(self.tools / "curl", SAY_ONLY)

        first = self.panoptim("train")
        second = self.panoptim("train")

        self.assertEqual((first.returncode, second.returncode), (0, 0), first)
        self.assertEqual(second.stderr, "")
        self.assertNotIn("apt-get", self.said())
        self.assertNotIn("curl", self.said())
        self.assertEqual(self.said().count("mvn"), 1)
        self.assertEqual(self.server.asked, [])

    def test_once_built_only_the_jdk_is_needed(self):
        self.install_all()
        self.panoptim("train")
        for name in ("mvn", "cmake", "ninja", "g++"):
            (self.tools / name).unlink()

        self.assertEqual(self.panoptim("train").returncode, 0)

    def test_maven_runs_on_the_jdk_of_the_build_where_java_home_names_no_other(self):
        write(self.tools / "java", SAY_ONLY)
        self.panoptim("train", "--yes")
        self.panoptim("test", "--yes")
        self.panoptim("test", "--yes", JAVA_HOME="/another")

        own = re.findall("own (.*)", self.said())
        self.assertEqual(own, [f"{self.jdks}/jdk-25.0.9+1"] * 2 + ["/another"])

    def test_a_failing_build_says_why(self):
        self.install_all()

        result = self.panoptim("train", MVN_FAILS="1")

        self.assertEqual(result.returncode, 1)
        self.assertIn("[ERROR] it does not compile\npanoptim: the build failed; its output is in ", result.stderr)

    def test_two_at_once_install_and_build_once(self):
        self.server.wait = 0.5

        with subprocess.Popen(("./panoptim", "train", "--yes"), cwd=self.project,
                              env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as other:
            result = self.panoptim("train", "--yes")

        self.assertEqual((result.returncode, other.returncode), (0, 0), result)
        self.assertEqual(len(re.findall(r"apt-get .* install", self.said())), 1)
        self.assertEqual(self.said().count("mvn -B"), 1)
        self.assertEqual(len(self.server.asked), 2)


class KernelsTest(Machine):
    def setUp(self):
        super().setUp()
        self.install_all()

    @unittest.skipIf(os.path.exists("/dev/nvidiactl") or os.path.exists("/dev/dxg"), "this machine has a GPU")
    def test_without_a_gpu_neither_kernels_nor_other_machines_libraries_are_built(self):
        self.panoptim("train")

        self.assertIn("kernels OFF cross OFF", self.said())

    def test_who_asks_for_kernels_gets_them_after_a_build_without_too(self):
        self.panoptim("train", PANOPTIM_KERNELS="OFF")
        self.panoptim("train", PANOPTIM_KERNELS="ON")
        self.panoptim("train", PANOPTIM_KERNELS="ON")
        self.panoptim("train", PANOPTIM_KERNELS="OFF")

        self.assertEqual(re.findall("kernels (.*) cross", self.said()), ["OFF", "ON"])


class SecondCommandTest(Machine):
    def test_a_bare_machine_gets_what_tests_need_and_maven_verifies(self):
        result = self.panoptim("test", "-pl", "java/core", "--yes")

        self.assertEqual(result.returncode, 0, result)
        self.assertRegex(self.said(), r"apt-get .* install .* doctest-dev")
        self.assertIn("mvn -B verify -pl java/core\n", self.said())
        self.assertIn(f"kernels  cross  jdk {self.jdks}/jdk-25.0.9+1", self.said())

    def test_what_is_not_everywhere_is_installed_where_apt_knows_it(self):
        self.candidates("g++ 4:12.2.0-3", "clang-format-14 1:14.0.6-12", "xz-utils 5.4.1-1")

        result = self.panoptim("test", "--yes")

        self.assertEqual(result.returncode, 0, result)
        self.assertRegex(self.said(), r"apt-get .* install .* clang-format-14")
        self.assertRegex(self.said(), r"apt-get .* install .* xz-utils")
        self.assertNotIn("qemu-user", self.said())

    def test_what_can_be_done_without_stops_nobody(self):
        self.install_all()
        self.install("doctest-dev")

        result = self.panoptim("test")

        self.assertEqual(result.returncode, 0, result)
        self.assertNotIn("apt-get", self.said())

    def test_maven_finds_the_fetched_jdk_by_itself_too(self):
        self.panoptim("test", "--yes")

        self.assertTrue((self.home / ".m2/jdks/panoptim-jdk-25.0.9+1/bin/javac").exists())


class PackagesTest(Machine):
    def test_a_jdk_that_is_packaged_is_preferred(self):
        self.candidates("g++ 4:12.2.0-3", "openjdk-25-jdk-headless 25.0.5+8-1")
        packaged = self.state / "packages/openjdk-25-jdk-headless/lib-jvm/jdk-25"
        jdk(packaged)
        write(packaged.parents[1] / "java", "")
        (packaged.parents[1] / "java").unlink()
        (packaged.parents[1] / "java").symlink_to("lib-jvm/jdk-25/bin/java")

        result = self.panoptim("train", "--yes")

        self.assertEqual(result.returncode, 0, result)
        self.assertRegex(self.said(), "install .* openjdk-25-jdk-headless")
        self.assertEqual(self.server.asked, [])

    def test_where_g_plus_plus_is_too_old_a_newer_one_by_another_name_is_taken(self):
        self.system(UBUNTU)
        self.candidates("g++ 4:11.2.0-1ubuntu1", "g++-12 12.3.0-1ubuntu1~22.04")
        write(self.tools / "g++", COMPILER.replace("VERSION", "11"))

        result = self.panoptim("train", "--yes")
        compiler = self.run_in("scripts/native", "compiler")

        self.assertEqual(result.returncode, 0, result)
        self.assertRegex(self.said(), r"install .* g\+\+-12[ \n]")
        self.assertEqual(compiler.stdout, "g++-12\n")

    def test_a_tool_that_is_too_old_counts_as_missing(self):
        self.install_all()
        write(self.tools / "cmake", "#!/bin/sh\necho cmake version 3.18.4\n")

        self.assert_one_line(self.panoptim("train"), "missing: cmake.")

    def test_who_is_not_root_installs_by_sudo(self):
        self.as_user()
        write(self.tools / "sudo", SUDO)

        result = self.panoptim("train", "--yes")

        self.assertEqual(result.returncode, 0, result)
        self.assertRegex(self.said(), "sudo -n env .*apt-get .* install .* maven")

    def test_a_sudo_that_wants_a_password_where_nobody_can_type_one_is_one_line(self):
        self.as_user()
        write(self.tools / "sudo", SUDO)

        self.assert_one_line(self.panoptim("train", "--yes", SUDO_REFUSES="1"),
                             "sudo: a password is required", "as root: apt-get update && apt-get install -y")

    def test_without_root_and_sudo_one_line_names_the_command(self):
        self.as_user()

        result = self.panoptim("train", "--yes")

        self.assert_one_line(result, "as root: apt-get update && apt-get install -y --no-install-recommends maven cmake")
        self.assert_nothing_happened()

    def test_a_jdk_needs_neither_root_nor_sudo(self):
        self.as_user()
        self.install("maven", "cmake", "ninja-build", "g++", "curl")

        result = self.panoptim("train", "--yes")

        self.assertEqual(result.returncode, 0, result)
        self.assertEqual(self.installed_jdks(), ["jdk-25.0.9+1"])

    def test_a_packaged_jdk_that_cannot_be_installed_is_replaced_by_a_fetched_one(self):
        self.install("maven", "cmake", "ninja-build", "g++", "curl")
        self.candidates("openjdk-25-jdk-headless 25.0.5+8-1")

        result = self.panoptim("train", "--yes", APT_FAILS="install")

        self.assertEqual(result.returncode, 0, result)
        self.assertIn("could not install openjdk-25-jdk-headless (Failed to fetch it): goes on without", result.stderr)
        self.assertEqual(self.installed_jdks(), ["jdk-25.0.9+1"])

    def test_what_apt_says_is_in_the_one_line(self):
        self.assert_one_line(self.panoptim("train", "--yes", APT_FAILS="install"), "(Failed to fetch it)", "maven")
        self.assertEqual(self.installed_jdks(), [])

    def test_lists_that_cannot_be_renewed_do_not_stop_an_installation(self):
        self.assertEqual(self.panoptim("train", "--yes", APT_FAILS="update").returncode, 0)

    def test_what_is_installed_and_still_not_there_is_said(self):
        shutil.rmtree(self.state / "packages/ninja-build")

        self.assert_one_line(self.panoptim("train", "--yes"), "not to be found: ninja-build")


class OtherSystemsTest(Machine):
    def test_other_systems_are_told_what_is_needed(self):
        systems = {
            "Fedora Linux 43": "ID=fedora\nVERSION_ID=43\n",
            "Alpine Linux v3.22": "ID=alpine\nVERSION_ID=3.22.0\n",
            "Debian GNU/Linux 11": "ID=debian\nVERSION_ID=11\n",
            "Ubuntu 20.04": "ID=ubuntu\nVERSION_ID=20.04\nID_LIKE=debian\n",
        }
        for name, text in systems.items():
            with self.subTest(system=name):
                self.system(f'PRETTY_NAME="{name}"\n{text}')

                self.assert_one_line(self.panoptim("train", "--yes"), name, "Maven 3.6.3", "CMake 3.22", "a JDK 25")
                self.assert_nothing_happened()

    def test_what_descends_from_debian_is_known(self):
        self.system('PRETTY_NAME="Linux Mint 22"\nID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID=22\n')

        self.assertEqual(self.panoptim("train", "--yes").returncode, 0)

    def test_another_system_that_has_all_is_as_good(self):
        self.system("ID=fedora\n")
        self.install_all()

        self.assertEqual(self.panoptim("train").returncode, 0)
        self.assertEqual(self.panoptim("test").returncode, 1)

    def test_where_there_is_no_linux_one_line_says_so(self):
        self.assert_one_line(self.panoptim("train", "--yes", OSTYPE="darwin24"), "needs Linux", "darwin24")
        self.assert_nothing_happened()


class FetchedJdkTest(Machine):
    def setUp(self):
        super().setUp()
        self.install("curl")

    def parts(self):
        return [path for path in self.jdks.glob("*") if path.name.endswith(".part") or "unpacking" in path.name]

    def assert_not_installed(self):
        self.assertEqual(self.installed_jdks(), [])
        self.assertNotEqual(self.run_in("scripts/find-jdk").returncode, 0)

    def assert_installed(self):
        home = self.jdks / "jdk-25.0.9+1"
        self.assertEqual(self.run_in("scripts/find-jdk").stdout, f"{home}\n")
        self.assertEqual((home / "modules").stat().st_size, 300_000)
        self.assertEqual(self.parts(), [])

    def test_an_archive_with_its_checksum_is_installed_and_found(self):
        result = self.fetch()

        self.assertEqual(result.returncode, 0, result)
        self.assert_installed()
        self.assertEqual(self.server.asked, [("/index", None), ("/jdk.tar.gz", None)])

    def test_on_a_terminal_a_bar_shows_the_download(self):
        self.server.wait = 1

        status, shown = self.on_terminal(None, "scripts/fetch-jdk")

        self.assertEqual(status, 0, shown)
        self.assertRegex(shown, r"\[ {24}\]   0 %  Temurin 25, 0 of 0 MB")

    def test_one_that_is_there_is_found_behind_a_link_to_another(self):
        self.fetch()
        (self.jdks / "z").symlink_to(self.folder)

        self.assert_installed()

    def test_one_that_is_there_is_not_fetched_again(self):
        self.fetch()
        asked = len(self.server.asked)

        self.assertEqual(self.fetch().returncode, 0)
        self.assertEqual(len(self.server.asked), asked)

    def test_another_checksum_is_one_line_and_leaves_nothing(self):
        self.server.checksum = "0" * 64

        self.assert_one_line(self.fetch(), "SHA-256", f"{self.server.address}/jdk.tar.gz", "JAVA_HOME")
        self.assert_not_installed()
        self.assertEqual(self.parts(), [])

    def test_a_download_that_breaks_off_is_one_line_and_goes_on_the_next_time(self):
        self.server.sent = 100_000

        self.assert_one_line(self.fetch(), "ended after 0 MB", "goes on from there", "JAVA_HOME")
        self.assert_not_installed()

        self.server.sent = None
        self.assertEqual(self.fetch().returncode, 0)
        self.assertEqual(self.server.asked[-1], ("/jdk.tar.gz", "bytes=100000-"))
        self.assert_installed()

    def test_where_the_server_cannot_go_on_in_the_middle_it_begins_anew(self):
        self.server.sent = 100_000
        self.fetch()
        self.server.sent = None
        self.server.ranges = False

        self.assertEqual(self.fetch().returncode, 0)
        self.assert_installed()

    def test_a_part_that_was_spoilt_is_fetched_anew(self):
        checksum = hashlib.sha256(self.server.archive).hexdigest()
        for spoilt in (b"x" * 1000, b"x" * len(self.server.archive), b"x" * 400_000):
            with self.subTest(bytes=len(spoilt)):
                shutil.rmtree(self.jdks, ignore_errors=True)
                self.jdks.mkdir(parents=True)
                (self.jdks / f"{checksum}.part").write_bytes(spoilt)

                result = self.fetch()

                self.assertEqual(result.returncode, 0, result)
                self.assert_installed()

    def test_an_address_that_cannot_be_reached_is_one_line(self):
        self.server.shutdown()
        self.server.server_close()

        self.assert_one_line(self.fetch(), f"{self.server.address}/index cannot be read", "JAVA_HOME", "PANOPTIM_JDK_INDEX")
        self.assert_not_installed()

    def test_an_archive_that_is_not_there_is_one_line(self):
        index = self.server.index()
        index[0]["binary"]["package"]["link"] = f"{self.server.address}/gone.tar.gz"
        self.server.index = lambda: index

        self.assert_one_line(self.fetch(), "gone.tar.gz", "404")
        self.assert_not_installed()

    def test_an_answer_of_another_kind_is_one_line(self):
        for path in ("nonsense", "missing"):
            with self.subTest(path=path):
                result = self.fetch(PANOPTIM_JDK_INDEX=f"{self.server.address}/{path}")

                self.assert_one_line(result, path, "JAVA_HOME")
                self.assert_not_installed()

    def test_an_archive_without_a_checksum_is_not_taken(self):
        for checksum in ("", "abc", "../../x"):
            with self.subTest(checksum=checksum):
                index = self.server.index()
                index[0]["binary"]["package"]["checksum"] = checksum
                self.server.index = lambda answer=index: answer

                self.assert_one_line(self.fetch(), "names no archive with its SHA-256")
        self.assertNotIn("/jdk.tar.gz", [path for path, _ in self.server.asked])

    def test_an_archive_with_something_else_in_it_is_one_line_and_leaves_nothing(self):
        fillings = {
            "a JDK that is too old": lambda home: jdk(home, 21),
            "no JDK": lambda home: write(home / "README", "hello"),
        }
        for name, fill in fillings.items():
            with self.subTest(of=name):
                self.server.archive = archive(fill)

                self.assert_one_line(self.fetch(), "has no JDK 25 in it")
                self.assert_not_installed()

    def test_a_jdk_that_does_not_run_here_is_one_line(self):
        def fill(home):
            jdk(home)
            write(home / "bin/java", "#!/bin/sh\necho cannot execute >&2\nexit 1\n")

        self.server.archive = archive(fill)

        self.assert_one_line(self.fetch(), "does not run here (cannot execute)")
        self.assert_not_installed()

    def test_what_is_no_archive_is_one_line(self):
        self.server.archive = b"not an archive"

        self.assert_one_line(self.fetch(), "no JDK 25")
        self.assert_not_installed()

    def test_two_at_once_fetch_once(self):
        self.server.wait = 1

        with subprocess.Popen("scripts/fetch-jdk", cwd=self.project, env=self.environment,
                              stderr=subprocess.DEVNULL) as other:
            result = self.fetch()

        self.assertEqual((result.returncode, other.returncode), (0, 0), result)
        self.assertEqual([path for path, _ in self.server.asked], ["/index", "/jdk.tar.gz"])
        self.assert_installed()

    def test_one_that_is_killed_leaves_nothing_that_is_taken_for_a_jdk(self):
        self.server.wait = 2
        with subprocess.Popen("scripts/fetch-jdk", cwd=self.project, env=self.environment,
                              stderr=subprocess.DEVNULL, start_new_session=True) as killed:
            while len(self.server.asked) < 2:
                time.sleep(0.05)
            os.killpg(killed.pid, signal.SIGKILL)
        self.server.wait = 0
        # As one that was killed while it unpacked.
        jdk(self.jdks / "unpacking.x/jdk-25.0.9+1")
        self.assertNotEqual(self.run_in("scripts/find-jdk").returncode, 0)

        self.assertEqual(self.fetch().returncode, 0)
        self.assert_installed()

    def test_a_home_in_which_nothing_can_be_written_is_one_line(self):
        (self.home / ".cache").write_text("a file")

        self.assert_one_line(self.fetch(), "no place for a JDK", "Not a directory", "JAVA_HOME")

    def test_without_a_home_one_line_says_so(self):
        self.assert_one_line(self.fetch(HOME=""), "HOME is not set", "JAVA_HOME")

    def test_without_curl_one_line_says_so(self):
        (self.tools / "curl").unlink()

        self.assert_one_line(self.fetch(), "curl, which is not installed")


if __name__ == "__main__":
    if OS_RELEASE is None:
        enter_namespace()
    unittest.main()

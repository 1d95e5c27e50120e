"""The launcher ./tlsbye and what CMake asks for: a copy of the launcher alone, with programs in the place of apt, cmake and ninja that write down how
they were called. What really happens on a bare machine is seen by .ci/fresh."""

import json
import os
import shutil
import subprocess

import pytest
from conftest import PATIENCE, ROOT

PROGRAMS = {
    "dpkg-query": 'for package in "${@:4}"; do [ "$package" = "$LACKING" ] || printf "installed:%s " "$package"; done',
    "id": "[ \"$1\" = -u ] && echo 1000 || echo somebody",
    "sudo": "exit 1",
    "cmake": 'echo "cmake $*" >>"$CALLS"; while [ "$1" != -B ]; do shift; done; mkdir -p "$2/bin"; touch "$2/build.ninja"\n'
             'printf "#!/bin/sh\\necho program \\"\\$@\\"\\n" >"$2/bin/tlsbye"; chmod +x "$2/bin/tlsbye"',
    "ninja": 'echo "ninja ${*: -1}" >>"$CALLS"; echo "${WORK:-no work to do}"',
    "ctest": "exit 1",
}


class Launcher:
    def __init__(self, folder):
        self.folder = folder
        self.checkout = folder / "checkout"
        (self.checkout / "scenarios").mkdir(parents=True)
        (folder / "home").mkdir()
        (folder / "programs").mkdir()
        shutil.copy(ROOT / "tlsbye", self.checkout)
        shutil.copy(ROOT / "CMakePresets.json", self.checkout)
        for name, lines in PROGRAMS.items():
            (folder / "programs" / name).write_text(f"#!/bin/bash\n{lines}\n")
            (folder / "programs" / name).chmod(0o755)

    def __call__(self, *words, **environment):
        environment = {"PATH": f"{self.folder}/programs:{os.environ['PATH']}", "CALLS": str(self.folder / "calls"), "LACKING": "",
                       "HOME": str(self.folder / "home"), **environment}
        return subprocess.run([self.checkout / "tlsbye", *words], cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
                              env={name: value for name, value in environment.items() if value is not None})

    def calls(self, program):
        return [line for line in (self.folder / "calls").read_text().splitlines() if line.startswith(program)]


@pytest.fixture
def launcher(tmp_path):
    return Launcher(tmp_path)


def test_a_user_without_sudo_is_told_in_one_line_what_to_install_and_it_works_once_that_is_there(launcher):
    done = launcher("run", LACKING="libfmt-dev")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "tlsbye: packages are missing; install them and start again: apt-get install libfmt-dev\n"
    done = launcher("run", "--sweep")
    assert (done.returncode, done.stdout) == (0, "program run --sweep\n")


@pytest.mark.parametrize("package", ["ccache", "libgtest-dev", "libbenchmark-dev", "chromium"])
def test_a_run_does_not_ask_for_what_only_tests_need(launcher, package):
    assert launcher("run", LACKING=package).returncode == 0
    done = launcher("test", LACKING=package)
    assert done.returncode == 3 and done.stderr.endswith(f"apt-get install {package}\n")


def test_tests_are_configured_when_they_are_asked_for_and_stay(launcher):
    launcher("run")
    launcher("run")
    assert len(launcher.calls("cmake")) == 1 and "TESTS" not in launcher.calls("cmake")[0]
    launcher("test")
    assert len(launcher.calls("cmake")) == 2 and "-DTLSBYE_TESTS=ON" in launcher.calls("cmake")[1]
    launcher("run")
    assert len(launcher.calls("cmake")) == 2
    assert set(launcher.calls("ninja")) == {"ninja programs", "ninja all"}


@pytest.mark.parametrize("work", ["[1/2] Building CXX object a.cpp.o", "[0/1] Re-running CMake..."])
def test_a_build_is_announced_also_if_cmake_has_to_run_again_first(launcher, work):
    assert launcher("run", WORK=work).stderr.endswith("tlsbye: building (release)\n")
    assert launcher("run").stderr == ""
    assert launcher("run", WORK="[1/2] Building CXX object commit.cpp.o").stderr == ""


def test_a_library_that_came_since_is_noticed(launcher):
    launcher("run")
    left_out = launcher.checkout / "build/release/bin/peers/left-out"
    left_out.parent.mkdir(parents=True)
    left_out.write_text("mytls libmytls-dev\n")
    (launcher.folder / "programs/dpkg-query").write_text(
        '#!/bin/bash\nfor package in "${@:4}"; do\n  if [ "$3" = "\\${db:Status-Status}\\n" ]; then [ -n "$CAME" ] && echo installed\n'
        '  else printf "installed:%s " "$package"; fi\ndone\n')
    launcher("run")
    assert len(launcher.calls("cmake")) == 1
    launcher("run", CAME="1")
    assert len(launcher.calls("cmake")) == 2


def test_other_presets_than_those_it_was_configured_by_are_noticed(launcher):
    launcher("run")
    with (launcher.checkout / "CMakePresets.json").open("a") as presets:
        presets.write("\n")
    launcher("run")
    assert len(launcher.calls("cmake")) == 2


def test_who_may_not_write_into_the_checkout_builds_in_the_cache_folder_of_their_home(launcher):
    (launcher.checkout / "build").touch()  # no folder can be there, whoever asks
    done = launcher("run")
    assert (done.returncode, done.stdout) == (0, "program run\n")
    assert "cannot be written to by somebody; building in" in done.stderr
    builds = next((launcher.folder / "home/.cache/tlsbye").glob("*/build"))
    assert (builds / "scenarios").resolve() == launcher.checkout / "scenarios", "where the built program looks for them"


def test_who_may_not_and_has_no_home_is_told_what_to_do(launcher):
    (launcher.checkout / "build").touch()
    done = launcher("run", HOME=None)
    assert done.returncode == 3, "1 would be the gate's no"
    assert len(done.stderr.splitlines()) == 1 and "TLSBYE_BUILD=FOLDER" in done.stderr
    done = launcher("run", HOME=None, TLSBYE_BUILD="mine")
    assert (done.returncode, done.stdout) == (0, "program run\n")
    assert (launcher.folder / "mine/release/build.ninja").exists()


def test_a_folder_that_was_named_and_cannot_be_built_in_is_told(launcher):
    done = launcher("run", TLSBYE_BUILD="/proc/none")
    assert done.returncode == 3 and "/proc/none cannot be written to" in done.stderr


# .ci/fresh where it cannot work


def fresh(launcher, *words, **environment):
    environment = {**os.environ, "PATH": f"{launcher.folder}/programs:{os.environ['PATH']}", **environment}
    return subprocess.run([ROOT / ".ci/fresh", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, env=environment)


def test_the_guard_of_bare_machines_fails_loudly_where_it_cannot_make_one(launcher):
    done = fresh(launcher, "trixie")  # `id` says that this is not root
    assert done.returncode == 1 and "FAILED: only root" in done.stderr and "TLSBYE_NO_FRESH=1" in done.stderr
    assert fresh(launcher).returncode == fresh(launcher, "--tests", "trixie").returncode == 1


def test_it_is_left_out_by_name_alone_and_says_so(launcher):
    done = fresh(launcher, "trixie", TLSBYE_NO_FRESH="1")
    assert done.returncode == 0 and "LEFT OUT" in done.stderr and "trixie" in done.stderr
    assert fresh(launcher, "trixie", TLSBYE_NO_FRESH="").returncode == 1

# CMake


@pytest.mark.parametrize(("name", "package"), [("fmt", "libfmt-dev"), ("CLI11", "libcli11-dev"), ("OpenSSL", "libssl-dev")])
def test_what_is_missing_is_named_in_one_line_with_its_package(tmp_path, name, package):
    words = ["cmake", "-S", ROOT, "-B", tmp_path, f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON", "-DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if "apt-get install" in line]
    assert len(told) == 1 and package in told[0] and "nlohmann-json3-dev" in told[0] and name in told[0]


def test_warnings_are_errors_for_developers_only_and_tests_are_for_who_asks(tmp_path):
    done = subprocess.run(["cmake", "-S", ROOT, "-B", tmp_path, "-DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert "-Wall" in (commands := (tmp_path / "compile_commands.json").read_text()) and "-Werror" not in commands


def configured(folder, *words):
    done = subprocess.run(["cmake", "-S", ROOT, "-B", folder / "build", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode != 0:
        return done.stderr
    return {entry["file"].removeprefix(f"{ROOT}/"): entry["command"] for entry in json.loads((folder / "build/compile_commands.json").read_text())}


def test_a_library_of_ones_own_is_for_its_peer_and_the_harness_stays_with_the_systems(tmp_path):
    prefix = tmp_path / "c++ 1"  # signs that mean something to regular expressions, and to shells
    (prefix / "lib/pkgconfig").mkdir(parents=True)
    (prefix / "include").mkdir()
    for name in ("ssl", "crypto"):
        (prefix / f"lib/lib{name}.so").touch()
    (prefix / "lib/pkgconfig/openssl.pc").write_text(
        "prefix=${pcfiledir}/../..\nlibdir=" + str(prefix).replace(" ", "\\ ") + "/lib\nName: OpenSSL\nDescription: one's own\nVersion: 9.9\n"
        "Libs: -L${libdir} -lssl -lcrypto\nCflags: -DOF_ONES_OWN\n")
    commands = configured(tmp_path, f"-DTLSBYE_OPENSSL_PREFIX={prefix}/")
    assert isinstance(commands, dict), commands
    others = {file for file in commands if file.startswith(("harness/", "reports/", "peers/gnutls", "peers/common/make"))}
    with_it = {file for file, command in commands.items() if "-DOF_ONES_OWN" in command}
    assert with_it >= {"peers/openssl.cpp", "peers/rogue/rogue.cpp"} and len(others) > 20 and not with_it & others


def test_a_prefix_without_the_library_is_told(tmp_path):
    told = configured(tmp_path, f"-DTLSBYE_GNUTLS_PREFIX={tmp_path}")
    assert f"TLSBYE_GNUTLS_PREFIX: {tmp_path}/lib/pkgconfig has no gnutls.pc" in told


def test_a_prefix_is_looked_into_where_pkg_config_does_not_know_the_library(tmp_path):
    told = configured(tmp_path, f"-DTLSBYE_MBEDTLS_PREFIX={tmp_path}")
    assert f"TLSBYE_MBEDTLS_PREFIX: {tmp_path} has no include/mbedtls/ssl.h" in told
    (tmp_path / "include/mbedtls").mkdir(parents=True)
    (tmp_path / "include/mbedtls/ssl.h").touch()
    (tmp_path / "lib").mkdir()
    for name in ("mbedtls", "mbedx509", "mbedcrypto"):
        (tmp_path / f"lib/lib{name}.so").touch()
    assert f"{tmp_path}/include" in configured(tmp_path, f"-DTLSBYE_MBEDTLS_PREFIX={tmp_path}")["peers/mbedtls.cpp"]


def test_a_new_stack_is_its_adapter_and_one_line_of_one_folder(tmp_path):
    """As docs/adding-a-stack.md has it: with a name that pkg-config knows, with a header, and one whose library is not there."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=lambda folder, names: {"build", ".git", "out", "roots"} & set(names))
    with (copy / "peers/stacks.cmake").open("a") as stacks:
        stacks.write("tlsbye_stack(mytls MODULE openssl PACKAGE libmytls-dev)\n"
                     "tlsbye_stack(yourtls HEADER openssl/ssl.h LIBRARIES ssl crypto PACKAGE libyourtls-dev)\n"
                     "tlsbye_stack(notls MODULE no-such-module PACKAGE libnotls-dev)\n")
    for name in ("mytls", "yourtls", "notls"):
        (copy / f"peers/{name}.cpp").touch()
    build = tmp_path / "build"
    words = ("-DTLSBYE_TESTS=ON", "-DTLSBYE_BENCH=ON", "-DTLSBYE_WITH_WOLFSSL=OFF")
    done = subprocess.run(["cmake", "-S", copy, "-B", build, *words], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("No notls: its peer is left out (Debian: libnotls-dev)") == 1
    assert {"notls libnotls-dev", "wolfssl TLSBYE_WITH_WOLFSSL=OFF"} <= set((build / "bin/peers/left-out").read_text().splitlines())
    commands = {entry["file"].removeprefix(f"{copy}/"): entry["command"] for entry in json.loads((build / "compile_commands.json").read_text())}
    assert {"peers/mytls.cpp", "peers/yourtls.cpp"} <= commands.keys() and "peers/notls.cpp" not in commands
    assert "mytls" in commands["peers/peers_test.cpp"] and "STACK(yourtls)" in commands["harness/bench/bench.cpp"]

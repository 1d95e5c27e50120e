"""What `cmake --install` lays out: the program with its data, the CMake package, the man page, completions."""

import json
import re
import shutil
import subprocess

import pytest
from conftest import PATIENCE, PROGRAM, ROOT, Tlsbye

BUILD = PROGRAM.parents[1]
GREEN = ("rfc8446/a-cut-is-told", "missing-reply/*")


def call(*words, cwd=None, check=True, **more):
    done = subprocess.run([*map(str, words)], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, **more)
    assert not check or done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """An installation in a folder of its own."""
    folder = tmp_path_factory.mktemp("installed")
    call("cmake", "--install", BUILD, "--prefix", folder)
    return folder


@pytest.fixture
def project(prefix, tmp_path):
    """A project of somebody else's, configured with these lines."""

    def configure(lines, check=True):
        (tmp_path / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.22)\nproject(somebody LANGUAGES C)\nenable_testing()\nfind_package(tlsbye 0.1 REQUIRED)\n" + lines)
        return call("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", check=check)

    configure.folder = tmp_path
    configure.build = tmp_path / "build"
    return configure


# The program


def test_the_installed_program_finds_its_data_and_its_peers(prefix, tmp_path):
    tlsbye = Tlsbye(tmp_path)
    words = ("run", "--stack", "gnutls", "--clause", "rfc9846/*", "--scenario", "clean-reply/*")
    call(prefix / "bin/tlsbye", *words, cwd=tmp_path)
    installed = tlsbye.report()
    tlsbye(*words, "--out", "built", check=0)
    assert installed["cells"] == tlsbye.report("built")["cells"]
    rogues = {path.name for path in (prefix / "libexec/tlsbye/rogues").iterdir()}
    assert rogues == {"tlsbye-peer-rogue", "tlsbye-client"}


def test_it_still_does_where_it_was_moved_to(prefix, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(prefix, moved)
    (moved / "share/tlsbye/scenarios/half-close.toml").unlink()
    told = call(moved / "bin/tlsbye", "list", "scenarios", cwd=tmp_path).stdout
    assert "half-close/" not in told and "clean-reply/" in told, "the data are those beside it"


def test_it_knows_the_way_to_them_however_their_folders_are_called(tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(f"""
cmake_minimum_required(VERSION 3.22)
project(somebody LANGUAGES C)
include(GNUInstallDirs)
include({ROOT}/harness/cmake/targets.cmake)
add_executable(tool tool.c)
tlsbye_installed_places(tool)
get_target_property(ways tool COMPILE_DEFINITIONS)
message(STATUS "ways: ${{ways}}")
""")
    (tmp_path / "tool.c").write_text("int main(void) { return 0; }\n")
    for words, ways in [((), ("../share", "../libexec")),
                        (("-DCMAKE_INSTALL_BINDIR=lib/tools/bin", "-DCMAKE_INSTALL_LIBEXECDIR=lib/x", "-DCMAKE_INSTALL_DATADIR=data"),
                         ("../../../data", "../../x"))]:
        told = call("cmake", "-S", tmp_path, "-B", tmp_path / "build", *words).stdout
        assert f'ways: TLSBYE_WAY_TO_DATA="{ways[0]}/tlsbye";TLSBYE_WAY_TO_PROGRAMS="{ways[1]}/tlsbye"' in told


# find_package(tlsbye)


def test_a_project_can_have_gates_among_its_tests_and_they_can_fail(project):
    clause, scenario = GREEN
    (project.folder / "known.toml").write_text("")
    project(f"""
tlsbye_add_gate(closes-well STACK openssl CLAUSE {clause} SCENARIO "{scenario}" KNOWN known.toml ARGS --jobs 2)
tlsbye_add_gate(closes-badly STACK gnutls CLAUSE "rfc8446/success-*" SCENARIO "{scenario}")
add_test(NAME the-program COMMAND tlsbye::tlsbye --version)
""")
    done = call("ctest", "--output-on-failure", cwd=project.build, check=False)
    assert re.search(r"closes-well \.+ +Passed", done.stdout), done.stdout
    assert re.search(r"the-program \.+ +Passed", done.stdout), done.stdout
    assert re.search(r"closes-badly \.+\*+Failed", done.stdout), done.stdout
    assert "gate: red" in done.stdout and "rfc8446/success-means-the-answer-came  (client 1.3" in done.stdout
    cells = json.loads((project.build / "closes-well/run.json").read_text())["cells"]
    assert {(c["stack"], c["clause"]) for c in cells} == {("openssl", clause)}


def test_a_word_that_the_function_does_not_know_is_told_when_it_is_configured(project):
    done = project("tlsbye_add_gate(closes-well STAKC gnutls)\n", check=False)
    assert done.returncode == 1 and "not understood: STAKC" in done.stderr


# The man page


def test_groff_has_nothing_to_say_against_the_man_page(prefix):
    page = prefix / "share/man/man1/tlsbye.1"
    done = call("groff", "-man", "-Tutf8", "-ww", "-z", page)
    assert done.stderr == ""
    assert "what really happens when a TLS connection is closed" in call("groff", "-man", "-Tascii", page).stdout


def test_the_man_page_speaks_of_every_command(prefix):
    page = (prefix / "share/man/man1/tlsbye.1").read_text()
    commands = call(PROGRAM, "complete", "commands").stdout.split()
    assert len(commands) > 6
    for command in commands:
        assert f"\n.TP\n.B {command}\n" in page, command
        assert f".B tlsbye {command}\n" in page, command


# Completion: the shells complete as if somebody pressed the key, each case a line as typed and a word that is offered

CASES = [
    ("tlsbye sh", "show"),
    ("tlsbye list contra", "contradictions"),
    ("tlsbye run --fail", "--fail-on"),
    ("tlsbye run --stack gn", "gnutls"),
    ("tlsbye run --scenario clean-reply/subject-r", "clean-reply/subject-reads-for-the-reply"),
    ("tlsbye run --clause rfc8446/success", "rfc8446/success-means-the-answer-came"),
    ("tlsbye show rfc8446/success", "rfc8446/success-means-the-answer-came"),
]

BASH = """
source "$1"
COMP_WORDS=($2); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE=$2; COMP_POINT=${#2}
complete -p tlsbye | grep -q -- '-F _tlsbye tlsbye'
_tlsbye
printf '%s\\n' "${COMPREPLY[@]}"
"""
# compadd is what the function offers words with; it works in an interactive shell alone.
ZSH = """
compadd() { [[ $1 == -- ]] && shift; print -rl -- ${(M)@:#${PREFIX}*} }
words=(${=2}) CURRENT=${#words} PREFIX=${words[-1]}
source "$1"
"""
SHELLS = {
    "bash": ("share/bash-completion/completions/tlsbye", ["bash", "-euc", BASH, "bash"]),
    "zsh": ("share/zsh/site-functions/_tlsbye", ["zsh", "-fc", ZSH, "zsh"]),
    "fish": ("share/fish/vendor_completions.d/tlsbye.fish", ["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]"]),
}


@pytest.mark.parametrize(("typed", "offered"), CASES)
@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_completes(prefix, shell, typed, offered, monkeypatch):
    file, words = SHELLS[shell]
    monkeypatch.setenv("PATH", str(prefix / "bin"), prepend=":")
    done = call(*words, prefix / file, typed)
    told = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert offered in told, (told, done.stderr)
    assert len(told) < 40, "no more than what was begun"
    assert done.stderr == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_finds_no_fault_in_the_file(prefix, shell):
    assert call(shell, "-n", prefix / SHELLS[shell][0]).stderr == ""

"""How the end-to-end tests start tlsbye: as a user does, as a program.

Most tests are about words, files and pages, not about libraries: three stacks are enough for them, and they take no longer on a machine that has
ten. They start PROGRAM, which finds the peers of THREE and no other. What has to hold of every stack that the machine can build is asked of
BUILT, mostly by way of `whole_run`. Both runs are made once, whatever the number of workers of xdist.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILT = pathlib.Path(os.environ.get("TLSBYE_PROGRAM", ROOT / "build/release/bin/tlsbye")).absolute()
THREE = ("gnutls", "openssl", "wolfssl")


def beside_three(built):
    """The same program in a folder of its own in the build, beside the peers of three stacks. Several workers may make it at once."""
    folder = built.parents[1] / "three"
    (folder / "peers").mkdir(parents=True, exist_ok=True)
    links = {folder / name: built.parent / name for name in ("rogues", "liars", "kit")}
    links |= {folder / "peers" / f"tlsbye-peer-{name}": built.parent / "peers" / f"tlsbye-peer-{name}" for name in THREE}
    for link, target in links.items():
        with contextlib.suppress(FileExistsError):
            link.symlink_to(target)
    program = folder / built.name
    if built.exists() and not (program.exists() and program.samefile(built)):
        fresh = folder / f"{built.name}.{os.getpid()}"
        os.link(built, fresh)  # it looks for what it needs beside itself: a symbolic link would lead it back
        fresh.replace(program)
    return program


PROGRAM = beside_three(BUILT)
os.environ.setdefault("CMAKE_GENERATOR", "Ninja")  # what the launcher installs; a bare machine has no make
# A clause that says what is false: each read that meets the end breaks it.
FALSE_CLAUSE = """
[[clause]]
id       = "reads-never-end"
strength = "must"
applies  = { stack = "gnutls", tls = "1.3" }
cites    = ["nowhere"]
says     = "No read answers that the data is at its end."
property = "answers"
with     = { call = "read", given = ["handshake-done"], never = ["end-of-data"] }
"""
PATIENCE = 3600  # seconds, after which a program that never ends fails its test: no test is about how long anything takes
SANITIZED = "sanitize" in PROGRAM.parts


@pytest.fixture(scope="session", autouse=True)
def folders_of_nobody(tmp_path_factory):
    """No test reaches the builds and the settings of the user who runs it: one types `tlsbye get --remove all`, as a document does."""
    theirs = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CCACHE_DIR", os.environ.get("CCACHE_DIR") or str(theirs / "ccache"))
        for folder in ("CACHE", "CONFIG"):
            environment.setenv(f"XDG_{folder}_HOME", str(tmp_path_factory.mktemp(f"{folder.lower()}-of-nobody")))
        yield


class Tlsbye:
    """The program, with a folder of its own for results."""

    def __init__(self, folder: pathlib.Path, program=PROGRAM):
        self.folder = folder
        self.program = program

    def __call__(self, *words, timeout=PATIENCE, env=None, check=None):
        done = subprocess.run(
            # nohup(1) hands on to each program that SIGHUP is ignored, which tlsbye then does.
            ["env", "--default-signal=HUP", self.program, *map(str, words)],
            cwd=self.folder,
            env={**os.environ, "NO_COLOR": "1", "XDG_CACHE_HOME": f"{self.folder}/cache", "XDG_CONFIG_HOME": f"{self.folder}/config", **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check is not None:
            assert done.returncode == check, f"exit {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done

    def report(self, out="out"):
        return json.loads((self.folder / out / "run.json").read_text())


@pytest.fixture
def tlsbye(tmp_path):
    return Tlsbye(tmp_path)


@pytest.fixture
def every_stack(tmp_path):
    """The program beside the peers of all stacks that this machine can build."""
    return Tlsbye(tmp_path, BUILT)


def made_once(tmp_path_factory, name, make):
    """A folder that one of the workers fills, and all of them use: make(folder)."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".made").exists():
            make(folder)
            (folder / ".made").touch()
    return folder


def main_job(tmp_path_factory, name, program):
    def make(folder):
        done = Tlsbye(folder, program)("run", check=0)
        (folder / "stdout").write_text(done.stdout)
        (folder / "stderr").write_text(done.stderr)

    run = Tlsbye(made_once(tmp_path_factory, name, make), program)
    run.stdout, run.stderr = ((run.folder / stream).read_text() for stream in ("stdout", "stderr"))
    return run


@pytest.fixture(scope="session")
def full_run(tmp_path_factory):
    """The main job on three stacks, for all tests that only look at its results. Nobody writes into its folder."""
    return main_job(tmp_path_factory, "full", PROGRAM)


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
    """The main job on every stack: for what has to hold of each."""
    return main_job(tmp_path_factory, "whole", BUILT)


def told_runs(out):
    """The files in transcripts/, by the replay id that each begins with."""
    return {file.read_text().split("\n", 1)[0]: file for file in (out / "transcripts").glob("*.txt")}


def recounted(report):
    """A report that somebody changed, with totals that fit its cells: others are refused."""
    report["totals"] = {verdict: sum(c["verdict"] == verdict for c in report["cells"]) for verdict in report["totals"]}
    return report


def cells_by_key(report):
    return {(c["clause"], c["stack"], c["version"], c["role"], c["tls"]): c for c in report["cells"]}


# What these answer behind a fatal alert in TLS 1.3 depends on the keys of the session, and is never the same for long (peers/FINDINGS.md:
# "a close behind a fatal alert reads the same record again").
BY_CHANCE = {("wolfssl", "5.9.2", "1.3")}


def without_chance(report):
    """What two runs have in common, whatever the libraries' keys are."""
    lists = {key: report[key] for key in ("cells", "traits", "pairs")}
    same = {key: [of for of in entries if (of["stack"], of["version"], of.get("tls", "1.3")) not in BY_CHANCE] for key, entries in lists.items()}
    return report | same | ({"totals": None} if same["cells"] != report["cells"] else {})


def verdicts(report):
    return {key: cell["verdict"] for key, cell in cells_by_key(report).items()}

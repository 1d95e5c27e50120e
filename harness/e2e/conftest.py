"""How the end-to-end tests start tlsbye: as a user does, as a program."""

import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("TLSBYE_PROGRAM", ROOT / "build/release/bin/tlsbye"))
PATIENCE = 3600  # seconds, after which a program that never ends fails its test: no test is about how long anything takes
SANITIZED = "sanitize" in PROGRAM.parts


class Tlsbye:
    """The program, with a folder of its own for results."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder

    def __call__(self, *words, timeout=PATIENCE, env=None, check=None):
        done = subprocess.run(
            [PROGRAM, *map(str, words)],
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


@pytest.fixture(scope="session")
def full_run(tmp_path_factory):
    """The main job, once for all tests that only look at its results."""
    program = Tlsbye(tmp_path_factory.mktemp("full"))
    program.done = program("run", check=0)
    return program


def told_runs(out):
    """The files in transcripts/, by the replay id that each begins with."""
    return {file.read_text().split("\n", 1)[0]: file for file in (out / "transcripts").glob("*.txt")}


def recounted(report):
    """A report that somebody changed, with totals that fit its cells: others are refused."""
    report["totals"] = {verdict: sum(c["verdict"] == verdict for c in report["cells"]) for verdict in report["totals"]}
    return report


def cells_by_key(report):
    return {(c["clause"], c["stack"], c["version"], c["role"], c["tls"]): c for c in report["cells"]}


def verdicts(report):
    return {key: cell["verdict"] for key, cell in cells_by_key(report).items()}

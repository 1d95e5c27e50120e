"""The program `tlsbye`: where it is, and how it is called."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tlsbye.report import Clause, Report, load

EXIT_DONE, EXIT_NO, EXIT_USAGE, EXIT_HARNESS = range(4)


class ProgramError(RuntimeError):
    """The program is not there, or could not do what it was asked; the message is its own."""


def program() -> Path:
    """The program of this installation, or the one that the environment variable TLSBYE_PROGRAM names.

    Raises ProgramError where there is none.
    """
    named = os.environ.get("TLSBYE_PROGRAM")
    packaged = Path(__file__).parent / "_native" / "bin" / "tlsbye"
    for candidate in (Path(named) if named else None, None if named else packaged):
        if candidate and candidate.is_file():
            return candidate
    if named:
        raise ProgramError(f"TLSBYE_PROGRAM names {named}, which is not a file")
    if (found := shutil.which("tlsbye")) and Path(found).resolve() != Path(sys.argv[0]).resolve():
        return Path(found)
    raise ProgramError("the program tlsbye was not found; install the package tlsbye, or set TLSBYE_PROGRAM")


def call(arguments: Sequence[str]) -> str:
    """Calls the program and gives what it printed. Raises ProgramError, with its own words, where it could not do as asked."""
    done = subprocess.run([program(), *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode not in (EXIT_DONE, EXIT_NO):  # a signal, too, ends it without a result
        raise ProgramError(done.stderr.strip() or f"tlsbye {' '.join(arguments)}: exit code {done.returncode}")
    return done.stdout


def run(*arguments: str, out: str | Path) -> Report:
    """Makes a run with these words of `tlsbye run`, leaves its files in `out`, and gives its report.

    Raises ProgramError where the run could not be made.
    """
    call(["run", *arguments, "--out", str(out)])
    return load(Path(out) / "run.json")


def clauses() -> dict[str, Clause]:
    """All clauses by their ids, with what the documents say. Raises ProgramError."""
    listed = json.loads(call(["list", "clauses", "--json"]))
    return {c["id"]: Clause(c["id"], c["strength"], c["says"], tuple(c["cites"])) for c in listed}


def main() -> int:
    """The command `tlsbye`: the program of this installation, in place of this process."""
    try:
        here = program()
    except ProgramError as error:
        print(f"tlsbye: {error}", file=sys.stderr)
        return EXIT_HARNESS
    os.execv(here, [str(here), *sys.argv[1:]])

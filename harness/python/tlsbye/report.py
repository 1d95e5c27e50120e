"""A run file (`run.json`, format "tlsbye-run/1") as plain values.

The words are those of the run file; its schema is in `reports/schema.json`.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

FORMAT = "tlsbye-run/1"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Stack:
    """A TLS library at a version, as it took part in the run."""

    name: str
    version: str
    abilities: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Clause:
    """One statement of one document, which a cell is a verdict on."""

    id: str
    strength: str
    says: str
    cites: tuple[str, ...]


@dataclass(frozen=True)
class Evidence:
    """An event as a reader is told of it; or, without a label, the place of some that were left out."""

    label: str
    text: str
    decisive: bool = False

    def __str__(self) -> str:
        return f"{'>' if self.decisive else ' '} {self.label:<5} {self.text}" if self.label else f"  {self.text}"


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix: what a clause came to on a stack, in a role, at a TLS version."""

    clause: str
    strength: str
    stack: str
    version: str
    role: str
    tls: str
    verdict: str
    ref: tuple[str, ...] = ()
    scenario: str = ""
    replay: str = ""
    says: str = ""
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""
    was: str = ""
    again: str = ""
    """The command that makes the deciding run again."""

    @property
    def id(self) -> str:
        """The cell in one word: `rfc8446/close-notify-is-a-warning[gnutls-client-1.3]`."""
        return f"{self.clause}[{self.stack}-{self.role}-{self.tls}]"

    def story(self, clause: Clause | None = None) -> str:
        """What was seen and how to see it again, in a few lines; with its clause also what the document says."""
        lines = [
            f"{self.stack} {self.version} as {self.role}, TLS {self.tls}: {self.verdict}",
            f"{self.clause} ({self.strength}; {', '.join(self.ref)})",
        ]
        if clause:
            lines.append(f"{', '.join(clause.cites)}: {clause.says}")
        if self.says:
            lines.append(f"seen: {self.says}")
        if self.reason:
            lines.append(f"reason: {self.reason}")
        if self.evidence:
            lines += ["", f"in {self.scenario}:", *(f"  {line}" for line in self.evidence)]
        if self.again:
            lines += ["", f"again: {self.again}"]
        return "\n".join(lines)


@dataclass(frozen=True)
class TraitAnswer:
    """How a stack answers a question on which documents leave freedom.

    Where runs answered differently, `answers` has each of their answers, and `answer` all of them in one text.
    """

    trait: str
    stack: str
    version: str
    role: str
    tls: str
    answer: str
    replay: str = ""
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """A whole run."""

    stacks: tuple[Stack, ...]
    cells: tuple[Cell, ...]
    traits: tuple[TraitAnswer, ...]
    runs: int
    complete: bool = True
    problems: tuple[str, ...] = ()
    clauses: dict[str, Clause] = field(default_factory=dict, repr=False)
    """What the documents say, by the clauses' ids."""
    _cells: dict[tuple[str, str, str, str, str], Cell] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._cells.update({(c.clause, c.stack, c.version, c.role, c.tls): c for c in self.cells})

    def select(self, clause: str = "*", *, stack: str = "*", version: str = "*", role: str = "*", tls: str = "*") -> list[Cell]:
        """The cells that match these globs, in the order of the run file."""
        return _matching(self.cells, clause=clause, stack=stack, version=version, role=role, tls=tls)

    def cell(self, clause: str, *, stack: str, role: str, tls: str, version: str = "*") -> Cell:
        """The one cell that matches. Raises LookupError where there is none, or more than one."""
        return _only(self.cells, "cell", clause=clause, stack=stack, version=version, role=role, tls=tls)

    def exactly(self, like: Cell) -> Cell | None:
        """The cell of this report at the place of that of another one."""
        return self._cells.get((like.clause, like.stack, like.version, like.role, like.tls))

    def trait(self, trait: str, *, stack: str, role: str, tls: str, version: str = "*") -> TraitAnswer:
        """The one answer that matches. Raises LookupError where there is none, or more than one."""
        return _only(self.traits, "trait", trait=trait, stack=stack, version=version, role=role, tls=tls)


def _matching(items: Iterable[_T], **globs: str) -> list[_T]:
    """Those of which each named field matches its glob."""
    return [item for item in items if all(fnmatchcase(getattr(item, name), glob) for name, glob in globs.items())]


def _only(items: tuple[_T, ...], kind: str, **globs: str) -> _T:
    """The one of which each named field matches its glob. Raises LookupError, with the names that are nearest to one that none has."""
    found = _matching(items, **globs)
    if len(found) == 1:
        return found[0]
    asked = ", ".join(f"{name}={glob!r}" for name, glob in globs.items() if glob != "*")
    hints = []
    for name, glob in globs.items():
        if found or _matching(items, **{name: glob}):
            continue
        there = sorted({getattr(item, name) for item in items})
        near = get_close_matches(glob, there, n=3, cutoff=0.5) or (there if len(there) <= 8 else [])
        hints.append(f"; no {kind} has {name} {glob!r}" + (f", did you mean {' or '.join(map(repr, near))}?" if near else ""))
    raise LookupError(f"{len(found)} {kind}s match {asked}; one was asked for{''.join(hints)}")


def load(file: str | Path) -> Report:
    """Reads a run file. Raises OSError where it cannot be read, and ValueError where it is none."""
    try:
        return parse(json.loads(Path(file).read_text(encoding="utf-8")))
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{file} is not a run file ({FORMAT}): {error!r}") from error


def parse(run: dict[str, Any]) -> Report:
    """The same of JSON that is loaded already."""
    if run.get("format") != FORMAT:
        raise ValueError(f"the format is {run.get('format')!r}, not {FORMAT!r}")
    more = shlex.join(run.get("replay_words", ()))
    return Report(
        stacks=tuple(Stack(s["name"], s["version"], tuple(s["abilities"])) for s in run["stacks"]),
        cells=tuple(_cell(c, more) for c in run["cells"]),
        traits=tuple(
            TraitAnswer(
                t["trait"],
                t["stack"],
                t["version"],
                t["role"],
                t["tls"],
                t["answer"],
                replay=t.get("replay", ""),
                answers=tuple(t.get("answers", (t["answer"],))),
            )
            for t in run["traits"]
        ),
        runs=run["runs"],
        complete=run.get("complete", True),
        problems=tuple(run.get("problems", ())),
        clauses={c["id"]: Clause(c["id"], c["strength"], c["says"], tuple(c["cites"])) for c in run.get("clauses", ())},
    )


def _cell(cell: dict[str, Any], more_replay_words: str) -> Cell:
    words = {name: cell[name] for name in ("clause", "strength", "stack", "version", "role", "tls", "verdict")}
    more = {name: cell.get(name) or "" for name in ("scenario", "replay", "says", "reason", "was")}
    again = f"tlsbye replay '{more['replay']}' {more_replay_words}".rstrip() if more["replay"] else ""
    evidence = tuple(Evidence(**line) for line in cell.get("evidence", ()))
    return Cell(**words, **more, ref=tuple(cell.get("ref", ())), evidence=evidence, again=again)

"""The pytest plugin: `pytest --tlsbye` has one test for each clause, stack, role and TLS version.

The cells are known before anything runs (`tlsbye list cells`), so `-k`, `--collect-only` and node ids cost nothing. The harness itself
runs once a session, when the first test asks for its verdict; with pytest-xdist the workers share that one run.

| verdict | test |
| --- | --- |
| conforms, differs | passes |
| violates, hung, crashed, harness-error | fails; the text is the evidence |
| discouraged | passes, unless `fail-on` says otherwise |
| known | xfail, with its reason; strict, for see the next line |
| stale | fails: what was accepted no longer happens |
| not-reached, unsupported | skipped, with the reason; a session in which nothing was reached fails |

One more test, `the-run-itself`, fails where the gate finds fault with the run as a whole: stale entries of `known`, nothing reached.

The results of a session that was not green, the page and the deciding runs among them, are kept in the folder `tlsbye-results` below the
root folder; `out` names another one.

`pytest --tlsbye-explore SEED[:RUNS]` is an exploration (docs/exploring.md): one test, `explored[SEED:RUNS]`, that it was made, and a
failing one for each pair of clause and library that is new, with the script that was shrunk to show it. What is new is known only when it
has been found: the exploration is made while pytest collects. What `known` accepts or `run` shows is not new; without them the scenarios
are run first.

Configuration stands in pyproject.toml; the command line comes first:

    [tool.tlsbye]
    stacks = ["gnutls"]             # --tlsbye-stack, globs
    libraries = ["gnutls=/opt/new"] # --tlsbye-lib: run a peer against the library of that prefix
    clauses = ["rfc8446/*"]         # --tlsbye-clause
    scenarios = ["missing-reply/*"] # --tlsbye-scenario
    known = "known.toml"            # accepted deviations; a `run` has those that it was made with
    fail-on = "violates"            # or "discouraged", "differs"
    run = "out/run.json"            # --tlsbye-run: judge by this file instead of making a run
    arguments = ["--sweep"]         # further words for `tlsbye run`, such as leave the choice of cells alone
    out = "tlsbye-results"          # where the results of a session that was not green are kept

Paths are below the root folder; on the command line, below the folder that pytest was called in.

A fixture for tests of your own: `tlsbye_report` (tlsbye.Report), with `.cell(...)` and `.trait(...)`.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import tempfile
import tomllib
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tlsbye.program import ProgramError, call
from tlsbye.report import Cell, Report, load, parse

_SKIPPED = ("not-reached", "unsupported")
_SEED = re.compile(r"([0-9]+)(?::([1-9][0-9]*))?")
_FAIL_ON = ("violates", "discouraged", "differs")


@dataclass
class _Settings:
    """What the command line and pyproject.toml say together."""

    stacks: list[str] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    clauses: list[str] = field(default_factory=list)
    scenarios: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    known: str = ""
    fail_on: str = "violates"
    run: str = ""
    out: str = ""
    explore: str = ""

    @classmethod
    def of(cls, config: pytest.Config) -> _Settings:
        written = _table(config.rootpath / "pyproject.toml")
        for key, value in written.items():
            if key in ("stacks", "libraries", "clauses", "scenarios", "arguments"):
                if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
                    raise pytest.UsageError(f"[tool.tlsbye] {key}: a list of words is expected, not {value!r}")
            elif key not in ("known", "fail-on", "run", "out"):
                raise pytest.UsageError(f"[tool.tlsbye] has no key {key!r}")
            elif not isinstance(value, str):
                raise pytest.UsageError(f"[tool.tlsbye] {key}: a word is expected, not {value!r}")
        settings = cls(
            stacks=config.getoption("tlsbye_stack") or written.get("stacks", []),
            libraries=config.getoption("tlsbye_lib") or [_library_at(config, word) for word in written.get("libraries", [])],
            clauses=config.getoption("tlsbye_clause") or written.get("clauses", []),
            scenarios=config.getoption("tlsbye_scenario") or written.get("scenarios", []),
            arguments=written.get("arguments", []),
            known=_at(config, written.get("known", "")),
            fail_on=written.get("fail-on", "violates"),
            run=config.getoption("tlsbye_run") or _at(config, written.get("run", "")),
            out=_at(config, written.get("out", "tlsbye-results")),
            explore=config.getoption("tlsbye_explore") or "",
        )
        if settings.explore and not _SEED.fullmatch(settings.explore):
            raise pytest.UsageError(f"--tlsbye-explore: SEED or SEED:RUNS, as in 7:5000, not {settings.explore!r}")
        if settings.fail_on not in _FAIL_ON:
            raise pytest.UsageError(f"[tool.tlsbye] fail-on: one of {', '.join(_FAIL_ON)}, not {settings.fail_on!r}")
        return settings

    def words(self) -> list[str]:
        """The selection in words of `tlsbye run` and `tlsbye list cells`."""
        return [
            word
            for option, values in (("--stack", self.stacks), ("--lib", self.libraries), ("--clause", self.clauses))
            for value in values
            for word in (option, value)
        ]


def _table(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    with file.open("rb") as stream:
        table = tomllib.load(stream).get("tool", {}).get("tlsbye", {})
    return dict(table)


def _at(config: pytest.Config, name: str) -> str:
    return str(config.rootpath / name) if name else ""


def _library_at(config: pytest.Config, word: str) -> str:
    """NAME=PREFIX with a prefix below the root folder, as every path in the settings is; what is something else the program will say."""
    name, sign, prefix = word.partition("=")
    return name + sign + _at(config, prefix)


class _Session:
    """One pytest session: its settings, the cells it collects, and the run that answers for all of them."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._unique = _unique_name(config)
        self._problem = ""
        self.kept = ""

    @cached_property
    def settings(self) -> _Settings:
        """Read when first asked for: a project that does not use the plugin is not bothered with its settings."""
        return _Settings.of(self._config)

    def cells(self) -> list[Cell]:
        if self.settings.run:
            return list(load(self.settings.run).cells)
        return list(parse(json.loads(call(["list", "cells", "--json", *self.settings.words()]))).cells)

    @property
    def folder(self) -> Path:
        return Path(tempfile.gettempdir()) / f"tlsbye-{self._unique}"

    @property
    def run_file(self) -> Path:
        return Path(self.settings.run) if self.settings.run else self.folder / "run.json"

    @cached_property
    def report(self) -> Report:
        """The run's report; made by whichever process asks first, and read by the others. Raises ProgramError."""
        if not self.settings.run:
            self._run_once()
        return load(self.run_file)

    def faults(self) -> list[str]:
        """What the gate finds fault with beside single cells, one line each."""
        words = ["--known", self.settings.known] if self.settings.known else []
        return list(json.loads(call(["gate", str(self.run_file), "--json", "--fail-on", self.settings.fail_on, *words]))["faults"])

    def keep(self) -> None:
        """Keeps the results of the run that this session has made, in place of those that an earlier one has kept."""
        if self.settings.run or not (self.folder / "run.json").exists():
            return
        kept = Path(self.settings.out)
        if (kept / "transcripts.jsonl").is_file():
            for name in ("transcripts", "captures"):
                shutil.rmtree(kept / name, ignore_errors=True)
        shutil.copytree(self.folder, kept, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.lock", "*.begun", "*.done", "*.failed"))
        self.kept = str(kept)

    @cached_property
    def explored(self) -> tuple[list[dict[str, Any]], str]:
        """The new pairs of the session's exploration, and what went wrong with it; made by whichever process asks first."""
        out = Path(self.settings.out) / "explored"
        seed, runs = _SEED.fullmatch(self.settings.explore).groups()  # type: ignore[union-attr]
        words = [*self.settings.words(), "--seed", seed, *(["--runs", runs] if runs else []), "--out", str(out)]
        if against := self.settings.known or self.settings.run:
            words += ["--against", against]
        problem = self._once("explore", words)
        file = out / "explored.json"
        # What a search could not be made for, or was ended before it found anything, leaves the finds of an earlier session there.
        if problem and not (file.exists() and file.stat().st_mtime_ns >= (self.folder / "explore.begun").stat().st_mtime_ns):
            return [], problem
        return list(json.loads(file.read_text(encoding="utf-8"))["pairs"]), problem

    def _run_once(self) -> None:
        words = [*self.settings.words(), *self.settings.arguments, "--out", str(self.folder)]
        for glob in self.settings.scenarios:
            words += ["--scenario", glob]
        if self.settings.known:
            words += ["--known", self.settings.known]
        self._problem = self._problem or self._once("run", words)
        if self._problem:
            raise ProgramError(self._problem)

    def _once(self, command: str, words: list[str]) -> str:
        """Calls the program, but for all processes of this session once. Gives what it could not do, in its own words."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        with (self.folder / f"{command}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done, failed = self.folder / f"{command}.done", self.folder / f"{command}.failed"
            if not done.exists() and not failed.exists():
                (self.folder / f"{command}.begun").touch()
                try:
                    call([command, *words])
                    done.touch()
                except ProgramError as error:
                    failed.write_text(str(error), encoding="utf-8")
            return failed.read_text(encoding="utf-8") if failed.exists() else ""


_session_key = pytest.StashKey[_Session]()


def _unique_name(config: pytest.Config) -> str:
    """One name for all processes of a session."""
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is not None:
        return str(worker["testrunuid"])
    if option := getattr(config.option, "testrunuid", None):
        return str(option)
    name = uuid.uuid4().hex
    if hasattr(config.option, "testrunuid"):  # what pytest-xdist would choose by itself; so it is known to this process as well
        config.option.testrunuid = name
    return name


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tlsbye", "closing TLS connections (tlsbye)")
    group.addoption("--tlsbye", action="store_true", help="test TLS libraries: one test for each clause, stack, role and TLS version")
    group.addoption("--tlsbye-stack", action="append", metavar="NAME[@VERSION]", help="only these stacks (globs)")
    group.addoption("--tlsbye-lib", action="append", metavar="NAME=PREFIX", help="run a peer against the library built elsewhere")
    group.addoption("--tlsbye-clause", action="append", metavar="GLOB", help="only these clauses")
    group.addoption("--tlsbye-scenario", action="append", metavar="GLOB", help="run only these scenarios")
    group.addoption("--tlsbye-explore", metavar="SEED[:RUNS]", help="explore: a failing test for each new pair of clause and library")
    group.addoption("--tlsbye-run", metavar="FILE", help="take verdicts from this run.json instead of making a run")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "tlsbye: a verdict on a TLS library, made by `pytest --tlsbye`")
    config.stash[_session_key] = _Session(config)
    if _asked_for(config):
        config.stash[_session_key].settings  # noqa: B018 - so that a mistake in them is told before anything is collected
        config.pluginmanager.register(_Reached(), "tlsbye-reached")


def _asked_for(config: pytest.Config) -> bool:
    return bool(config.getoption("tlsbye") or config.getoption("tlsbye_run") or config.getoption("tlsbye_explore"))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    here = session.config.stash.get(_session_key, None)
    if here is not None and exitstatus != pytest.ExitCode.OK and not hasattr(session.config, "workerinput"):
        here.keep()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if kept := config.stash[_session_key].kept:
        terminalreporter.write_line(f"tlsbye: matrix.html and the runs behind it are in {kept}")


def pytest_unconfigure(config: pytest.Config) -> None:
    session = config.stash.get(_session_key, None)
    if session is not None and not hasattr(config, "workerinput"):
        shutil.rmtree(session.folder, ignore_errors=True)


class TlsbyeCells(pytest.Collector):
    """All verdicts of the session."""

    def collect(self) -> Iterable[pytest.Item]:
        session = self.config.stash[_session_key]
        if session.settings.explore:
            yield from self._explored(session)
        if not self.config.getoption("tlsbye") and (session.settings.explore or not session.settings.run):
            return
        try:
            cells = session.cells()
        except (ProgramError, ValueError, OSError) as error:
            raise self.CollectError(str(error)) from error
        times = Counter(cell.id for cell in cells)
        for cell in cells:  # the library's version stands in an id only where it must: an upgrade renames no test
            name = cell.id if times[cell.id] == 1 else cell.id.replace(f"[{cell.stack}-", f"[{cell.stack}@{cell.version}-")
            yield TlsbyeItem.from_parent(self, name=name, cell=cell)
        yield TlsbyeRunItem.from_parent(self, name="the-run-itself")

    def _explored(self, session: _Session) -> Iterable[pytest.Item]:
        pairs, problem = session.explored
        yield TlsbyeExploredItem.from_parent(self, name=f"explored[{session.settings.explore}]", says=problem)
        for pair in pairs:
            clause = pair["clause"] or "the-harness-fails"
            yield TlsbyeExploredItem.from_parent(self, name=f"explored/{clause}[{pair['stack']}@{pair['version']}]", says=_story(pair))


class TlsbyeItem(pytest.Item):
    """One cell of the matrix as a test."""

    def __init__(self, *, cell: Cell, **words: Any) -> None:
        super().__init__(**words)
        self.cell = cell
        self.add_marker(pytest.mark.tlsbye)
        self.user_properties.append(("ref", ", ".join(cell.ref)))
        self.user_properties.append(("strength", cell.strength))

    def runtest(self) -> None:
        session = self.config.stash[_session_key]
        cell = session.report.exactly(self.cell)
        if cell is None:
            raise ProgramError(f"the run has no cell {self.cell.id}; do the `arguments` of [tool.tlsbye] leave it out?")
        if cell.replay:
            self.user_properties.append(("replay", cell.replay))
        if cell.verdict in _SKIPPED:
            pytest.skip(cell.says or f"{cell.verdict}: no run came to this situation")
        if cell.verdict == "known":
            pytest.xfail(cell.reason)
        if cell.verdict == "conforms" or cell.verdict in _FAIL_ON[_FAIL_ON.index(session.settings.fail_on) + 1 :]:
            return
        raise Verdict(cell.story(session.report.clauses.get(cell.clause)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return _words_alone(excinfo) or super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"tlsbye: {self.cell.id}"


class TlsbyeRunItem(pytest.Item):
    """The run as a whole as a test: what its gate finds fault with beside single cells."""

    def runtest(self) -> None:
        session = self.config.stash[_session_key]
        assert session.report.complete, "the run was not completed"
        if faults := session.faults():
            raise Verdict("\n".join(faults))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return _words_alone(excinfo) or super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"tlsbye: {self.name}"


class TlsbyeExploredItem(pytest.Item):
    """An exploration, or a pair of clause and library that it found, as a test that fails where something is to be said of it."""

    def __init__(self, *, says: str, **words: Any) -> None:
        super().__init__(**words)
        self.says = says
        self.add_marker(pytest.mark.tlsbye)

    def runtest(self) -> None:
        if self.says:
            raise Verdict(self.says)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return _words_alone(excinfo) or super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"tlsbye: {self.name}"


def _story(pair: dict[str, Any]) -> str:
    """What was found, the script that shows it, and how it is seen again."""
    partner = f"{pair['partner']} {pair['partner_version']}"
    facts = f"{pair['stack']} {pair['version']} as {pair['role']}, TLS {pair['tls']}, {pair['io']}, with {partner}"
    options = [f"option {word} ({side})" for side, key in (("subject", "options"), ("partner", "partner_options")) for word in pair[key]]
    options += ["over TCP"] if pair["transport"] == "tcp" else []
    evidence = [("> " if line["decisive"] else "  ") + f"{line['label']:<6} {line['text']}" for line in pair["evidence"]]
    return "\n".join([f"{pair['verdict']}: {pair['says']}", facts, *options, "", *pair["script"], "", *evidence, "", pair["command"]])


class Verdict(AssertionError):
    """What fails a test, in its own words."""


def _words_alone(excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    """The text of our own exceptions: where in this file they were raised helps nobody."""
    return str(excinfo.value) if isinstance(excinfo.value, (Verdict, ProgramError)) else ""


@pytest.hookimpl(tryfirst=True)  # before -k and -m choose
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    if not _asked_for(config):
        return
    collector: TlsbyeCells = TlsbyeCells.from_parent(session, name="tlsbye", nodeid="tlsbye")
    items[:0] = [item for item in session.genitems(collector) if isinstance(item, pytest.Item)]


class _Reached:
    """Whether any verdict was more than a skip: a plugin of each session's own."""

    def __init__(self) -> None:
        self._skipped = 0
        self._others = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        own = report.nodeid.removeprefix("tlsbye::")
        if own == report.nodeid or own == "the-run-itself" or own.startswith("explored"):
            return
        if report.skipped and not hasattr(report, "wasxfail"):
            self._skipped += 1
        elif report.when == "call":
            self._others += 1

    @property
    def nothing(self) -> bool:
        return self._skipped > 0 and self._others == 0

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.nothing and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.nothing:
            terminalreporter.write_line("tlsbye: every verdict was skipped: nothing was reached, and that proves nothing", red=True)


@pytest.fixture(scope="session")
def tlsbye_report(request: pytest.FixtureRequest) -> Report:
    """The report of this session's run, for assertions of your own; makes the run where `--tlsbye` did not."""
    return request.config.stash[_session_key].report

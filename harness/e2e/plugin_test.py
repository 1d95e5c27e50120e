"""`pytest --tlsbye` in somebody else's folder."""

import json
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

import pytest
from conftest import FALSE_CLAUSE, PATIENCE, PROGRAM, ROOT, recounted
from library_test import copied, renamed, stacks

THE_RUN = "the-run-itself"
FAILING = "rfc9846/success-means-the-answer-came[gnutls-client-1.3]"


class Pytest:
    """Starts pytest in a folder of its own, by way of a program that notes how often it was called, and for what."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder / "project"
        self.temporary = folder / "temporary"
        self.calls = folder / "calls"
        for made in (self.folder, self.temporary):
            made.mkdir()
        self.program = folder / "counting"
        self.program.write_text(f'#!/bin/sh\necho "$1" >>"{self.calls}"\nexec "{PROGRAM}" "$@"\n')
        self.program.chmod(0o755)
        self.settings(clauses=["rfc9846/*"], scenarios=["clean-reply/*", "missing-reply/*"])

    def settings(self, **keys):
        lines = [f"{key.replace('_', '-')} = {json.dumps(value)}\n" for key, value in {"stacks": ["gnutls"], **keys}.items()]
        (self.folder / "pyproject.toml").write_text("[tool.tlsbye]\n" + "".join(lines))

    def __call__(self, *words, check=None, below="."):
        self.calls.write_text("")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "tlsbye.pytest_plugin", "-p", "no:cacheprovider", *map(str, words)],
            cwd=self.folder / below,
            env={**os.environ, "PYTHONPATH": str(ROOT / "harness/python"), "TLSBYE_PROGRAM": str(self.program), "NO_COLOR": "1",
                 "TMPDIR": str(self.temporary)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        if check is not None:
            assert done.returncode == check, f"exit {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done

    def runs(self):
        return self.calls.read_text().split().count("run")

    def cases(self):
        """The test cases of junit.xml by their names."""
        return {case.get("name"): case for case in xml.parse(self.folder / "junit.xml").iter("testcase")}


@pytest.fixture
def pytest_in(tmp_path):
    return Pytest(tmp_path)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """One session for all tests that only look at its results."""
    session = Pytest(tmp_path_factory.mktemp("judged"))
    session.done = session("--tlsbye", "-rsxX", "--junitxml=junit.xml", check=1)
    session.made = session.runs()
    return session


@pytest.fixture
def run_file(tlsbye):
    """A run file to be changed, of a run as small as a run can be."""
    tlsbye("run", "--stack", "gnutls", "--clause", "rfc9846/*", "--scenario", "clean-reply/*", check=0)

    def change(cell=lambda _: None, report=lambda _: None):
        changed = tlsbye.report()
        for each in changed["cells"]:
            cell(each)
        report(changed)
        file = tlsbye.folder / "changed.json"
        file.write_text(json.dumps(recounted(changed)))
        return file

    return change


# What an exploration finds


def plant(pytest_in, known=""):
    (pytest_in.folder / "planted/clauses").mkdir(parents=True)
    (pytest_in.folder / "planted/clauses/planted.toml").write_text(FALSE_CLAUSE)
    (pytest_in.folder / "known.toml").write_text(known)
    pytest_in.program.write_text(pytest_in.program.read_text().replace('"$@"', f'"$@" --scenarios "{pytest_in.folder}/planted"'))
    pytest_in.settings(clauses=["{planted,rfc9846}/*"], known="known.toml")


@pytest.mark.parametrize("words", [(), ("-n", "2")])
def test_each_new_pair_of_an_exploration_is_a_test_that_fails_with_its_script(pytest_in, words):
    plant(pytest_in)
    done = pytest_in("--tlsbye-explore", "3:400", "--junitxml=junit.xml", *words, check=1)
    cases = pytest_in.cases()
    assert pytest_in.calls.read_text().split() == ["explore"]
    (found,) = (name for name in cases if name.startswith("explored/planted/reads-never-end[gnutls@"))
    assert [case.find("failure") is None for name, case in cases.items() if name == "explored[3:400]"] == [True]
    assert all(case.find("failure") is not None for name, case in cases.items() if name != "explored[3:400]")
    text = cases[found].find("failure").text
    assert "violates: " in text and "\nsubject  read" in text and "tlsbye replay explored/planted-reads-never-end-gnutls" in text
    assert (pytest_in.folder / "tlsbye-results/explored/explored.toml").exists(), done.stdout


def test_an_exploration_that_finds_nothing_new_passes_and_one_that_cannot_be_made_fails(pytest_in):
    accepted = '[[known]]\nclause = "*"\nstack = "gnutls"\nverdict = "{}"\nreason = "x"\nexpires = 2999-01-01\nbroad = true\n'
    plant(pytest_in, known=accepted.format("violates") + accepted.format("discouraged"))
    assert "1 passed" in pytest_in("--tlsbye-explore", "3:400", check=0).stdout
    (pytest_in.folder / "known.toml").write_text("not toml")
    assert "known.toml:1" in pytest_in("--tlsbye-explore", "3:400", check=1).stdout
    assert "SEED:RUNS" in pytest_in("--tlsbye-explore", "seven", check=4).stderr


def test_an_exploration_that_cannot_be_made_shows_no_finds_of_an_earlier_one(pytest_in):
    plant(pytest_in)
    assert "explored/planted/reads-never-end" in pytest_in("--tlsbye-explore", "3:400", check=1).stdout
    (pytest_in.folder / "known.toml").write_text("not toml")
    done = pytest_in("--tlsbye-explore", "3:400", check=1).stdout
    assert "known.toml:1" in done and "explored/planted" not in done
    assert (pytest_in.folder / "tlsbye-results/explored/explored.toml").exists(), "they are still there"


# One test for each cell


def test_there_is_one_test_for_each_clause_stack_role_and_version_and_one_for_the_run(judged, tlsbye):
    listed = json.loads(tlsbye("list", "cells", "--json", "--clause", "rfc9846/*", "--stack", "gnutls", check=0).stdout)["cells"]
    ids = {f"{c['clause']}[{c['stack']}-{c['role']}-{c['tls']}]" for c in listed}
    assert len(ids) == len(listed) > 8
    assert set(judged.cases()) == ids | {THE_RUN}


def test_two_versions_of_one_library_have_tests_of_their_own(pytest_in, run_file):
    def double(report):
        report["cells"] += [{**cell, "version": "3.8.5"} for cell in report["cells"]]

    collected = pytest_in("--tlsbye-run", run_file(report=double), "--collect-only", "-q").stdout.split()
    assert "tlsbye::rfc9846/success-means-the-answer-came[gnutls@3.8.5-client-1.3]" in collected
    assert len(set(collected)) == len(collected)


def test_tests_are_known_before_anything_runs_and_k_chooses_among_them(pytest_in):
    done = pytest_in("--tlsbye", "--collect-only", "-q", "-k", "success and client", check=0)
    assert f"tlsbye::{FAILING}" in done.stdout.split()
    assert not re.search(r"^tlsbye::.*server", done.stdout, re.MULTILINE)
    assert pytest_in.runs() == 0


def test_nothing_is_collected_unless_it_is_asked_for(pytest_in):
    assert "tlsbye::" not in pytest_in("--collect-only", "-q", check=5).stdout


# One run a session


def test_the_harness_runs_once_a_session_and_leaves_nothing_behind(judged):
    assert judged.made == 1
    assert list(judged.temporary.glob("tlsbye-*")) == []


def test_the_workers_of_xdist_share_one_run_and_come_to_the_same_results(judged, pytest_in):
    done = pytest_in("--tlsbye", "-n", "2", "--junitxml=junit.xml", check=1)
    assert re.search(r"2 workers|gw1", done.stdout)
    assert pytest_in.runs() == 1

    def outcomes(session):
        return {name: [child.tag for child in case if child.tag != "properties"] for name, case in session.cases().items()}

    assert outcomes(pytest_in) == outcomes(judged)
    assert list(pytest_in.temporary.glob("tlsbye-*")) == []


# Verdicts as outcomes


def test_the_text_of_a_failure_explains_the_matter(judged):
    text = judged.cases()[FAILING].find("failure").text
    assert text.startswith("gnutls ") and "as client, TLS 1.3: violates" in text
    assert re.search(r"^RFC 9846 6\.1: .+close_notify", text, re.MULTILINE), "what the document says"
    assert re.search(r"^seen: .+", text, re.MULTILINE)
    assert re.search(r"^  > .*gnutls_bye 0", text, re.MULTILINE), "the deciding event"
    assert re.search(r"^again: tlsbye replay 'missing-reply/\S+'$", text, re.MULTILINE)
    assert "Traceback" not in text and ".py:" not in text
    assert text.splitlines()[0] in judged.done.stdout


def test_conforming_cells_pass_and_violated_ones_fail(judged):
    def those_with(outcome):
        return {name for name, case in judged.cases().items() if case.find(outcome) is not None}

    assert FAILING in those_with("failure")
    assert those_with("failure") | those_with("skipped") < set(judged.cases()), "the rest passes"
    for name in those_with("skipped"):
        assert judged.cases()[name].find("skipped").get("message"), "with the reason"


def test_junit_has_the_references_the_strength_and_the_replay_id(judged):
    properties = {p.get("name"): p.get("value") for p in judged.cases()[FAILING].iter("property")}
    assert properties["ref"].startswith("RFC9846-") and properties["strength"] == "expected" and properties["replay"].startswith("missing-reply/")


@pytest.mark.parametrize("words", [(), ("-n", "2")])
def test_known_deviations_are_expected_failures_with_their_reason(pytest_in, tlsbye, words):
    tlsbye("run", "--stack", "gnutls", "--clause", "rfc9846/*", "--scenario", "clean-reply/*", "--scenario", "missing-reply/*", check=0)
    tlsbye("gate", "out/run.json", "--update", check=0)
    known = (tlsbye.folder / "known.toml").read_text().replace('reason  = ""', 'reason  = "We check the length ourselves."')
    (pytest_in.folder / "known.toml").write_text(known)
    pytest_in.settings(clauses=["rfc9846/*"], scenarios=["clean-reply/*", "missing-reply/*"], known="known.toml")
    done = pytest_in("--tlsbye", "-rx", *words, check=0)
    assert re.search(rf"XFAIL tlsbye::{re.escape(FAILING)}.* We check the length ourselves\.", done.stdout)
    assert " xfailed" in done.stdout and " failed" not in done.stdout


def test_known_is_strict_what_no_longer_fails_fails(pytest_in, run_file):
    def stale(cell):
        if cell["verdict"] == "conforms":
            cell.update(verdict="stale", was="conforms", reason="none of its cells is `violates` in this run: An old bug.")

    done = pytest_in("--tlsbye-run", run_file(cell=stale), check=1)
    assert ": stale" in done.stdout and "reason: none of its cells is `violates` in this run: An old bug." in done.stdout


def test_a_stale_entry_that_has_no_cell_fails_the_run_itself(pytest_in):
    (pytest_in.folder / "known.toml").write_text(
        '[[known]]\nclause = "rfc9846/gone"\nstack = "gnutls"\nverdict = "violates"\nreason = "Old."\nexpires = 2099-01-01\n')
    pytest_in.settings(clauses=["rfc9846/*"], scenarios=["clean-reply/*"], known="known.toml")
    done = pytest_in("--tlsbye", "-k", THE_RUN, check=1)
    assert "rfc9846/gone on gnutls: no clause has such an id" in done.stdout


def test_what_a_library_cannot_do_is_skipped_with_the_reason(pytest_in, run_file):
    def unsupported(cell):
        if cell["role"] == "server":
            cell.update(verdict="unsupported", says="this build has no server side", scenario="", replay="", evidence=[])

    done = pytest_in("--tlsbye-run", run_file(cell=unsupported), "-rs")
    assert re.search(r"SKIPPED .*this build has no server side", done.stdout)


@pytest.mark.parametrize("words", [(), ("-n", "2")])
def test_a_session_in_which_nothing_was_reached_is_not_green(pytest_in, run_file, words):
    def unreached(cell):
        cell.update(verdict="not-reached", scenario="", replay="", says="", evidence=[])

    done = pytest_in("--tlsbye-run", run_file(cell=unreached), "-k", "gnutls-client", "-q", *words, check=1)
    assert " failed" not in done.stdout and "nothing was reached, and that proves nothing" in done.stdout


def test_an_interrupted_run_is_not_green(pytest_in, run_file):
    done = pytest_in("--tlsbye-run", run_file(report=lambda report: report.update(complete=False)), "-k", THE_RUN, check=1)
    assert "the run was not completed" in done.stdout


def test_what_fails_can_be_made_stricter(pytest_in):
    def failures(fail_on):
        pytest_in.settings(clauses=["gnutls-bye/*"], scenarios=["clean-reply/*", "missing-reply/*"], fail_on=fail_on)
        return int(re.search(r"(\d+) failed", pytest_in("--tlsbye", "-q", check=1).stdout)[1])

    assert failures("violates") < failures("differs")


def test_what_the_program_complains_of_is_the_text_of_the_failure(pytest_in):
    (pytest_in.folder / "known.toml").write_text('[[known]]\nclause = "rfc9846/*"\n')
    pytest_in.settings(clauses=["rfc9846/*"], known="known.toml")
    done = pytest_in("--tlsbye", "-k", FAILING.partition("[")[0].partition("/")[2], check=1)
    assert "known.toml:1:1" in done.stdout and "Traceback" not in done.stdout


def test_a_clause_that_does_not_exist_is_told_when_tests_are_collected(pytest_in):
    done = pytest_in("--tlsbye", "--tlsbye-clause", "rfc9864/*")
    assert done.returncode in {1, 2} and "no clause matches `rfc9864/*`" in done.stdout


# What stays of a session


def test_the_results_of_a_session_that_was_red_are_kept_and_said_to_be(judged):
    kept = judged.folder / "tlsbye-results"
    assert {"run.json", "matrix.html", "transcripts.jsonl"} <= {file.name for file in kept.iterdir()}
    assert list((kept / "transcripts").iterdir()) and list((kept / "captures").iterdir())
    assert not {".lock", ".begun", ".done", ".failed"} & {file.suffix for file in kept.iterdir()}
    assert re.search(r"^tlsbye: matrix\.html and the runs behind it are in \S+/tlsbye-results$", judged.done.stdout, re.MULTILINE)


def test_a_later_session_replaces_what_was_kept_and_nothing_else(pytest_in):
    kept = pytest_in.folder / "results"
    (kept / "transcripts").mkdir(parents=True)
    (kept / "mine.txt").write_text("mine")
    pytest_in.settings(clauses=["rfc9846/*"], scenarios=["missing-reply/*"], out="results")
    pytest_in("--tlsbye", "-q", check=1)
    first = {file.name for file in (kept / "transcripts").iterdir()}
    pytest_in.settings(clauses=["rfc9846/*"], scenarios=["missing-reply/end-instead-of-the-reply"], out="results")
    pytest_in("--tlsbye", "-q", check=1)
    left = {file.name for file in (kept / "transcripts").iterdir()}
    only = "end-instead-of-the-reply"
    assert left and all(only in name for name in left) and any(only not in name for name in first)
    assert (kept / "mine.txt").read_text() == "mine" and not (pytest_in.folder / "tlsbye-results").exists()


def test_a_session_that_was_green_leaves_nothing(pytest_in):
    pytest_in("--tlsbye", "-q", "-k", "close-notify-is-a-warning", check=0)
    assert not (pytest_in.folder / "tlsbye-results").exists()


# Settings


@pytest.mark.parametrize(("line", "told"), [('stakcs = ["gnutls"]', "stakcs"), ('stacks = "gnutls"', "a list of words"), ("known = 3", "a word"),
                                            ('fail-on = "hung"', "violates, discouraged, differs")])
def test_a_mistake_in_the_settings_is_told_before_anything_runs(pytest_in, line, told):
    (pytest_in.folder / "pyproject.toml").write_text(f"[tool.tlsbye]\n{line}\n")
    done = pytest_in("--tlsbye", "-q", check=4)
    assert told in done.stderr and pytest_in.runs() == 0


def test_a_mistake_in_the_settings_does_not_bother_who_does_not_use_the_plugin(pytest_in):
    (pytest_in.folder / "pyproject.toml").write_text("[tool.tlsbye]\nstakcs = 3\n")
    (pytest_in.folder / "test_own.py").write_text("def test_own():\n    pass\n")
    pytest_in("-q", check=0)


def test_settings_may_name_a_run_that_is_there_already(pytest_in, run_file):
    pytest_in.settings(run=str(run_file()))
    pytest_in("--tlsbye", "-q", "-k", "close-notify")
    assert pytest_in.runs() == 0


@pytest.mark.parametrize("words", [(), ("-n", "2")])
def test_a_library_built_elsewhere_can_be_tested(pytest_in, tlsbye, words):
    system = stacks(tlsbye)["gnutls"]
    copied(system["library"], pytest_in.folder / "prefix", renamed(system["version"], "3.9.1"))
    pytest_in.settings(clauses=["rfc9846/*"], scenarios=["missing-reply/*"], libraries=["gnutls=prefix"])
    (pytest_in.folder / "below").mkdir()
    done = pytest_in("--tlsbye", "-q", "--rootdir", pytest_in.folder, *words, check=1, below="below")
    assert "gnutls 3.9.1 as client, TLS 1.3: violates" in done.stdout and "has no cell" not in done.stdout


def test_the_command_line_comes_before_the_settings(pytest_in):
    done = pytest_in("--tlsbye", "--tlsbye-stack", "openssl", "--collect-only", "-q", check=0)
    assert "[openssl-client-1.3]" in done.stdout and "[gnutls-" not in done.stdout


# Tests of a project's own

OWN = '''
import tlsbye

def test_one_cell(tlsbye_report: tlsbye.Report):
    cell = tlsbye_report.cell("rfc9846/success-means-the-answer-came", stack="gnutls", role="client", tls="1.3")
    assert cell.verdict == "violates", cell.story()

def test_one_cell_that_is_not_as_wished(tlsbye_report):
    cell = tlsbye_report.cell("rfc9846/success-means-the-answer-came", stack="gnutls", role="server", tls="1.3")
    assert cell.verdict == "conforms", cell.story()

def test_one_trait(tlsbye_report):
    assert tlsbye_report.trait("TRAIT", stack="gnutls", role="client", tls="1.3").answer == "ANSWER"

def test_one_trait_that_is_not_as_wished(tlsbye_report):
    assert tlsbye_report.trait("TRAIT", stack="gnutls", role="client", tls="1.3").answer == "something else"

def test_what_is_not_there_is_told(tlsbye_report):
    try:
        tlsbye_report.cell("rfc9846/*", stack="gnutls", role="client", tls="1.3")
    except LookupError as error:
        assert "one was asked for" in str(error)
    else:
        raise AssertionError("several cells for one")

def test_a_wrong_name_is_told_the_nearest(tlsbye_report):
    for words, hint in (({"clause": "rfc9846/succes-means-the-answer-came"}, "rfc9846/success-means-the-answer-came"), ({"stack": "gnutsl"}, "gnutls"),
                        ({"role": "clint"}, "client"), ({"tls": "1.4"}, "1.3")):
        asked = {"clause": "rfc9846/success-means-the-answer-came", "stack": "gnutls", "role": "client", "tls": "1.3", **words}
        try:
            tlsbye_report.cell(**asked)
        except LookupError as error:
            assert "did you mean" in str(error) and repr(hint) in str(error), error
        else:
            raise AssertionError("found")
'''


@pytest.mark.parametrize("words", [("--tlsbye", "-k", "test_one or test_what or test_a_wrong"), (), ("-n", "2")])
def test_tests_of_a_project_can_ask_for_one_cell_or_one_trait(pytest_in, run_file, words):
    trait = next(t for t in json.loads(run_file().read_text())["traits"] if (t["role"], t["tls"]) == ("client", "1.3"))
    (pytest_in.folder / "test_own.py").write_text(OWN.replace("TRAIT", trait["trait"]).replace("ANSWER", trait["answer"]))
    pytest_in.settings(clauses=["rfc9846/*"], scenarios=["missing-reply/*", trait["replay"].partition(":")[0]])
    done = pytest_in("-rA", *words, check=1)
    for name in ("test_one_cell", "test_one_trait", "test_what_is_not_there_is_told", "test_a_wrong_name_is_told_the_nearest"):
        assert re.search(rf"^PASSED test_own\.py::{name}$", done.stdout, re.MULTILINE), done.stdout
    for name in ("test_one_cell_that_is_not_as_wished", "test_one_trait_that_is_not_as_wished"):
        assert re.search(rf"^FAILED test_own\.py::{name} ", done.stdout, re.MULTILINE), done.stdout
    assert "again: tlsbye replay" in done.stdout
    assert pytest_in.runs() == 1
    assert list(pytest_in.temporary.glob("tlsbye-*")) == []

"""`pytest --tlsbye` in somebody else's folder."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as xml

import pytest
from conftest import PROGRAM, ROOT


@pytest.fixture
def pytest_in(tmp_path):
    def start(*words):
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "tlsbye.pytest_plugin", "-p", "no:cacheprovider", *map(str, words)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT / "harness/python"), "TLSBYE_PROGRAM": str(PROGRAM), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )

    (tmp_path / "pyproject.toml").write_text('[tool.tlsbye]\nstacks = ["gnutls"]\nclauses = ["rfc9846/*"]\nscenarios = ["clean-reply/*", "missing-reply/*"]\n')
    start.folder = tmp_path
    return start


def test_an_empty_folder_has_one_test_for_each_cell_and_a_failure_tells_its_story(pytest_in):
    done = pytest_in("--tlsbye", "-q", "--junitxml=junit.xml")
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    assert "tlsbye replay 'missing-reply/" in done.stdout
    cases = list(xml.parse(pytest_in.folder / "junit.xml").iter("testcase"))
    names = [case.get("name") for case in cases]
    assert "rfc9846/success-means-the-answer-came[gnutls-client-1.3]" in names
    failed = [case for case in cases if case.find("failure") is not None]
    assert failed and len(failed) < len(cases)


def test_tests_are_known_before_anything_runs_and_k_chooses_among_them(pytest_in):
    done = pytest_in("--tlsbye", "--collect-only", "-q", "-k", "success and client")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "success-means-the-answer-came[gnutls-client-1.3]" in done.stdout
    assert "server" not in done.stdout.split("selected")[0].replace("deselected", "")


def test_a_run_in_which_nothing_was_reached_is_not_green(pytest_in, tlsbye):
    cells = json.loads(tlsbye("list", "cells", "--json", "--clause", "rfc9846/*", "--stack", "gnutls", check=0).stdout)
    assert {cell["verdict"] for cell in cells["cells"]} <= {"not-reached", "unsupported"}
    (pytest_in.folder / "nothing.json").write_text(json.dumps(cells))
    done = pytest_in("--tlsbye-run", "nothing.json", "-q")
    assert done.returncode == 1 and "proves nothing" in done.stdout


def test_a_setting_that_does_not_exist_is_told(pytest_in):
    (pytest_in.folder / "pyproject.toml").write_text('[tool.tlsbye]\nstakcs = ["gnutls"]\n')
    done = pytest_in("--tlsbye", "-q")
    assert done.returncode == 4 and "stakcs" in done.stderr

"""The Python package as somebody gets it who types `pip install .` in a fresh virtual environment. Needs the network, and says so."""

import json
import os
import pathlib
import re
import subprocess
import tomllib
import venv
import xml.etree.ElementTree as xml

import pytest
from conftest import PATIENCE, ROOT

pytestmark = pytest.mark.heavy
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINTERS = ("mypy==2.4.1", "ruff==0.17.6")  # named exactly: what is clean today is not so by tomorrow's rules


class Environment:
    """A virtual environment with nothing in it."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        venv.create(folder, with_pip=True, symlinks=True)

    def __call__(self, program, *words, cwd, check=0, timeout=PATIENCE):
        # Which peers are built is the machine's matter, and may be that of whoever runs the tests.
        kept = {key: value for key, value in os.environ.items() if key.startswith("TLSBYE_WITH_") or not key.startswith(("TLSBYE", "PYTHON", "PYTEST"))}
        done = subprocess.run(
            [self.folder / "bin" / program, *map(str, words)],
            cwd=cwd,
            env={**kept, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == check, f"{program} {words}: exit {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done

    def install(self, *words):
        try:
            self("pip", "install", "--disable-pip-version-check", "--no-input", "--quiet", *words, cwd=self.folder)
        except AssertionError as error:
            pytest.fail(f"pip could not install {' '.join(map(str, words))}; it needs the network, to PyPI.\n{error}", pytrace=False)

    @property
    def package(self):
        return next(self.folder.glob("lib/python3*/site-packages/tlsbye"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    environment = Environment(tmp_path_factory.mktemp("fresh"))
    environment.install(ROOT)
    return environment


@pytest.fixture(scope="module")
def session(fresh, tmp_path_factory):
    """`pytest --tlsbye -n 2` in an empty folder, on one stack."""
    folder = tmp_path_factory.mktemp("empty")
    done = fresh("pytest", "--tlsbye", "--tlsbye-stack", "gnutls", "-n", "2", "--junitxml=junit.xml", "-p", "no:cacheprovider", cwd=folder, check=1)
    done.cases = list(xml.parse(folder / "junit.xml").iter("testcase"))
    done.left = sorted(path.name for path in folder.iterdir())
    return done


def test_the_commands_are_there_and_tell_the_version(fresh, tmp_path):
    assert fresh("tlsbye", "--version", cwd=tmp_path).stdout.strip() == PROJECT["version"]
    assert fresh("python", "-m", "tlsbye", "--version", cwd=tmp_path).stdout.strip() == PROJECT["version"]
    assert fresh("python", "-m", "tlsbye", "run", "--no-such-option", cwd=tmp_path, check=2).stderr


def test_the_wheel_has_the_program_the_peers_and_the_scenarios_and_nothing_of_the_tests(fresh, tmp_path):
    native = fresh.package / "_native"
    assert {path.name for path in (native / "libexec/tlsbye/peers").iterdir()} >= {"tlsbye-peer-gnutls", "tlsbye-peer-openssl", "tlsbye-peer-wolfssl"}
    assert {path.name for path in (native / "share/tlsbye/scenarios").iterdir()} == {path.name for path in (ROOT / "scenarios").iterdir()}
    assert (fresh.package / "py.typed").is_file()
    kit = native / "libexec/tlsbye/kit"  # what `tlsbye get` makes peers of other builds with
    assert not [path for path in native.rglob("*") if re.search(r"test|bench|\.a$", path.name) and kit not in path.parents]
    size = sum(path.stat().st_size for path in native.rglob("*") if path.is_file())
    assert size < 40e6, "programs are stripped"


def test_the_installed_program_uses_what_is_beside_it(fresh, tmp_path):
    words = ("--stack", "wolfssl", "--clause", "rfc9846/*", "--scenario", "clean-reply/*")
    fresh("tlsbye", "run", *words, cwd=tmp_path)
    replay = next(c["replay"] for c in json.loads((tmp_path / "out/run.json").read_text())["cells"] if c["replay"])
    assert "subject" in fresh("tlsbye", "replay", replay, cwd=tmp_path).stdout


def test_an_empty_folder_has_a_test_for_every_cell(session, fresh, tmp_path):
    cells = json.loads(fresh("tlsbye", "list", "cells", "--json", cwd=tmp_path).stdout)["cells"]
    names = [f"{c['clause']}[{c['stack']}-{c['role']}-{c['tls']}]" for c in cells]
    assert len(cells) > 2000 and len({c["stack"] for c in cells}) >= 3
    collected = fresh("pytest", "--tlsbye", "--collect-only", "-q", "-p", "no:cacheprovider", cwd=tmp_path).stdout.split("\n\n")[0].splitlines()
    assert sorted(collected) == sorted(f"tlsbye::{name}" for name in ["the-run-itself", *names])
    mine = {name for name in names if "[gnutls-" in name}
    assert {case.get("name") for case in session.cases} == {"the-run-itself", *mine}
    assert len(session.cases) == len(mine) + 1
    assert session.left == ["junit.xml", "tlsbye-results"]


def test_every_failure_explains_the_matter_by_its_text_alone(session):
    failures = {case.get("name"): case.find("failure").text for case in session.cases if case.find("failure") is not None}
    assert 0 < len(failures) < len(session.cases) / 2
    for name, text in failures.items():
        clause, stack, role, tls = re.fullmatch(r"(.+)\[(.+)-(client|server)-(.+)\]", name).groups()
        first, second, third, *rest = text.splitlines()
        assert re.fullmatch(rf"{stack} \S+ as {role}, TLS {tls}: (violates|hung|crashed)", first), name
        assert second.startswith(f"{clause} ("), name
        assert re.fullmatch(r"\S.+: .{20,}", third), f"{name}: what the document says"
        assert any(line.startswith("seen: ") for line in rest), name
        assert any(line.startswith("  > ") for line in rest), f"{name}: the deciding event"
        assert re.fullmatch(r"again: tlsbye replay '\S+'", rest[-1]), name


def test_a_test_of_ones_own_is_checked_by_types_against_the_installed_package(fresh, tmp_path):
    fresh.install(*LINTERS)
    (tmp_path / "own.py").write_text(
        'import tlsbye\n\n\ndef verdict(report: tlsbye.Report) -> str:\n'
        '    return report.cell("rfc8446/*", stack="gnutls", role="client", tls="1.3").verdict\n\n\n'
        'wrong: int = tlsbye.load("run.json").runs + "1"\n')
    told = fresh("mypy", "--strict", "--cache-dir", tmp_path / "cache", "own.py", cwd=tmp_path, check=1).stdout
    assert re.search(r"own\.py:8: error", told) and "Found 1 error" in told


def test_mypy_and_ruff_find_nothing_in_the_package(fresh, tmp_path):
    fresh.install(*LINTERS)
    fresh("mypy", "--strict", "--cache-dir", tmp_path / "mypy", cwd=ROOT)
    fresh("ruff", "check", "--cache-dir", tmp_path / "ruff", cwd=ROOT)


def test_without_the_network_the_failure_says_that_it_is_missing(tmp_path):
    environment = Environment(tmp_path / "environment")
    with pytest.raises(pytest.fail.Exception, match="it needs the network, to PyPI"):
        environment.install("--no-index", ROOT)

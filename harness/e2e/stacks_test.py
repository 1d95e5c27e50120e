"""All stacks there are, in one table: those that this machine can build, and the two that `tlsbye get` builds from the sources of their crates.

Asks the registry of crates, and takes some minutes. A machine without Go, say, judges one stack less: `list stacks` names it.
"""

import json
import re
import subprocess

import pytest
from conftest import BUILT, PATIENCE, ROOT, Tlsbye, cells_by_key

pytestmark = pytest.mark.network

TWELVE = {"aws-lc", "boringssl", "botan", "gnutls", "go", "jsse", "mbedtls", "nss", "openssl", "rustls", "s2n", "wolfssl"}
CRATES = ("s2n@crate", "aws-lc@crate")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    here = Tlsbye(tmp_path_factory.mktemp("twelve"), BUILT)
    here("get", *CRATES, check=0)
    return here


@pytest.fixture(scope="module")
def names(here):
    """Who is judged. Each of the twelve is there, or is named as left out, with what it lacks."""
    listed = here("list", "stacks", check=0)
    there = {stack["name"] for stack in json.loads(here("list", "stacks", "--json", check=0).stdout)}
    for name in TWELVE - there:
        assert re.search(rf"\b{name}\b", listed.stdout + listed.stderr), (name, listed.stdout, listed.stderr)
    assert there >= {"gnutls", "openssl", "wolfssl", "aws-lc", "s2n"} and there <= TWELVE
    return there


def run(here, names, out, *words):
    """A run of all of them. Its exit code is that of a run without problems."""
    chosen = [word for name in sorted(names) for word in ("--stack", f"{name}@crate" if f"{name}@crate" in CRATES else name)]
    here("run", *chosen, "--out", out, *words, check=0)
    report = json.loads((here.folder / out / "run.json").read_text())
    assert report["complete"] and not report["problems"] and not report["totals"]["harness-error"]
    assert {stack["name"] for stack in report["stacks"]} == names
    return report


@pytest.fixture(scope="module")
def plain(here, names):
    return run(here, names, "plain")


def test_each_stack_has_more_than_sixty_cells_that_were_reached(plain):
    for stack in plain["stacks"]:
        reached = [c for c in plain["cells"] if c["stack"] == stack["name"] and c["verdict"] not in ("not-reached", "unsupported")]
        assert len(reached) > 60, stack["name"]


def test_isolated_sessions_have_the_same_verdicts(here, names, plain):
    # A runtime (own-memory) starts anew in each session: a JVM two thousand times.
    names = {stack["name"] for stack in plain["stacks"] if "own-memory" not in stack["abilities"]}
    isolated = cells_by_key(run(here, names, "isolated", "--isolate"))
    verdicts = {key: cell["verdict"] for key, cell in cells_by_key(plain).items() if cell["stack"] in names}
    assert verdicts == {key: cell["verdict"] for key, cell in isolated.items()}


def test_three_partners_agree_but_for_what_the_list_explains(here, names):
    report = run(here, names, "partners", "--partner", "gnutls", "--partner", "openssl", "--partner", "wolfssl")
    assert [found for found in report.get("disagreements", []) if "reason" not in found] == []


def test_all_partners_are_each_library_once_and_all_pairs_have_runs(here, names):
    # One scenario is enough: the number of pairs is the square of the stacks'.
    report = run(here, names, "pairs", "--partner", "all", "--scenario", "clean-reply/subject-closes-first")
    pairs = {(pair["stack"], pair["partner"]): pair for pair in report["pairs"]}
    assert pairs.keys() == {(one, other) for one in names for other in names} and len(pairs) == len(report["pairs"])
    assert all(pair["runs"] > 0 and pair["totals"]["conforms"] > 0 for pair in pairs.values())


def test_the_adapters_of_the_crates_are_driven_and_broken_on_purpose_like_all_others(here, names, tmp_path):
    """The peers' tests cover the stacks of a build. A build has these two if it is given the folders that they are installed in."""
    crates = [crate.partition("@")[0] for crate in CRATES]
    words = [f"-DTLSBYE_WITH_{name.upper().replace('-', '_')}={'ON' if name in {*crates, 'openssl'} else 'OFF'}" for name in TWELVE]
    fleet = here.folder / "cache/tlsbye/fleet/builds"
    words += [f"-DTLSBYE_{name.upper().replace('-', '_')}_PREFIX={fleet / f'{name}@crate/root'}" for name in crates]
    build = tmp_path / "build"
    configured = ["cmake", "-S", ROOT, "-B", build, "-G", "Ninja", "-DTLSBYE_TESTS=ON", *words]
    for command in (configured, ["ninja", "-C", build, "peers-test"], [build / "bin/peers-test"]):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, (command, done.stdout[-5000:], done.stderr[-5000:])
    for name in crates:
        assert re.search(rf"OK.*AnAnswerThatIsMappedWronglyIsNoticed/{name.replace('-', '_?')}", done.stdout), name

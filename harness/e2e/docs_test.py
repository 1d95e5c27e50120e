"""The documents: what they tell the reader to type is typed here, what they show as a file is read, what they count is counted.

Of a document's fenced `sh` blocks each line is run, in order, in a folder of the document's own; a line that cannot be run here stands in NOT_RUN with
the reason. Words in capitals, and `mytls`, are the reader's: here they are what STANDS_FOR says."""

import ast
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tomllib

import pytest
import yaml
from conftest import PATIENCE, PROGRAM, ROOT, Tlsbye
from library_test import copied, stacks

DOCUMENTS = ["README.md", "docs/adding-a-stack.md", "docs/exploring.md", "docs/gate.md", "docs/judging-captures.md", "docs/probing.md",
             "docs/programs.md", "docs/reading-a-report.md", "docs/versions.md", "docs/why-trust-it.md", "docs/writing-a-scenario.md",
             "peers/FINDINGS.md", "peers/README.md", "scenarios/README.md",
             "scenarios/clauses/README.md"]

NOT_RUN = {
    ("README.md", "./tlsbye test"): "this is part of it",
    ("README.md", "./tlsbye fuzz"): "of the launcher; .ci/run calls it",
    ("README.md", "./tlsbye selftest"): "run_test.py does",
    ("README.md", "./tlsbye explore"): "takes a minute; explore_test.py has smaller ones, and .ci/run does",
    ("docs/why-trust-it.md", "tlsbye selftest"): "run_test.py does",
    ("README.md", "./tlsbye run --sweep"): "takes minutes; sweep_test.py has smaller ones",
    **{("docs/exploring.md", command): "takes minutes; explore_test.py has smaller ones" for command in (
        "tlsbye explore", "tlsbye explore --seed 7 --for 10m --stack gnutls", "tlsbye explore --against out/run.json",
        "tlsbye explore --against known.toml --gate")},
    ("README.md", "./tlsbye probe localhost:443 --protocol http"): "probe_test.py does, with servers of its own",
    ("README.md", "./tlsbye probe --listen 0 -- curl -sS --cacert {ca} https://{host}:{port}/"): "probe_test.py does",
    **{("docs/judging-captures.md", command): "needs a server and tcpdump's rights; judge_test.py has captures" for command in (
        "SSLKEYLOGFILE=keys.txt curl https://localhost:4433/ &", "tcpdump -i lo -U -w it.pcap 'tcp port 4433'",
        "tlsbye judge it.pcap --keys keys.txt", "tlsbye judge it.pcapng --gate")},
    **{("docs/programs.md", command): "needs these programs; probe_test.py has some" for command in (
        "tlsbye probe localhost:443 --protocol http --as nginx@1.22.1",
        "tlsbye probe --listen 0 -- curl -sS --cacert {ca} https://{host}:{port}/")},
    **{("docs/probing.md", command): "needs a program of the reader's; probe_test.py has its own" for command in (
        "tlsbye probe localhost:443 --protocol http", "tlsbye probe --listen 0 -- curl -sS --cacert {ca} https://{host}:{port}/",
        "tlsbye probe mail.example:587 --protocol smtp",
        "tlsbye probe localhost:4433 --say 'HELLO\\r\\n' --until '\\n' --goodbye 'QUIT\\r\\n' --tls 1.3")},
    ("README.md", "./tlsbye judge it.pcap --keys keys.txt"): "judge_test.py does, with captures that are there",
    ("docs/versions.md", "tlsbye get --list"): "asks a mirror; get_test.py asks made-up ones",
    ("docs/versions.md", "tlsbye get gnutls@trixie openssl@3.5"): "asks a mirror; get_test.py asks made-up ones",
    ("docs/gate.md", "cmake --install build/release --prefix PREFIX"): "cmake_test.py does",
    ("docs/gate.md", "python3 -m venv venv"): "package_test.py does",
    ("docs/gate.md", "venv/bin/pip install ./tlsbye"): "package_test.py does",
    ("docs/gate.md", "apt-get update && apt-get install -y --no-install-recommends ca-certificates git"): "prepares a container",
    ("docs/gate.md", 'git clone --depth 1 "$TLSBYE_URL" tlsbye'): "prepares a container",
}

# Where a command says no, and that is right.
EXIT = {
    ("README.md", "./tlsbye run --gate"): 1,  # the libraries do violate clauses
}

STANDS_FOR = {
    "mytls": "openssl",
    "my-family": "half-a-family",
    "--scenarios DIR": "--scenarios mine",
    "--peers DIR": f"--peers {shlex.quote(str(PROGRAM.parent / 'peers'))}",
    "old/run.json": "out/run.json",  # of another day
}


# A `run` that names no scenarios makes all of them, as full_run and whole_run do. Typed here it makes those of three families: what its words do
# and what it leaves is the same.
FEW = "{clean-reply,missing-reply,after-close}/*"
RUNS_ALL = re.compile(r"^\S*tlsbye run\b(?!.* --scenario )")


def of(document):
    return (ROOT / document).read_text()


def blocks(document, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", of(document), re.MULTILINE | re.DOTALL)


def commands(document):
    """The lines of the `sh` blocks, without their comments; a block with a file in it is one command."""
    for block in blocks(document, "sh"):
        yield from [block] if "<<" in block else [re.sub(r"\s+# .*", "", line) for line in block.splitlines() if line]


def ci_jobs(document):
    """The scripts of the CI examples, job by job, by their name."""
    for block in blocks(document, "yaml"):
        example = yaml.safe_load(block)
        if "jobs" in example:  # GitHub
            for job in example["jobs"].values():
                assert all(set(step) <= {"uses", "with", "run", "if", "name"} for step in job["steps"])
                yield "github", [step["run"] for step in job["steps"] if "run" in step]
        else:
            for job in example.values():
                yield "gitlab", [*job["before_script"], *job["script"]]


class Reader(Tlsbye):
    """Somebody who reads a document, with a folder to try things in."""

    def __init__(self, folder, document):
        super().__init__(folder)
        self.document = document
        # `tlsbye` as installed, `./tlsbye` in this project's folder, `tlsbye/tlsbye` of a copy beside one's own project, pytest of an environment.
        for place in ("bin/tlsbye", "tlsbye" if document == "README.md" else "tlsbye/tlsbye"):
            (folder / place).parent.mkdir(exist_ok=True)
            (folder / place).symlink_to(PROGRAM)
        (folder / "venv/bin").mkdir(parents=True)
        (folder / "venv/bin/pytest").write_text(f'#!/bin/sh\nexec {sys.executable} -m pytest -p tlsbye.pytest_plugin -p no:cacheprovider "$@"\n')
        (folder / "venv/bin/pytest").chmod(0o755)

    def type(self, command):
        place = (self.document, command)
        if place in NOT_RUN:
            return None
        words = {**STANDS_FOR, "gnutls=PREFIX": f"gnutls={self.folder}/prefix", "REPLAY-ID": shlex.quote(self.replay()) if "REPLAY-ID" in command else ""}
        typed = re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], command)
        if self.document != "README.md":
            typed = re.sub(r"^\./tlsbye\b", "tlsbye", typed)
        if RUNS_ALL.match(typed):
            typed += f" --scenario {shlex.quote(FEW)}"
        environment = {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}", "NO_COLOR": "1", "PYTHONPATH": str(ROOT / "harness/python"),
                       "TLSBYE_PROGRAM": str(PROGRAM), "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md")}
        done = subprocess.run(["bash", "-euc", typed], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == EXIT.get(place, 0), f"{command}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done

    def replay(self):
        """Of a violation that the last run left, or of any cell."""
        decided = [cell for cell in self.report()["cells"] if cell["replay"]]
        return next((cell for cell in decided if cell["verdict"] == "violates"), decided[0])["replay"]


@pytest.fixture
def reader(tmp_path, full_run):
    def read(document, with_a_run=True):
        reader = Reader(tmp_path, document)
        if with_a_run:
            (tmp_path / "out").symlink_to(full_run.folder / "out")
        return reader

    return read


# What is typed


def test_every_document_of_the_project_is_looked_at():
    found = {str(file.relative_to(ROOT)) for folder in (".", "docs", "harness", "peers", "reports", "scenarios")
             for file in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md")}
    assert {document for document in found if "testdata" not in document} == set(DOCUMENTS)


def test_commands_stand_in_sh_blocks_where_they_are_run():
    for document in DOCUMENTS:
        outside = re.sub(r"^```\w*\n.*?^```$", "", of(document), flags=re.MULTILINE | re.DOTALL)
        assert not re.findall(r"^ {4,}(?:\./)?(?:tlsbye|pip|pytest|cmake|ninja|ctest) .*", outside, re.MULTILINE), document


def test_what_is_said_of_a_command_here_is_said_of_one_that_is_there():
    typed = {(document, command) for document in DOCUMENTS for command in commands(document)}
    typed |= {("docs/gate.md", line) for _, lines in ci_jobs("docs/gate.md") for line in lines}
    assert set(NOT_RUN) | set(EXIT) <= typed
    assert {document for document, _ in typed} == {"README.md", "scenarios/README.md", *(d for d in DOCUMENTS if d.startswith("docs/"))}


@pytest.mark.heavy
def test_the_commands_of_the_readme(reader):
    somebody = reader("README.md", with_a_run=False)
    for command in commands("README.md"):
        somebody.type(command)
    for name in ("matrix.html", "matrix.md", "junit.xml", "results.sarif", "run.json"):
        assert name in of("README.md") and (somebody.folder / "out" / name).stat().st_size


@pytest.mark.heavy
@pytest.mark.parametrize("document", ["docs/reading-a-report.md", "docs/why-trust-it.md"])
def test_the_commands_on_a_run_that_is_there(reader, document):
    somebody = reader(document)
    assert sum(somebody.type(command) is not None for command in commands(document)) > 1


def test_the_scenario_of_the_guide_runs_and_its_mistake_is_told_as_shown(reader):
    document = "docs/writing-a-scenario.md"
    somebody = reader(document, with_a_run=False)
    told = [somebody.type(command).stdout for command in commands(document)]
    assert any(c["scenario"].startswith("farewell/half-an-answer@k=") for c in somebody.report()["cells"])
    assert "wire     cut partner->subject close_notify at" in told[-1]

    file = somebody.folder / "my-scenarios/farewell.toml"
    file.write_text(file.read_text().replace("subject  close-write", "subject  close_write"))
    shown = blocks(document, "text")[0]
    assert shown.strip() in somebody("run", "--scenarios", "my-scenarios", check=2).stderr


def test_the_commands_of_the_manual_of_scenarios(reader):
    document = "scenarios/README.md"
    somebody = reader(document, with_a_run=False)
    (somebody.folder / "mine").mkdir()
    (somebody.folder / "mine/half-a-family.toml").write_text(blocks(document, "toml")[1])
    for command in commands(document):
        somebody.type(command)


@pytest.mark.heavy
def test_the_commands_of_the_guide_to_stacks(reader):
    document = "docs/adding-a-stack.md"
    somebody = reader(document, with_a_run=False)
    told = [somebody.type(command).stdout for command in commands(document)]
    assert "openssl" in told[0] and told[0] == told[1]


def test_the_commands_of_the_guide_to_exploring_that_take_no_minutes(reader):
    document = "docs/exploring.md"
    somebody = reader(document, with_a_run=False)
    done = [each for each in map(somebody.type, commands(document)) if each]
    assert len(done) == 2 and all("clause and library; written: out/shrunk/shrunk.toml" in each.stdout for each in done)


def test_a_scenario_that_a_command_names_is_there_be_it_run_or_not(tlsbye):
    there = {it["id"] for it in json.loads(tlsbye("list", "scenarios", "--json", check=0).stdout)}
    families = {name.partition("/")[0] for name in there}
    for document in DOCUMENTS:
        for command in commands(document):
            named = {word.partition(":")[0] for word in re.findall(r"(?<![\w./-])[a-z][\w-]*/[\w-]+(?=[ :]|$)", command)}
            missing = {word for word in named if word.partition("/")[0] in families and word not in there}
            assert not missing, f"{document}: {command}"


@pytest.mark.heavy
def test_the_way_to_a_gate_and_the_ci_examples(reader):
    document = "docs/gate.md"
    somebody = reader(document, with_a_run=False)
    known = somebody.folder / "known.toml"
    copied(stacks(somebody)["gnutls"]["library"], somebody.folder / "prefix")
    for command in commands(document):
        if command.startswith("tlsbye gate") and "--update" not in command:
            assert somebody("gate", "out/run.json", "--known", known, check=2).stderr, "without reasons it is refused"
            known.write_text(known.read_text().replace('reason  = ""', 'reason  = "We know."'))
        if command.startswith("venv/bin/pytest"):
            (somebody.folder / "pyproject.toml").write_text(settings(document) + f"scenarios = [{json.dumps(FEW)}]\n")
        somebody.type(command)
    jobs = dict(ci_jobs(document))
    assert set(jobs) == {"github", "gitlab"}
    for lines in jobs.values():
        assert any("--gate" in line for line in lines)
        for line in lines:
            somebody.type(re.sub(r"\s+# .*", "", line))
    assert (somebody.folder / "summary.md").stat().st_size > 1000

    own = blocks(document, "python")
    (somebody.folder / "test_own.py").write_text(own[0])
    done = subprocess.run(["venv/bin/pytest", "-q"], cwd=somebody.folder, env={**os.environ, "PYTHONPATH": str(ROOT / "harness/python"),
                          "TLSBYE_PROGRAM": str(PROGRAM)}, capture_output=True, text=True, timeout=PATIENCE)
    assert "1 failed, 1 passed" in done.stdout and "as client, TLS 1.3: known" in done.stdout, done.stdout


def test_the_commands_of_a_document_do_not_reach_the_folders_of_the_user_who_runs_the_tests(reader, tmp_path_factory):
    somebody = reader("docs/versions.md", with_a_run=False)
    for folder in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        used = somebody.type(f"echo ${{{folder}:-the folder of the user}}").stdout.strip()
        assert tmp_path_factory.getbasetemp() in pathlib.Path(used).parents, f"{folder}: {used}"


@pytest.mark.heavy
def test_the_commands_on_versions_and_on_runs_in_parts(reader):
    document = "docs/versions.md"
    somebody = reader(document, with_a_run=False)
    for command in commands(document):
        somebody.type(command)
    assert somebody.report("whole")["runs"] == somebody.report("one")["runs"] + somebody.report("two")["runs"]


def settings(document):
    return next(block for block in blocks(document, "toml") if block.startswith("[tool.tlsbye]"))


# What is shown


def test_toml_yaml_and_python_examples_parse():
    count = 0
    for document in DOCUMENTS:
        for language, parse in (("toml", tomllib.loads), ("yaml", yaml.safe_load), ("python", ast.parse), ("json", json.loads)):
            for block in blocks(document, language):
                assert parse(block), document
                count += 1
    assert count >= 6


def test_the_ci_examples_keep_what_the_run_leaves(full_run):
    for path in re.findall(r"\bout/[\w.]*", "".join(blocks("docs/gate.md", "yaml"))):
        assert (full_run.folder / path).exists(), path


def test_the_accepted_deviation_that_is_shown_is_one_that_the_gate_reads(full_run, tmp_path):
    (tmp_path / "known.toml").write_text(next(block for block in blocks("docs/gate.md", "toml") if block.startswith("[[known]]")))
    done = full_run("gate", "out/run.json", "--known", tmp_path / "known.toml", check=1)
    assert "no clause has such an id" not in done.stdout


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", of(document)):
        assert "://" in target or ((ROOT / document).parent / target).exists(), target


def test_the_readme_fits_a_screen_and_leads_to_each_document():
    assert len(of("README.md").splitlines()) <= 50
    for document in DOCUMENTS[1:]:
        assert f"]({document})" in of("README.md"), document


# What is counted


def test_the_readme_counts_clauses_and_scenarios_as_they_are(tlsbye):
    """TLSBYE_UPDATE=1 writes the figures into the README."""
    there = {kind: len(json.loads(tlsbye("list", kind, "--json", check=0).stdout)) // 100 * 100 for kind in ("clauses", "scenarios")}
    figures = "More than {clauses} clauses are tried on each run of more than {scenarios} scenarios.".format(**there)
    if os.environ.get("TLSBYE_UPDATE"):
        (ROOT / "README.md").write_text(re.sub(r"More than \d+ clauses .*? scenarios\.", figures, of("README.md"), flags=re.DOTALL))
    assert figures in of("README.md"), "stale: TLSBYE_UPDATE=1 writes them anew"


def test_the_readme_has_no_other_figures_that_would_rot():
    said = re.sub(r"More than \d+ clauses .*? scenarios\.|Debian [\d, and]+", "", of("README.md").partition("Exit codes")[0], flags=re.DOTALL)
    assert re.findall(r"(?<![\w.-])\d[\d,.]*(?![\w.])", re.sub(r"`[^`]*`|```.*?```", "", said, flags=re.DOTALL)) == []


def test_the_picture_is_small_and_a_png():
    picture = (ROOT / "docs/matrix.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n") and len(picture) < 200_000

"""`tlsbye gate`: what fails a CI, and what it says about it. All of it is asked of one run file."""

import datetime
import json
import re

import pytest
from conftest import Tlsbye, recounted

WITHOUT_REASON = 'reason  = ""'
ENTRY = re.compile(r"^\[\[known\]\]\n(?:.+\n?)+", re.MULTILINE)


@pytest.fixture
def gate(full_run, tmp_path):
    """The gate in a folder of its own, on the run that all tests share."""
    program = Tlsbye(tmp_path)
    run_file = full_run.folder / "out/run.json"

    def start(*words, run=run_file, check=None):
        return program("gate", run, *words, check=check)

    start.folder = tmp_path
    start.run_file = run_file
    start.known = tmp_path / "known.toml"
    return start


@pytest.fixture(scope="module")
def first_list(full_run, tmp_path_factory):
    known = tmp_path_factory.mktemp("first") / "known.toml"
    full_run("gate", "out/run.json", "--update", "--known", known, check=0)
    return known.read_text()


@pytest.fixture
def accepted(gate, first_list):
    """The gate beside a known.toml that accepts all that the run found, each entry with a reason."""
    gate.known.write_text(first_list.replace(WITHOUT_REASON, 'reason  = "We know."'))
    return gate


def entries(gate):
    return ENTRY.findall(gate.known.read_text())


def clause_of(entry):
    return re.search(r'^clause\s*= "(.+)"$', entry, re.MULTILINE)[1]


def with_entry(gate, clause, **keys):
    words = {"stack": "gnutls", "verdict": "violates", "reason": "Added.", **keys}
    lines = [f'clause = "{clause}"', *(f'{key} = "{value}"' for key, value in words.items()), "expires = 2099-01-01"]
    gate.known.write_text(gate.known.read_text() + "\n[[known]]\n" + "\n".join(lines) + "\n")


def test_a_first_list_has_an_entry_for_each_deviation_and_none_has_a_reason(gate):
    gate("--update", check=0)
    deviations = {(c["clause"], c["stack"], c["verdict"]) for c in json.loads(gate.run_file.read_text())["cells"]
                  if c["verdict"] in {"violates", "hung", "crashed"}}
    assert len(entries(gate)) == len(deviations) > 10
    assert gate.known.read_text().count(WITHOUT_REASON) == len(deviations)


def test_an_entry_without_a_reason_is_refused_and_its_line_is_named(gate):
    gate("--update", check=0)
    done = gate("--known", gate.known, check=2)
    assert re.search(r"known\.toml:\d+:\d+: .*reason", done.stderr), done.stderr[:500]


def test_a_list_that_is_there_is_not_overwritten(accepted):
    before = accepted.known.read_text()
    assert "already" in accepted("--update", check=2).stderr
    assert accepted.known.read_text() == before


def test_with_all_deviations_accepted_the_gate_is_green_and_counts_them(accepted):
    done = accepted("--known", accepted.known, check=0)
    assert re.search(r"gate: green, \d+ cells, [1-9]\d* of them known", done.stdout)


def test_a_deviation_that_is_no_longer_accepted_is_named(accepted):
    text, gone = accepted.known.read_text(), entries(accepted)[0]
    accepted.known.write_text(text.replace(gone, ""))
    done = accepted("--known", accepted.known, check=1)
    assert clause_of(gone) in done.stdout and "0 faults" in done.stdout


def test_an_entry_for_what_conforms_is_named_as_stale(accepted):
    cell = next(c for c in json.loads(accepted.run_file.read_text())["cells"] if c["verdict"] == "conforms" and c["stack"] == "gnutls")
    with_entry(accepted, cell["clause"], role=cell["role"], tls=cell["tls"])
    done = accepted("--known", accepted.known, check=1)
    line = accepted.known.read_text().rsplit("[[known]]", 1)[0].count("\n") + 1
    assert re.search(rf"stale: .*known\.toml:{line}: {re.escape(cell['clause'])} on gnutls", done.stdout), done.stdout


def test_an_entry_that_matches_no_clause_is_named_as_stale(accepted):
    with_entry(accepted, "rfc8446/no-such-clause")
    done = accepted("--known", accepted.known, check=1)
    assert "rfc8446/no-such-clause on gnutls: no clause has such an id" in done.stdout


def test_an_entry_that_has_expired_is_named_with_its_day_and_excuses_nothing(accepted):
    yesterday = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=1)
    old = entries(accepted)[0]
    accepted.known.write_text(accepted.known.read_text().replace(old, re.sub(r"expires = \S+", f"expires = {yesterday}", old)))
    done = accepted("--known", accepted.known, check=1)
    assert re.search(rf"{re.escape(clause_of(old))} on \S+: expired on {yesterday}", done.stdout)
    assert re.search(r"gate: red, [1-9]", done.stdout), "its cells are unexpected again"


@pytest.mark.parametrize(("keys", "green"), [({"since": "3"}, True), ({"since": "99"}, False), ({"before": "99"}, True), ({"before": "3"}, False)])
def test_an_entry_counts_for_its_range_of_versions_alone(accepted, keys, green):
    old = next(entry for entry in entries(accepted) if 'stack   = "gnutls"' in entry)
    ranged = re.sub(r'since   = ".+"\n', "", old) + "".join(f'{key} = "{value}"\n' for key, value in keys.items())
    accepted.known.write_text(accepted.known.read_text().replace(old, ranged))
    done = accepted("--known", accepted.known, check=0 if green else 1)
    assert green or clause_of(old) in done.stdout


def test_what_fails_can_be_made_stricter(accepted):
    assert "discouraged" in accepted("--known", accepted.known, "--fail-on", "discouraged", check=1).stdout
    stricter, strictest = (int(re.search(r"red, (\d+) unexpected", accepted("--known", accepted.known, "--fail-on", word, check=1).stdout)[1])
                           for word in ("discouraged", "differs"))
    assert 0 < stricter < strictest


def test_the_answer_fits_a_screen_and_the_worst_comes_first(gate):
    lines = gate(check=1).stdout.splitlines()
    assert len(lines) <= 24
    verdicts = [line.split()[0] for line in lines[1:-1]]
    assert verdicts.index("hung") < verdicts.index("violates")
    assert re.fullmatch(r"  and \d+ more", lines[-1])


def doctored(gate, change):
    report = json.loads(gate.run_file.read_text())
    change(report)
    file = gate.folder / "doctored.json"
    file.write_text(json.dumps(recounted(report)))
    return file


def test_a_run_with_fewer_cells_than_its_stacks_promise_is_red(accepted):
    def lose(report):
        report["cells"] = [c for c in report["cells"] if (c["stack"], c["role"], c["tls"]) != ("gnutls", "server", "1.3")]

    done = accepted("--known", accepted.known, run=doctored(accepted, lose), check=1)
    assert re.search(r"gnutls \S+ as server, TLS 1\.3: \d+ cells are missing", done.stdout), done.stdout


def test_a_run_that_came_to_nothing_in_a_promised_role_and_version_is_red(accepted):
    def lose(report):
        for cell in report["cells"]:
            if (cell["stack"], cell["role"], cell["tls"]) == ("openssl", "client", "1.2"):
                cell.update(verdict="not-reached", scenario="", replay="", says="", evidence=[])

    done = accepted("--known", accepted.known, run=doctored(accepted, lose), check=1)
    assert re.search(r"openssl \S+ says that it can be client of TLS 1\.2", done.stdout), done.stdout


@pytest.mark.parametrize(("key", "value"), [("complete", False), ("problems", ["wolfssl: no such program"])])
def test_a_run_with_a_fault_of_its_own_is_red(accepted, key, value):
    done = accepted("--known", accepted.known, run=doctored(accepted, lambda report: report.update({key: value})), check=1)
    assert ("not completed" if key == "complete" else value[0]) in done.stdout


def test_a_run_of_a_part_passes_over_the_entries_for_the_rest(accepted, tlsbye):
    words = ("--stack", "gnutls", "--role", "client", "--tls", "1.3", "--clause", "rfc9846/*")
    done = tlsbye("run", *words, "--gate", "--known", accepted.known, check=0)
    assert "gate: green" in done.stdout

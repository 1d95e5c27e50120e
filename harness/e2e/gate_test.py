"""`tlsbye gate`: what fails a CI, and what it says about it. All of it is asked of one run file."""

import datetime
import json
import re
import resource
import shlex
import signal
import subprocess
import textwrap
import tomllib

import pytest
from conftest import PROGRAM, Tlsbye, recounted

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


def deviations(gate):
    return [c for c in json.loads(gate.run_file.read_text())["cells"] if c["verdict"] in {"violates", "hung", "crashed"}]


def test_a_first_list_has_an_entry_for_each_deviation_and_none_has_a_reason(gate):
    gate("--update", check=0)
    told = {(c["clause"], c["stack"], c["verdict"]) for c in deviations(gate)}
    listed = [tomllib.loads(entry)["known"][0] for entry in entries(gate)]
    assert {(e["clause"], e["stack"], e["verdict"]) for e in listed} == told and len(told) > 10
    assert gate.known.read_text().count(WITHOUT_REASON) == len(listed)


def each(words):
    return words if isinstance(words, list) else [words]


def test_a_first_list_accepts_the_cells_that_were_seen_and_no_other(gate):
    gate("--update", check=0)
    listed = [tomllib.loads(entry)["known"][0] for entry in entries(gate)]
    accepted = [(e["clause"], e["stack"], role, tls, e["verdict"]) for e in listed for role in each(e["role"]) for tls in each(e["tls"])]
    assert sorted(accepted) == sorted((c["clause"], c["stack"], c["role"], c["tls"], c["verdict"]) for c in deviations(gate))
    assert any(isinstance(e["tls"], list) and isinstance(e["role"], list) for e in listed), "what agrees is folded"


def newly_broken(report):
    """Cells that conform, in a clause and on a library that have an entry for another role or TLS version."""
    excused = {(c["clause"], c["stack"]) for c in report["cells"] if c["verdict"] == "violates"}
    found = [c for c in report["cells"] if c["verdict"] == "conforms" and (c["clause"], c["stack"]) in excused]
    assert len(found) >= 3
    return found[:3]


def test_three_cells_that_are_newly_broken_do_not_pass_a_list_of_the_run_before_and_mended_they_do(accepted):
    names = []

    def break_three(report):
        for cell in newly_broken(report):
            cell["verdict"] = "violates"
            names.append(cell["clause"])

    done = accepted("--known", accepted.known, run=doctored(accepted, break_three), check=1)
    assert done.stdout.startswith("gate: red, 3 unexpected cells, 0 faults") and all(name in done.stdout for name in names)
    accepted("--known", accepted.known, check=0)


def test_update_keeps_what_is_there_adds_what_is_new_and_what_it_wrote_is_green_with_reasons(accepted):
    before = accepted.known.read_text()
    run = doctored(accepted, lambda report: [cell.update(verdict="violates") for cell in newly_broken(report)])
    done = accepted("--update", "--known", accepted.known, run=run, check=0)
    text = accepted.known.read_text()
    assert text.startswith(before) and len(entries(accepted)) > before.count("[[known]]")
    assert f"{before.count('[[known]]')} kept, {text.count(WITHOUT_REASON)} added, 0 dropped" in done.stdout
    assert "reason" in accepted("--known", accepted.known, run=run, check=2).stderr
    accepted.known.write_text(text.replace(WITHOUT_REASON, 'reason = "New."'))
    accepted("--known", accepted.known, run=run, check=0)
    again = accepted.known.read_text()
    accepted("--update", "--prune", "--known", accepted.known, run=run, check=0)
    assert accepted.known.read_text() == again


def test_prune_drops_what_is_stale_and_keeps_the_rest_with_its_reasons_and_comments(accepted):
    old = "# a remark about the whole list\n\n" + accepted.known.read_text()
    accepted.known.write_text(old)
    cell = next(c for c in json.loads(accepted.run_file.read_text())["cells"] if c["verdict"] == "conforms" and c["stack"] == "gnutls")
    with_entry(accepted, cell["clause"], role=cell["role"], tls=cell["tls"])
    with_entry(accepted, "rfc8446/no-such-clause")
    accepted("--known", accepted.known, check=1)
    assert "0 added, 2 dropped" in accepted("--prune", "--known", accepted.known, check=0).stdout
    assert accepted.known.read_text().strip() == old.strip()
    accepted("--known", accepted.known, check=0)


def test_prune_of_a_list_that_it_cannot_take_apart_says_which_lines_to_drop_and_leaves_it(accepted):
    cell = next(c for c in json.loads(accepted.run_file.read_text())["cells"] if c["verdict"] == "conforms" and c["stack"] == "gnutls")
    entry = f'{{clause = "{cell["clause"]}", stack = "gnutls", verdict = "violates", reason = "x", expires = 2999-01-01}}'
    accepted.known.write_text(f"known = [\n  {entry},\n]\n")
    done = accepted("--prune", "--known", accepted.known, check=2)
    assert "known.toml: only entries that begin with a line [[known]]" in done.stderr and "change those of line 2 by hand" in done.stderr
    assert accepted.known.read_text() == f"known = [\n  {entry},\n]\n"


NEVER = [
    ({"since": "3", "before": "2"}, "no version is at least 3 and below 2"),
    ({"before": "latest"}, '`before = "latest"` is not a version'),
    ({"since": "newest"}, '`since = "newest"` is not a version'),
    ({"stack": "gnutsl"}, "did you mean `gnutls`"),
    ({"stack": "no-such-library"}, "no library is called `no-such-library`"),
    ({"clause": "rfc8446/no-such-clause"}, "no clause has such an id"),
    ({"clause": "rfc8446/{no-such-clause,nor-this}"}, "no clause has the id `rfc8446/no-such-clause`"),
]


@pytest.mark.parametrize(("keys", "why"), NEVER, ids=[str(number) for number in range(len(NEVER))])
def test_an_entry_that_can_never_match_is_red_and_without_it_the_gate_is_green(accepted, keys, why):
    before = accepted.known.read_text()
    with_entry(accepted, **{"clause": clause_of(entries(accepted)[0]), **keys})
    line = accepted.known.read_text().rsplit("[[known]]", 1)[0].count("\n") + 1
    done = accepted("--known", accepted.known, check=1)
    assert why in done.stdout and f"known.toml:{line}: " in done.stdout
    accepted.known.write_text(before)
    accepted("--known", accepted.known, check=0)


def test_an_entry_that_is_there_twice_is_red(accepted):
    first = entries(accepted)[0]
    accepted.known.write_text(accepted.known.read_text() + "\n" + first.replace("We know.", "Another reason."))
    done = accepted("--known", accepted.known, check=1)
    assert re.search(r"it can take nothing: \S*known\.toml:1 accepts all of it already", done.stdout)


def test_an_entry_that_covers_more_than_a_tenth_of_a_librarys_cells_must_say_so(accepted):
    """Whether they fail or not: those that break next would pass."""
    before = accepted.known.read_text()
    cells = json.loads(accepted.run_file.read_text())["cells"]
    of_gnutls = sum(cell["stack"] == "gnutls" for cell in cells)
    for stack in ("gnutls", "*"):
        accepted.known.write_text("")
        with_entry(accepted, "*", stack=stack)
        everything = accepted.known.read_text()
        accepted.known.write_text(everything + before)
        done = accepted("--known", accepted.known, check=1)
        assert f"it covers {of_gnutls} of {of_gnutls} cells of gnutls 3" in done.stdout and "more than a tenth; write `broad = true`" in done.stdout
    accepted.known.write_text("")
    for stack in sorted({cell["stack"] for cell in cells}):
        for verdict in sorted({cell["verdict"] for cell in deviations(accepted) if cell["stack"] == stack}):
            with_entry(accepted, "*", stack=stack, verdict=verdict)
    listed = accepted.known.read_text()
    accepted("--known", accepted.known, check=1)
    accepted.known.write_text(listed.replace("expires =", "broad = true\nexpires ="))
    accepted("--known", accepted.known, check=0)


def mended(gate):
    """The run with a cell that conforms now, whose entry accepts others too; and that entry."""
    listed = (tomllib.loads(entry)["known"][0] for entry in entries(gate))
    it = next(it for it in listed if isinstance(it["role"], list) and isinstance(it["tls"], list))

    def mend(report):
        (cell,) = (c for c in report["cells"] if (c["clause"], c["stack"], c["role"], c["tls"]) == (it["clause"], it["stack"], "server", "1.3"))
        cell["verdict"] = "conforms"

    return doctored(gate, mend), it


def test_a_part_of_an_entry_that_takes_nothing_any_more_is_told_and_pruned(accepted):
    run, entry = mended(accepted)
    name = f"{entry['clause']} on {entry['stack']}: server 1.3"
    done = accepted("--known", accepted.known, run=run, check=0)
    assert "  one entry accepts also what does not fail any more (`tlsbye gate --prune` narrows it):\n" in done.stdout and name in done.stdout
    (idle,) = json.loads(accepted("--known", accepted.known, "--json", run=run, check=0).stdout)["idle"]
    assert idle["parts"] == ["server 1.3"]
    before = accepted.known.read_text()
    count = before.count("[[known]]")
    assert name in accepted("--known", accepted.known, "--update", run=run, check=0).stdout
    assert accepted.known.read_text() == before
    for words in (("--prune",), ("--update", "--prune")):
        accepted.known.write_text(before)
        done = accepted("--known", accepted.known, *words, run=run, check=0)
        assert f"{count} kept, 1 of them narrowed, 0 added, 0 dropped" in done.stdout and name in done.stdout
        accepted("--known", accepted.known, run=run, check=0)
        assert accepted("--known", accepted.known, check=1).stdout.startswith("gate: red, 1 unexpected cell, 0 faults"), "what breaks again is seen"


def with_disagreements(gate):
    """A run against all partners, in which a cell of gnutls depends on the partner."""

    def change(report):
        cell = next(c for c in report["cells"] if c["stack"] == "gnutls" and c["verdict"] == "conforms")
        report["selection"]["partners"] = ["all"]
        with_each = [{"partner": name, "partner_version": "1", "verdict": verdict, "replay": cell["replay"]}
                     for name, verdict in (("gnutls", "conforms"), ("openssl", "violates"))]
        report["disagreements"] = [{**{key: cell[key] for key in ("clause", "stack", "version", "role", "tls")}, "found": with_each}]

    return doctored(gate, change)


def test_entries_for_what_depends_on_the_partner_have_bounds_and_those_that_are_stale_are_pruned(accepted):
    run = with_disagreements(accepted)
    before = accepted.known.read_text()
    assert "depends on the partner" in accepted("--known", accepted.known, run=run, check=1).stdout
    dependent = '\n[[partner-dependent]]\nclause = "{clause}"\nstack = "{stack}"\nreason = "They differ."\n{more}'.format
    accepted.known.write_text(before + dependent(clause="*", stack="*", more=""))
    done = accepted("--known", accepted.known, run=run, check=1)
    assert re.search(r"\* on \*: it covers \d+ of \d+ cells of gnutls \S+, more than a tenth", done.stdout)
    broad = before + dependent(clause="*", stack="gnutls", more="broad = true\n")
    accepted.known.write_text(broad)
    accepted("--known", accepted.known, run=run, check=0)
    cell = next(c for c in json.loads(accepted.run_file.read_text())["cells"] if c["stack"] == "wolfssl")
    accepted.known.write_text(broad + dependent(clause=cell["clause"], stack="wolfssl", more=""))
    assert "none of its cells depends on the partner" in accepted("--known", accepted.known, run=run, check=1).stdout
    assert "0 added, 1 dropped" in accepted("--prune", "--known", accepted.known, run=run, check=0).stdout
    assert accepted.known.read_text().strip() == broad.strip()
    accepted("--known", accepted.known, run=run, check=0)


def test_a_list_that_was_written_says_the_command_that_judges_with_it(gate):
    told = gate("--update", check=0).stdout
    assert told.splitlines()[-1] == f"next: tlsbye gate {gate.run_file} --known known.toml"
    (gate.folder / "known.toml").write_text(gate.known.read_text().replace(WITHOUT_REASON, 'reason = "We know."'))
    subprocess.run([PROGRAM, *shlex.split(told.splitlines()[-1])[2:]], cwd=gate.folder, check=True)


def test_the_lines_of_a_list_of_another_system_end_as_they_did(accepted):
    lost = entries(accepted)[-1]
    whole = accepted.known.read_text()
    accepted.known.write_bytes(whole.replace(lost, "").replace("\n", "\r\n").encode())
    accepted("--update", "--known", accepted.known, check=0)
    text = accepted.known.read_bytes()
    assert text.count(b"\n") == text.count(b"\r\n") and clause_of(lost).encode() in text


def test_a_list_that_does_not_fit_on_the_disk_stays_as_it_was_and_that_is_no_fault_of_the_words(accepted):
    before = accepted.known.read_text()
    limit = lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)))
    for words in ("--update", "--prune"):
        done = subprocess.run([PROGRAM, "gate", accepted.run_file, words, "--known", accepted.known], capture_output=True, text=True, preexec_fn=limit)
        assert done.returncode == 3 and "known.toml: cannot be written: File too large" in done.stderr
        assert accepted.known.read_text() == before


def test_lists_and_braces_are_taken(gate, first_list):
    listed = [tomllib.loads(entry)["known"][0] for entry in ENTRY.findall(first_list)]
    nothing_follows = {e["clause"] for e in listed if e["clause"].endswith("/nothing-follows-close-notify")}
    assert len(nothing_follows) > 1
    documents = ",".join(sorted(clause.partition("/")[0] for clause in nothing_follows))
    text = "\n".join(entry for entry in ENTRY.findall(first_list) if clause_of(entry) not in nothing_follows)
    text = text.replace(WITHOUT_REASON, 'reason = "We know."')
    verdicts = {e["verdict"] for e in listed if e["clause"] in nothing_follows}
    stacks = sorted({e["stack"] for e in listed if e["clause"] in nothing_follows})
    assert verdicts == {"violates"}
    for clause in (f'"{{{documents}}}/nothing-follows-close-notify"', json.dumps(sorted(nothing_follows))):
        gate.known.write_text(text + f'\n[[known]]\nclause = {clause}\nstack = {json.dumps(stacks)}\nrole = ["client", "server"]\n'
                              'verdict = "violates"\nreason = "One fact."\nexpires = 2099-01-01\n')
        gate("--known", gate.known, check=0)


def test_the_answer_says_how_many_cells_each_entry_takes_and_how_many_were_not_asked(accepted):
    with_entry(accepted, clause_of(entries(accepted)[0]), stack="rustls")
    done = accepted("--known", accepted.known, check=0)
    count = len(deviations(accepted))
    assert re.search(rf"^  known: \d+ entries take {count} cells; 1 was not asked$", done.stdout, re.MULTILINE)
    told = json.loads(accepted("--known", accepted.known, "--json", check=0).stdout)
    assert sum(entry["cells"] for entry in told["entries"]) == count and told["entries_not_asked"] == 1
    assert told["green"] is True and told["faults"] == [] and told["unexpected"] == []
    first = re.search(r"^ +(\d+) cells?  (.+)$", done.stdout, re.MULTILINE)
    assert {"entry": first[2], "cells": int(first[1])} in told["entries"]


def test_an_entry_without_a_reason_is_refused_and_its_line_is_named(gate):
    gate("--update", check=0)
    done = gate("--known", gate.known, check=2)
    assert re.search(r"known\.toml:\d+:\d+: .*reason", done.stderr), done.stderr[:500]


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
    again = lines[verdicts.index("again:") + 1].split("again: tlsbye ")[1]
    assert verdicts.index("again:") == 1 and again.partition(" ")[2] in {cell["replay"] for cell in deviations(gate)}
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


# Runs that have a fault of their own


REFUSING = """\
    #!/usr/bin/env python3
    import socket, subprocess, threading
    outside = socket.socket(fileno=3)
    inside, childs = socket.socketpair(socket.AF_UNIX, outside.type & 0xf)
    child = subprocess.Popen(["/bin/sh", "-c", 'exec 3<&' + str(childs.fileno()) + '; exec "$0"', {peer!r}], pass_fds=[childs.fileno()])
    childs.close()
    def carry(source, target, change=lambda message: False):
        while True:
            message, fds, _, _ = socket.recv_fds(source, 1 << 20, 8)
            if not message:
                break
            if not change(message):
                socket.send_fds(target, [message], fds)
            for fd in fds:
                socket.close(fd)
        target.shutdown(socket.SHUT_WR)
    session = b""
    def intercept(message):
        global session
        if message.startswith(b"open"):
            session = message
        if not message.split(b"\\t")[0].strip() == {call!r} or {where!r} not in session:
            return False
        outside.send({answer!r})
        return True
    threading.Thread(target=carry, args=(inside, outside), daemon=True).start()
    carry(outside, inside, intercept)
    child.wait()
"""
UNSUPPORTED = b"unsupported\twhy=not here\nready\n"
FAILED = b"api\tcall=handshake\tnative=never\treturned=-1\toutcome=failed\nready\n"


@pytest.fixture
def gnutls_that(tmp_path):
    """Makes a folder of peers in which gnutls answers a request in its own way."""

    def make(call, answer, where=b""):
        folder = tmp_path / "peers"
        folder.mkdir()
        for program in (PROGRAM.parent / "peers").iterdir():
            (folder / program.name).symlink_to(program)
        mine = folder / "tlsbye-peer-gnutls"
        real = str(mine.resolve())
        mine.unlink()
        mine.write_text(textwrap.dedent(REFUSING).format(peer=real, call=call, answer=answer, where=where))
        mine.chmod(0o755)
        return folder

    return make


ALL_OF_IT = ("run", "--stack", "gnutls", "--scenario", "clean-reply/*")


@pytest.mark.parametrize("call", ["close", "close-write", "write"])
def test_a_promise_that_is_refused_whenever_it_is_asked_is_a_problem_of_the_run(gnutls_that, tlsbye, call):
    done = tlsbye(*ALL_OF_IT, "--gate", "--peers", gnutls_that(call.encode(), UNSUPPORTED), check=3)
    problem = re.search(rf"gnutls \S+ promises `{call}`, and refused it whenever it was asked, in [1-9]\d* runs", done.stderr)
    assert problem and problem[0] in tlsbye.report()["problems"]
    assert "gate: red" in done.stdout
    assert problem[0] in tlsbye("gate", "out/run.json", check=1).stdout
    tlsbye(*ALL_OF_IT, check=0)


@pytest.mark.parametrize("answer", [UNSUPPORTED, FAILED])
def test_a_role_and_version_in_which_no_handshake_succeeds_is_a_problem_of_the_run(gnutls_that, tlsbye, answer):
    peers = gnutls_that(b"handshake", answer, where=b"role=client\ttls=1.3")
    done = tlsbye(*ALL_OF_IT, "--gate", "--peers", peers, check=3)
    assert re.search(r"gnutls \S+ as client, TLS 1\.3: no handshake succeeds, in [1-9]\d* runs", done.stderr)
    assert not re.search(r"gnutls \S+ as (server|client, TLS 1\.2)\b.*no handshake succeeds", done.stderr)
    assert "gate: red" in done.stdout


def test_a_run_of_nothing_is_a_problem_of_the_run(tlsbye):
    words = ("run", "--stack", "wolfssl", "--clause", "gnutls-bye/*", "--gate")
    done = tlsbye(*words, check=3)
    assert "the run has no cells" in done.stderr and "gate: red" in done.stdout
    assert "no cells" in tlsbye("gate", "out/run.json", check=1).stdout
    tlsbye("run", "--stack", "gnutls", *words[3:5], "--scenario", "clean-reply/*", check=0)


# Lists and runs that do not belong together


@pytest.fixture(scope="module")
def swept_list(tmp_path_factory):
    """A folder with a sweep of a liar that no plain run finds out, whatever the libraries here do, and the list that was made of it."""
    program = Tlsbye(tmp_path_factory.mktemp("swept"))
    (program.folder / "peers").mkdir()
    (program.folder / "peers/tlsbye-peer-openssl").symlink_to(PROGRAM.parent / "peers/tlsbye-peer-openssl")
    (program.folder / "peers/tlsbye-peer-partial-is-failure").symlink_to(PROGRAM.parent / "rogues/tlsbye-peer-rogue")
    program("run", *SWEPT, "--sweep", check=0)
    program("gate", "out/run.json", "--update", check=0)
    known = program.folder / "known.toml"
    known.write_text(known.read_text().replace(WITHOUT_REASON, 'reason = "We know."'))
    return program


SWEPT = ("--peers", "peers", "--stack", "partial-is-failure", "--role", "client", "--tls", "1.3", "--scenario", "swept/*", "--clause", "any-stack/*")


def test_a_list_of_a_sweep_is_not_stale_in_a_run_that_is_none(swept_list):
    assert "sweep   = true" in (swept_list.folder / "known.toml").read_text()
    swept_list("gate", "out/run.json", "--known", "known.toml", check=0)
    swept_list("run", *SWEPT, "--out", "plain", check=0)
    done = swept_list("gate", "plain/run.json", "--known", "known.toml", check=0)
    assert re.search(r"known: .* [1-9]\d* (was|were) not asked", done.stdout)


@pytest.mark.parametrize("words", [("--scenario", "clean-reply/*"), ("--io", "blocking"), ("--partner", "gnutls"), ("--stack", "gnutls")])
def test_a_list_is_not_stale_in_a_narrower_run(accepted, tlsbye, words):
    stack = () if "--stack" in words else ("--stack", "gnutls")
    done = tlsbye("run", *stack, *words, "--gate", "--known", accepted.known)
    assert not re.search(r"\bstale\b", done.stdout.partition("gate: ")[2])
    assert re.search(r"\d+ were not asked", done.stdout)
    if words[0] != "--stack":
        assert words[0] in done.stdout

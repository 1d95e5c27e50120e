"""The main job: `tlsbye run`, its results, and what they promise."""

import json
import re

import jsonschema
import pytest

from conftest import PROGRAM, ROOT, SANITIZED, THREE, told_runs, verdicts, without_chance

BAD = {"violates", "crashed", "hung", "harness-error", "stale"}


def without_times(report):
    return {key: value for key, value in report.items() if key not in {"duration_s", "day"}}


# What the main job found on every stack that this machine can build


def test_the_run_ends_well_and_no_cell_is_the_harness_own_fault(whole_run):
    report = whole_run.report()
    assert report["format"] == "tlsbye-run/1"
    assert report["complete"] is True
    assert report["problems"] == []
    assert not [c for c in report["cells"] if c["verdict"] == "harness-error"]


def test_every_stack_that_was_built_is_judged_in_each_role_and_version_that_it_promises(whole_run):
    report = whole_run.report()
    assert {s["name"] for s in report["stacks"]} >= set(THREE)
    for stack in report["stacks"]:
        promised = {(role, tls) for role in ("client", "server") for tls in ("1.2", "1.3") if {role, f"tls-{tls}"} <= set(stack["abilities"])}
        columns = {(c["role"], c["tls"]) for c in report["cells"] if c["stack"] == stack["name"] and c["verdict"] == "conforms"}
        assert promised and columns >= promised, stack["name"]
        assert len(promised) == 4 or stack["name"] not in THREE


def test_the_run_file_is_valid_against_its_schema(whole_run):
    schema = json.loads((ROOT / "reports/schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(whole_run.report())


def test_a_run_file_with_a_foreign_verdict_is_not_valid(full_run):
    schema = json.loads((ROOT / "reports/schema.json").read_text())
    report = full_run.report()
    report["cells"][0]["verdict"] = "fine"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(report)


def test_every_ref_of_a_cell_is_a_row_of_the_catalogue(whole_run):
    catalogue = (ROOT / "scenarios/clauses/catalogue.toml").read_text()
    rows = set(re.findall(r'^id\s*=\s*"([^"]+)"', catalogue, re.MULTILINE))
    assert len(rows) > 400
    refs = {ref for cell in whole_run.report()["cells"] for ref in cell["ref"]}
    assert refs
    assert refs <= rows


def test_totals_count_the_cells(whole_run):
    report = whole_run.report()
    assert sum(report["totals"].values()) == len(report["cells"])
    for verdict, count in report["totals"].items():
        assert count == sum(1 for c in report["cells"] if c["verdict"] == verdict)


def test_every_cell_that_does_not_conform_names_its_run_and_its_events(whole_run):
    worse = [c for c in whole_run.report()["cells"] if c["verdict"] in BAD | {"discouraged", "differs"}]
    assert worse, "the libraries do deviate somewhere"
    for cell in worse:
        assert cell["replay"] and cell["scenario"] and cell["says"], cell
        assert any(line["decisive"] for line in cell["evidence"]), cell


def test_every_violation_is_confirmed_in_the_findings(whole_run):
    """The findings are about the versions that their chapters name. What they say of one is tried of every other, and may be mended there.
    A stack that was added may be without a chapter; those of Debian that the project began with have one."""
    text = (ROOT / "peers/FINDINGS.md").read_text()
    chapters = {part.split(None, 1)[0].lower().removesuffix("-tls"): part for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]}
    report = whole_run.report()
    assert chapters.keys() >= {"gnutls", "openssl", "wolfssl"}
    for stack in report["stacks"]:
        if stack["name"] not in chapters:
            continue
        cells = [c for c in report["cells"] if (c["stack"], c["version"]) == (stack["name"], stack["version"])]
        confirmed = {c["clause"] for c in cells if f"`{c['clause']}`" in chapters[stack["name"]]}
        line = stack["version"].split(".")[:2]
        told = re.findall(r"\d+(?:\.\d+)*", chapters[stack["name"]].partition("\n")[0])
        if any(version.split(".")[:2] == line for version in told):
            missing = {c["clause"] for c in cells if c["verdict"] in BAD} - confirmed
            assert not missing, (stack["name"], sorted(missing))
        answered = {c["clause"] for c in cells if c["verdict"] not in {"not-reached", "unsupported"}}
        assert len(confirmed) > 9 and len(confirmed & answered) > 0.9 * len(confirmed), (stack["name"], sorted(confirmed - answered))


def test_what_a_library_held_back_may_go_out_before_its_close_notify(tlsbye):
    """A KeyUpdate that was blocked has its place in the stream before the close_notify: nobody is accused of sending both."""
    tlsbye("run", "--scenario", "would-block/a-blocked-key-update-left-alone", check=0)
    cells = [c for c in tlsbye.report()["cells"] if c["scenario"]]
    assert {c["verdict"] for c in cells} >= {"conforms"}
    assert not [c for c in cells if c["verdict"] in BAD]


def test_the_findings_name_clauses_and_runs_that_exist(tlsbye):
    text = (ROOT / "peers/FINDINGS.md").read_text()
    clauses = {c["id"] for c in json.loads(tlsbye("list", "clauses", "--json", check=0).stdout)}
    scenarios = {s["id"] for s in json.loads(tlsbye("list", "scenarios", "--json", check=0).stdout)}
    named = set(re.findall(r"`([a-z0-9-]+/[a-z0-9-]+)`", text))
    runs = set(re.findall(r"`([^`:\s]+/[^`:\s]+):[a-z]+@", text))
    assert named and named <= clauses | scenarios, sorted(named - clauses - scenarios)
    assert runs and runs <= scenarios, sorted(runs - scenarios)


def test_the_matrix_fits_100_columns(whole_run):
    # Replay commands are there to be pasted: they are the one thing that is never broken into lines.
    assert len(whole_run.stdout.splitlines()) > 20
    for line in whole_run.stdout.splitlines():
        assert len(line) <= 100 or "replay" in line, line


def test_the_matrix_is_written_as_markdown(whole_run):
    text = (whole_run.folder / "out/matrix.md").read_text()
    for stack in whole_run.report()["stacks"]:
        assert stack["name"] in text


def test_no_colour_and_no_progress_in_a_pipe(whole_run):
    assert "\x1b" not in whole_run.stdout + whole_run.stderr
    assert not re.search(r"tlsbye|[0-9]%|\r", whole_run.stderr)  # a library that dies may have its last words there: "free(): invalid pointer"


def test_transcripts_of_deciding_runs_are_kept(whole_run):
    deciding = {c["replay"] for c in whole_run.report()["cells"] if c["replay"]}
    assert deciding <= set(told_runs(whole_run.folder / "out"))


def test_the_gate_says_no_because_the_libraries_do_violate_clauses(full_run, tlsbye):
    done = full_run("gate", "out/run.json", check=1)
    assert "violates" in done.stdout
    for stack, clause, code in ("gnutls", "rfc8446/success-*", 1), ("openssl", "rfc8446/a-cut-is-told", 0):
        assert "gate: " in tlsbye("run", "--stack", stack, "--clause", clause, "--scenario", "missing-reply/*", "--gate", check=code).stdout


# What a run is, whatever it finds


@pytest.mark.heavy
def test_two_runs_give_the_same_file_but_for_times(full_run, tlsbye):
    tlsbye("run", "--jobs", "1", check=0)
    assert without_times(without_chance(tlsbye.report())) == without_times(without_chance(full_run.report()))


def test_far_more_workers_than_cores_and_runs_give_the_same_file(tlsbye):
    words = ("run", "--stack", "gnutls", "--scenario", "clean-reply/*")
    tlsbye(*words, "--jobs", 1, check=0)
    alone = without_times(tlsbye.report())
    tlsbye(*words, "--jobs", 64, check=0)
    assert without_times(tlsbye.report()) == alone


@pytest.mark.heavy
def test_a_process_for_every_session_gives_the_same_verdicts(full_run, tlsbye):
    # To fork a process under AddressSanitizer costs a hundred times the run that it is for.
    words = ("run", "--scenario", "clean-reply/*", "--scenario", "missing-reply/*") if SANITIZED else ("run",)
    if SANITIZED:
        tlsbye(*words, "--out", "shared", check=0)
    shared = tlsbye.report("shared") if SANITIZED else full_run.report()
    tlsbye(*words, "--isolate", check=0)
    assert verdicts(without_chance(tlsbye.report())) == verdicts(without_chance(shared))


def test_a_forked_process_that_dies_dies_in_its_own_call_and_not_in_the_one_that_waits(tlsbye):
    (tlsbye.folder / "mine").mkdir()
    (tlsbye.folder / "mine/mine.toml").write_text(
        "[[scenario]]\nid = 'fork'\ntitle = 'A forked process asks for new keys too early'\nwhy = 'GnuTLS crashes there.'\nroles = ['server']\n"
        "versions = ['1.3']\nio = ['blocking']\nscript = \'\'\'\nsubject  set timeout 1\nsubject  close\nsubject  fork key-update\n\'\'\'\n"
    )
    tlsbye("run", "--scenarios", "mine", "--scenario", "mine/*", "--stack", "gnutls", check=0)
    says = {c["clause"]: (c["verdict"], c["says"]) for c in tlsbye.report()["cells"] if c["verdict"] in ("crashed", "hung", "violates")}
    assert says == {"any-stack/every-call-comes-back": ("crashed", "key-update crashed (SIGSEGV)")}


def test_what_a_read_has_taken_is_nothing_that_comes_while_the_close_waits(tlsbye):
    (tlsbye.folder / "mine").mkdir()
    head = "title = 'A KeyUpdate comes'\nwhy = 'A read may have taken it.'\nversions = ['1.3']\nio = ['nonblocking']\n"
    (tlsbye.folder / "mine/mine.toml").write_text(
        "".join(
            f"[[scenario]]\nid = '{name}'\n{head}script = '''\nboth handshake\npartner key-update\n{before}subject close\n'''\n"
            for name, before in (("met", ""), ("taken", "subject read\n"))
        )
    )
    reached = {}
    for name in ("met", "taken"):
        words = ("--scenario", f"mine/{name}", "--clause", "gnutls-bye/a-key-update-is-no-failure", "--stack", "gnutls", "--tls", "1.3")
        tlsbye("run", "--scenarios", "mine", *words, check=0)
        reached[name] = {c["verdict"] for c in tlsbye.report()["cells"]} - {"not-reached"}
    assert reached["met"] and not reached["taken"], reached


@pytest.mark.heavy
def test_twenty_runs_in_a_row_give_the_same_verdicts(tlsbye):
    words = ("run", "--stack", "gnutls", "--scenario", "would-block/*", "--scenario", "missing-reply/*")
    tlsbye(*words, check=0)
    first = without_times(tlsbye.report())
    for _ in range(19):
        tlsbye(*words, check=0)
        assert without_times(tlsbye.report()) == first


def test_all_partners_give_all_pairs(every_stack):
    # Each with each: one scenario is enough, since their number grows with the square of the stacks'.
    every_stack("run", "--partner", "all", "--scenario", "clean-reply/subject-closes-first", check=0)
    report = every_stack.report()
    assert "harness-error" not in {c["verdict"] for c in report["cells"]}
    stacks = {s["name"] for s in report["stacks"]}
    pairs = {(p["stack"], p["partner"]): p for p in report["pairs"]}
    assert len(stacks) >= 3 and pairs.keys() == {(one, other) for one in stacks for other in stacks}
    # In each of them runs were made, and the situations of clauses were reached.
    assert all(p["runs"] > 0 and p["totals"]["conforms"] > 0 for p in pairs.values())
    assert sum(p["runs"] for p in pairs.values()) == report["runs"]


def test_a_session_that_ended_badly_is_offered_again_whoever_the_partner_is(every_stack):
    stacks = {s["name"] for s in json.loads(every_stack("list", "stacks", "--json", check=0).stdout)}
    assert stacks
    for partner in sorted(stacks):
        every_stack("run", "--stack", "gnutls", "--partner", partner, "--role", "server", "--tls", "1.2", "--scenario", "session-*/offered-after-*")
        seen = 0
        for line in (every_stack.folder / "out/transcripts.jsonl").read_text().splitlines():
            run = json.loads(line)
            hellos = [e for e in run["events"] if e["kind"] == "record" and e["from"] == "partner" and e.get("handshake") == "ClientHello"]
            assert [e.get("offers", False) for e in hellos] == [False, True], run["replay"]
            seen += 1
        assert seen > 1, partner


def test_clauses_and_stacks_that_are_named_are_those_that_are_judged(tlsbye):
    tlsbye("run", "--stack", "gnutls", "--clause", "gnutls-bye/*", "--scenario", "clean-reply/*", check=0)
    cells = tlsbye.report()["cells"]
    assert cells and all(c["clause"].startswith("gnutls-bye/") and c["stack"] == "gnutls" for c in cells)


def test_each_sentence_of_the_manual_page_has_a_verdict_in_both_roles_and_versions(full_run):
    cells = [c for c in full_run.report()["cells"] if c["clause"].startswith("gnutls-bye/")]
    documented = {f"GNUTLS-BYE-{n:02}" for n in range(1, 23)}
    scope = (ROOT / "scenarios/clauses/out-of-scope.toml").read_text()
    for row in sorted(documented):
        columns = {(c["role"], c["tls"]) for c in cells if row in c["ref"] and c["verdict"] not in {"not-reached", "unsupported"}}
        if row not in scope:
            assert len(columns) == 4, (row, columns)


@pytest.mark.parametrize("kind", ["scenarios", "clauses", "stacks", "properties", "traits"])
def test_lists_are_the_same_in_words_and_in_json(tlsbye, kind):
    words = tlsbye("list", kind, check=0).stdout
    listed = json.loads(tlsbye("list", kind, "--json", check=0).stdout)
    items = listed["properties"] if kind == "properties" else listed
    assert items
    for item in items:
        assert str(item.get("id") or item.get("name") or item.get("trait")).split()[0] in words


def test_coverage_names_every_section_of_the_catalogue(tlsbye):
    text = tlsbye("list", "clauses", "--coverage", check=0).stdout
    catalogue = (ROOT / "scenarios/clauses/catalogue.toml").read_text()
    for section in set(re.findall(r'^section\s*=\s*"([^"]+)"', catalogue, re.MULTILINE)):
        assert section in text


def test_a_replay_tells_the_deciding_events_of_a_finding_again(full_run):
    cell = next(c for c in full_run.report()["cells"] if c["verdict"] == "violates")
    told = full_run("replay", cell["replay"], check=0).stdout
    assert cell["clause"] in told
    for line in cell["evidence"]:
        if line["decisive"]:
            words = f"{line['label']} {line['text']}"
            assert " ".join(words.split()) in " ".join(told.split()), line


def test_show_tells_of_a_clause_a_scenario_and_a_run(full_run):
    cell = next(c for c in full_run.report()["cells"] if c["verdict"] == "violates")
    clause = full_run("show", cell["clause"], check=0).stdout
    assert "cites" in clause and "tested by" in clause and cell["replay"] in clause
    assert cell["clause"] in full_run("show", cell["scenario"], check=0).stdout
    assert cell["scenario"] in full_run("show", cell["replay"], check=0).stdout


def test_a_run_does_not_differ_from_itself(full_run):
    done = full_run("diff", "out/run.json", "out/run.json", check=0)
    assert done.stdout.strip() == "nothing changed"


@pytest.mark.heavy
def test_selftest_catches_every_property_and_every_clause(tlsbye):
    done = tlsbye("selftest", check=0)
    assert "every check can fail" in done.stdout
    assert "NOT PROVEN" not in done.stdout and "NO LIAR" not in done.stdout


def test_the_program_is_the_one_that_was_built():
    assert PROGRAM.exists()

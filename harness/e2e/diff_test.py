"""Two runs compared: a run file against one that was edited, as an upgrade would change it."""

import json

import jsonschema
import pytest

from conftest import ROOT

TOTALS = ("broken", "gone", "behaviour", "otherwise", "fixed", "added")


@pytest.fixture
def edited(full_run, tmp_path):
    """Writes the full run after a change to it, and gives both files."""

    def edit(change):
        report = full_run.report()
        change(report)
        for word in report["totals"]:
            report["totals"][word] = sum(cell["verdict"] == word for cell in report["cells"])
        (tmp_path / "new.json").write_text(json.dumps(report))
        return full_run.folder / "out/run.json", tmp_path / "new.json"

    return edit


def cell_of(report, **wanted):
    return next(cell for cell in report["cells"] if all(cell[name] == value for name, value in wanted.items()))


def told(tlsbye, files, *words, check):
    changes = json.loads(tlsbye("diff", *files, "--json", *words, check=check).stdout)
    schema = json.loads((ROOT / "reports/diff.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(changes)
    assert changes["totals"] == {word: sum(cell["change"] == word for cell in changes["cells"]) for word in TOTALS}
    return changes


def new_version(report, name, version):
    for it in [*report["stacks"], *report["cells"], *report["traits"], *report["pairs"]]:
        if it.get("stack", it.get("name")) == name:
            it["version"] = version
            if "id" in it:
                it["id"] = f"{name} {version}"


def test_a_run_against_itself_has_nothing_to_tell(full_run, edited):
    files = edited(lambda report: None)
    assert full_run("diff", *files, check=0).stdout == "nothing changed\n"
    assert told(full_run, files, "--fail-on", "changed", check=0) == {"format": "tlsbye-diff/1", "made": [], "stacks": [], "abilities": [], "cells": [], "traits": [], "totals": dict.fromkeys(TOTALS, 0)}


def test_a_verdict_that_is_worse_after_an_upgrade_is_named_and_fails(full_run, edited):
    def change(report):
        new_version(report, "gnutls", "99.1")
        cell_of(report, stack="gnutls", verdict="conforms", tls="1.3").update(verdict="violates", says="it broke")

    files = edited(change)
    old = next(stack["version"] for stack in json.loads(files[0].read_text())["stacks"] if stack["name"] == "gnutls")
    text = full_run("diff", *files, check=1).stdout
    assert f"gnutls {old} -> 99.1" in text and "conforms -> violates" in text and "it broke" in text
    changes = told(full_run, files, check=1)
    assert [(stack["name"], stack["old"]["version"], stack["new"]["version"]) for stack in changes["stacks"]] == [("gnutls", old, "99.1")]
    assert [(cell["change"], cell["new"]["says"]) for cell in changes["cells"]] == [("broken", "it broke")]
    assert "conforms -\\> violates" in full_run("diff", *files, "--markdown", check=1).stdout


def test_a_run_file_of_others_does_not_reach_the_terminal(full_run, edited):
    files = edited(lambda report: cell_of(report, stack="gnutls", verdict="conforms", tls="1.3").update(verdict="violates", says="a\x1b[2Jb\r\u202ec"))
    for words in ((), ("--markdown",), ("--json",)):
        text = full_run("diff", *files, *words, check=1).stdout
        assert not set(text) & set("\x1b\r\u202e")
    assert r"a\x1b[2Jb\x0d\xe2\x80\xaec" in full_run("diff", *files, check=1).stdout


def test_an_interrupted_run_has_broken_nothing_that_it_did_not_show(full_run, edited):
    def change(report):
        report["complete"] = False
        for cell in report["cells"]:
            if cell["stack"] == "gnutls":
                cell.update(verdict="not-reached", scenario="", replay="", says="", evidence=[])
                cell.pop("was", None), cell.pop("reason", None)
        report["traits"] = [answer for answer in report["traits"] if answer["stack"] != "gnutls"]

    files = edited(change)
    assert "the new run was interrupted: what it did not show does not count as a change" in full_run("diff", *files, check=0).stdout
    changes = told(full_run, files, check=0)
    assert {cell["change"] for cell in changes["cells"]} == {"otherwise"}


def test_a_cell_that_is_gone_fails_and_one_that_is_new_does_not(full_run, edited):
    old, new = edited(lambda report: report["cells"].remove(cell_of(report, verdict="conforms")))
    assert told(full_run, (old, new), check=1)["totals"]["gone"] == 1
    assert told(full_run, (new, old), check=0)["totals"]["added"] == 1
    told(full_run, (new, old), "--fail-on", "changed", check=1)


def test_a_cell_is_no_loss_where_it_had_proved_nothing_or_its_clause_is_not_for_the_new_version(full_run, edited):
    outgrown = "openssl-get-error/a-cut-is-a-protocol-error"  # since 3.0

    def change(report, version="1.1.1w"):
        new_version(report, "openssl", version)
        report["cells"] = [cell for cell in report["cells"] if cell["clause"] != outgrown]
        report["cells"].remove(cell_of(report, verdict="not-reached"))

    files = edited(change)
    cells = [cell for cell in json.loads(files[0].read_text())["cells"] if cell["clause"] == outgrown]
    changes = told(full_run, files, check=0)
    assert len(cells) > 0 and changes["totals"]["otherwise"] == len(cells) + 1 and changes["totals"]["gone"] == 0
    told(full_run, files, "--fail-on", "changed", check=1)
    assert told(full_run, edited(lambda report: change(report, "3.9.9")), check=1)["totals"]["gone"] == len(cells)


def test_a_verdict_that_rests_on_something_else_is_told_and_fails_only_where_asked(full_run, edited):
    files = edited(lambda report: cell_of(report, verdict="conforms").update(says="another"))
    assert told(full_run, files, check=0)["totals"]["behaviour"] == 1
    told(full_run, files, "--fail-on", "changed", check=1)


def test_another_deciding_scenario_is_no_change(full_run, edited):
    files = edited(lambda report: cell_of(report, verdict="conforms").update(scenario="another/scenario", evidence=[]))
    assert full_run("diff", *files, "--fail-on", "changed", check=0).stdout == "nothing changed\n"


def test_a_version_of_tls_that_a_library_lost_is_one_line_and_fails_only_where_asked(full_run, edited):
    def change(report):
        new_version(report, "gnutls", "99.1")
        stack = next(stack for stack in report["stacks"] if stack["name"] == "gnutls")
        stack["abilities"].remove("tls-1.1")
        for key in ("cells", "traits"):
            report[key] = [it for it in report[key] if (it["stack"], it["tls"]) != ("gnutls", "1.1")]

    files = edited(change)
    (ability,) = told(full_run, files, check=0)["abilities"]
    assert (ability["ability"], ability["change"], ability["cells"] > 0, ability["answers"] > 0) == ("tls-1.1", "lost", True, True)
    told(full_run, files, "--fail-on", "changed", check=1)
    assert "cannot tls-1.1 any more" in full_run("diff", *files, check=0).stdout


def test_a_trait_and_a_better_verdict_fail_only_where_asked(full_run, edited):
    changed = []

    def change(report):
        trait = next(it for it in report["traits"] if it["answer"] in ("yes", "no"))
        trait["answer"] = {"yes": "no", "no": "yes"}[trait["answer"]]
        changed.append(trait["trait"])
        cell_of(report, verdict="violates").update(verdict="conforms")

    files = edited(change)
    changes = told(full_run, files, check=0)
    assert changes["totals"]["fixed"] == 1 and len(changes["traits"]) == 1
    assert changed[0] in full_run("diff", *files, "--fail-on", "changed", check=1).stdout


def test_a_library_without_a_counterpart_is_named_with_its_cells(full_run, edited):
    def change(report):
        report["stacks"] = [stack for stack in report["stacks"] if stack["name"] != "wolfssl"]
        for key in ("cells", "traits"):
            report[key] = [it for it in report[key] if it["stack"] != "wolfssl"]

    files = edited(change)
    gone = next(stack["id"] for stack in json.loads(files[0].read_text())["stacks"] if stack["name"] == "wolfssl")
    text = full_run("diff", *files, check=1).stdout
    assert f"{gone} is gone" in text and f"{gone}  all of its cells" in text
    (stack,) = told(full_run, files, check=1)["stacks"]
    assert stack["name"] == "wolfssl" and stack["old"]["version"] == gone.split(" ")[1] and "new" not in stack


def test_a_screenful_is_enough_unless_all_is_asked_for(full_run, edited):
    def change(report):
        for cell in report["cells"]:
            if cell["stack"] == "openssl" and cell["verdict"] == "conforms":
                cell["verdict"] = "violates"

    files = edited(change)
    text = full_run("diff", *files, check=1).stdout
    assert len(text.splitlines()) <= 24 and "--all tells them" in text
    assert len(full_run("diff", *files, "--all", check=1).stdout.splitlines()) > 100
    assert len(full_run("diff", *files, "--markdown", check=1).stdout) < 60_000


def test_a_file_that_is_no_run_and_words_that_exclude_each_other_are_refused(full_run, edited, tmp_path):
    old, _ = edited(lambda report: None)
    (tmp_path / "bad.json").write_text("{}")
    assert "bad.json" in full_run("diff", old, tmp_path / "bad.json", check=2).stderr
    assert "missing.json" in full_run("diff", tmp_path / "missing.json", old, check=2).stderr
    full_run("diff", old, old, "--json", "--markdown", check=2)
    full_run("diff", old, old, "--fail-on", "sometimes", check=2)


def of_gnutls_alone(report):
    report["selection"]["stacks"] = ["gnutls"]
    for key in ("stacks", "cells", "traits", "pairs"):
        report[key] = [it for it in report[key] if it.get("stack", it.get("name")) == "gnutls"]


def test_what_one_of_two_runs_was_not_asked_for_is_no_loss_and_no_news(full_run, edited):
    old, new = edited(of_gnutls_alone)
    others = sum(cell["stack"] != "gnutls" for cell in full_run.report()["cells"])
    for files, made in (((old, new), "stacks: all -> gnutls"), ((new, old), "stacks: gnutls -> all")):
        changes = told(full_run, files, check=0)
        assert changes["made"] == [made] and changes["stacks"] == [] and changes["traits"] == []
        assert changes["totals"] == {**dict.fromkeys(TOTALS, 0), "otherwise": others}
        assert made in full_run("diff", *files, check=0).stdout


def test_a_library_that_was_asked_for_and_is_not_there_any_more_is_gone(full_run, edited):
    def lose(report):
        of_gnutls_alone(report)
        report["selection"]["stacks"] = ["gnutls", "openssl"]

    changes = told(full_run, edited(lose), check=1)
    openssl = sum(cell["stack"] == "openssl" for cell in full_run.report()["cells"])
    assert changes["totals"]["gone"] == openssl and [it["name"] for it in changes["stacks"]] == ["openssl"]

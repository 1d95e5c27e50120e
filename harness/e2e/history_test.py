"""Several versions of one library, run against copies of the system's that say another version, and their history."""

import json

import jsonschema
import pytest
from conftest import ROOT, recounted
from library_test import copied, renamed, stacks


@pytest.fixture
def versions(tlsbye, tmp_path):
    """One run of three versions of GnuTLS, oldest last; gives them oldest first."""
    system = stacks(tlsbye)["gnutls"]
    words = []
    for version in ["3.9.1", "3.0.1"]:
        copied(system["library"], tmp_path / version, renamed(system["version"], version))
        words += ["--lib", f"gnutls={tmp_path / version}"]
    copied(system["library"], tmp_path / "same")
    words += ["--lib", f"gnutls={tmp_path / 'same'}"]
    tlsbye("run", "--stack", "gnutls", "--partner", "openssl", "--scenario", "clean-reply/*", *words, check=0)
    return ["3.0.1", system["version"], "3.9.1"]


def told(tlsbye, *words):
    history = json.loads(tlsbye("history", *words, "--json", check=0).stdout)
    schema = json.loads((ROOT / "reports/history.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(history)
    return history


def test_what_changed_from_version_to_version_is_told(tlsbye, versions):
    first, middle, last = versions
    assert f"nothing changed from {first} to {last}" in tlsbye("history", "out/run.json", check=0).stdout
    report = tlsbye.report()
    cell = next(it for it in report["cells"] if it["verdict"] == "conforms" and it["version"] == middle and it["tls"] == "1.3")
    for other in report["cells"]:
        if [other[key] for key in ("clause", "role", "tls")] == [cell[key] for key in ("clause", "role", "tls")] and other["version"] != first:
            other.update(verdict="violates", says="it broke")
    (tlsbye.folder / "out/run.json").write_text(json.dumps(recounted(report)))
    text = tlsbye("history", "out/run.json", check=0).stdout
    assert f"{middle}: {cell['clause']}  conforms {first}, violates {middle}-{last}  ({cell['role']} 1.3)" in text
    assert f"conforms {first}, violates {middle}-{last}" in tlsbye("history", "out/run.json", "--markdown", check=0).stdout
    (library,) = told(tlsbye, "out/run.json", "--clause", cell["clause"])["libraries"]
    assert [build["version"] for build in library["builds"]] == versions and library["traits"] == []
    (changed,) = [story for story in library["clauses"] if story["change"] != "none"]
    assert (changed["clause"], changed["change"], changed["since"], changed["not_before"]) == (cell["clause"], "broken", middle, middle)
    assert [(span["from"], span["to"], span["verdict"]) for span in changed["spans"]] == [(first, first, "conforms"), (middle, last, "violates")]


def test_the_history_of_a_full_run_is_what_its_schema_says(full_run):
    there = sorted(stack["name"] for stack in full_run.report()["stacks"])
    assert [library["stack"] for library in told(full_run, "out/run.json")["libraries"]] == there


def test_words_that_name_nothing_and_files_that_are_no_run_are_refused(full_run, tmp_path):
    (tmp_path / "bad.json").write_text("{}")
    assert "bad.json" in full_run("history", tmp_path / "bad.json", check=2).stderr
    assert "no library of these runs matches `gnutsl`" in full_run("history", "out/run.json", "--stack", "gnutsl", check=2).stderr
    assert "no clause or trait of these runs matches `x/*`" in full_run("history", "out/run.json", "--clause", "x/*", check=2).stderr
    full_run("history", check=2)
    full_run("history", "out/run.json", "--json", "--markdown", check=2)

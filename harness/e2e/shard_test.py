"""A run in parts, and the parts as one: nothing but times may differ from the run that was made at once."""

import json
import shutil

import jsonschema
import pytest
from conftest import ROOT, Tlsbye

# Of scenarios in which no library answers by chance (conftest.BY_CHANCE).
WORDS = ("run", "--scenario", "{clean-reply,half-close}/*", "--clause", "{rfc8446,gnutls-bye,openssl-read}/*")


@pytest.fixture(scope="module")
def at_once(tmp_path_factory):
    program = Tlsbye(tmp_path_factory.mktemp("shards"))
    program(*WORDS, check=0)
    for of in (2, 5):
        for number in range(1, of + 1):
            program(*WORDS, "--shard", f"{number}/{of}", "--out", f"{number}-of-{of}", check=0)
    return program


def parts(of):
    return [f"{number}-of-{of}/run.json" for number in range(1, of + 1)]


def without_times(folder):
    """The run file and the reports that are made of it alone. Transcripts hold what is random in a handshake."""
    seconds = json.loads((folder / "run.json").read_text())["duration_s"]
    names = ("run.json", "matrix.md", "closing-safely.md", "junit.xml", "results.sarif")
    return {name: (folder / name).read_text().replace(f'"duration_s": {seconds}', "").replace(f'time="{seconds:.3f}"', "") for name in names}


def all_files(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("of, order", [(2, [1, 0]), (5, [3, 0, 4, 2, 1])])
def test_parts_in_any_number_and_order_are_the_run_that_was_made_at_once(at_once, of, order):
    files, folder = parts(of), at_once.folder
    at_once("merge", *[files[place] for place in order], "--out", f"merged-{of}", check=0)
    merged, wanted = without_times(folder / f"merged-{of}"), without_times(folder / "out")
    assert [name for name in wanted if merged[name] != wanted[name]] == []
    at_once("merge", *files, "--out", f"again-{of}", check=0)
    assert all_files(folder / f"merged-{of}") == all_files(folder / f"again-{of}")


def test_the_files_of_single_runs_are_those_of_the_parts(at_once):
    folder = at_once.folder
    at_once("merge", *parts(2), "--out", "merged", check=0)
    for name in ("transcripts", "captures"):
        of_parts = {**all_files(folder / "1-of-2" / name), **all_files(folder / "2-of-2" / name)}
        assert of_parts and all_files(folder / "merged" / name) == of_parts
    lines = [line for part in (1, 2) for line in (folder / f"{part}-of-2/transcripts.jsonl").read_text().splitlines()]
    assert sorted((folder / "merged/transcripts.jsonl").read_text().splitlines()) == sorted(lines)
    assert len((folder / "merged/matrix.html").read_text()) > 10_000


def test_each_part_has_cells_of_its_own_and_is_what_the_schema_says(at_once):
    schema = json.loads((ROOT / "reports/schema.json").read_text())
    reports = [json.loads((at_once.folder / file).read_text()) for file in parts(5)]
    for report in reports:
        jsonschema.Draft202012Validator(schema).validate(report)
        assert report["cells"] and report["runs"] > 0
    columns = [{(c["stack"], c["role"], c["tls"]) for c in report["cells"]} for report in reports]
    assert sum(map(len, columns)) == len(set().union(*columns))
    assert max(report["runs"] for report in reports) < 2 * min(report["runs"] for report in reports)


def test_what_does_not_fit_together_is_refused_and_a_part_is_not_gated(at_once):
    assert "part 2/2 is missing" in at_once("merge", "1-of-2/run.json", "--out", "x", check=2).stderr
    assert "is a part of 5" in at_once("merge", "1-of-2/run.json", "1-of-5/run.json", "--out", "x", check=2).stderr
    assert "both part 1/2" in at_once("merge", "1-of-2/run.json", "1-of-2/run.json", "--out", "x", check=2).stderr
    assert "choose another with --out" in at_once("merge", *parts(2), "--out", "1-of-2", check=2).stderr
    assert "is part 1/2 of a run" in at_once("gate", "1-of-2/run.json", check=2).stderr
    assert not (at_once.folder / "x").exists()
    for word in ("0/2", "3/2", "2", "1/2/3", "a/b", "-1/2"):
        assert "K/N" in at_once(*WORDS, "--shard", word, check=2).stderr
    at_once(*WORDS, "--shard", "1/2", "--gate", check=2)


def test_runs_of_different_libraries_are_one_run(at_once, tmp_path):
    wanted = at_once.report()
    names = [stack["name"] for stack in wanted["stacks"]]
    assert set(names) >= {"gnutls", "openssl", "wolfssl"}
    for name in names:
        at_once(*WORDS, "--stack", name, "--out", name, check=0)
    at_once("merge", *(f"{name}/run.json" for name in reversed(names)), "--out", "machines", check=0)
    merged = at_once.report("machines")
    assert [stack["name"] for stack in merged["stacks"]] == names
    assert merged["totals"] == wanted["totals"] and merged["cells"] == wanted["cells"] and merged["traits"] == wanted["traits"]
    shutil.rmtree(at_once.folder / "machines")

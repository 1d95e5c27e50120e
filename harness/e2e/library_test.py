"""--lib: a peer run against a library built elsewhere, and what the reports say was really loaded."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest
from conftest import PROGRAM

NAMES = ["gnutls", "openssl", "wolfssl"]


def stacks(tlsbye, *words):
    listed = tlsbye("list", "stacks", "--json", *words, check=0)
    return {stack["name"]: stack for stack in json.loads(listed.stdout)}


def build_id(file):
    notes = subprocess.run(["readelf", "-n", file], capture_output=True, text=True, check=True).stdout
    found = re.search(r"Build ID: ([0-9a-f]+)", notes)
    return found[1] if found else ""  # Debian 13's wolfSSL has none


def soname(file):
    dynamic = subprocess.run(["readelf", "-d", file], capture_output=True, text=True, check=True).stdout
    return re.search(r"SONAME.*\[(.*)\]", dynamic).group(1)


def copied(library, folder, change=lambda content: content):
    """A prefix that holds a copy of the system's library, as an installation has it."""
    library = pathlib.Path(library)
    (folder / "lib").mkdir(parents=True)
    copy = folder / "lib" / library.name
    copy.write_bytes(change(library.read_bytes()))
    shutil.copymode(library, copy)
    if soname(library) != library.name:
        (folder / "lib" / soname(library)).symlink_to(library.name)
    return copy


def renamed(version, to):
    """The same library by another version: it says its version itself, and that is in its bytes. Nothing behind them may move."""
    assert len(to) <= len(version)

    def change(content):
        assert content.count(version.encode() + b"\0") > 0
        return content.replace(version.encode() + b"\0", to.encode().ljust(len(version) + 1, b"\0"))

    return change


@pytest.mark.parametrize("name", NAMES)
def test_the_file_that_was_loaded_is_told_with_its_build_id(tlsbye, name):
    stack = stacks(tlsbye)[name]
    assert pathlib.Path(stack["library"]).is_file()
    assert stack["build_id"] == build_id(stack["library"])


@pytest.mark.parametrize("name", NAMES)
def test_a_library_below_the_prefix_is_the_one_that_is_run(tlsbye, tmp_path, name):
    before = stacks(tlsbye)
    copy = copied(before[name]["library"], tmp_path / "prefix")
    after = stacks(tlsbye, "--lib", f"{name}={tmp_path / 'prefix'}")
    assert after[name]["library"] == str(copy)
    assert after[name]["version"] == before[name]["version"]
    others = [other for other in NAMES if other != name]
    assert [after[other] for other in others] == [before[other] for other in others]


def test_a_run_says_which_file_was_judged_and_a_diff_names_what_is_another(tlsbye, tmp_path):
    words = ("run", "--stack", "gnutls", "--partner", "gnutls", "--scenario", "clean-reply/subject-closes-first", "--tls", "1.3")
    tlsbye(*words, "--out", "old", check=0)
    system = stacks(tlsbye)["gnutls"]
    copy = copied(system["library"], tmp_path / "prefix", renamed(system["version"], "3.9.1"))
    tlsbye(*words, "--out", "new", "--lib", f"gnutls={tmp_path / 'prefix'}", check=0)
    (judged,) = tlsbye.report("new")["stacks"]
    assert (judged["version"], judged["library"], judged["build_id"]) == ("3.9.1", str(copy), system["build_id"])
    told = tlsbye("diff", "old/run.json", "new/run.json", check=0).stdout
    assert f"gnutls {system['version']} -> 3.9.1" in told
    assert f"{system['library']} (build id {system['build_id']}) -> {copy}" in told


def test_two_builds_of_one_library_can_be_judged_in_one_run(tlsbye, tmp_path):
    system = stacks(tlsbye)["gnutls"]
    copied(system["library"], tmp_path / "a")
    copied(system["library"], tmp_path / "b", renamed(system["version"], "3.9.1"))
    tlsbye(
        "run", "--stack", "gnutls", "--partner", "openssl", "--scenario", "clean-reply/subject-closes-first",
        "--lib", f"gnutls={tmp_path / 'a'}", "--lib", f"gnutls={tmp_path / 'b'}", check=0,
    )  # fmt: skip
    assert [stack["id"] for stack in tlsbye.report()["stacks"]] == [f"gnutls {system['version']}", "gnutls 3.9.1"]
    tried = {cell["version"] for cell in tlsbye.report()["cells"] if cell["replay"]}
    assert tried == {system["version"], "3.9.1"}


def test_a_replay_is_made_against_the_library_that_is_named(tlsbye, tmp_path):
    system = stacks(tlsbye)["gnutls"]
    copied(system["library"], tmp_path / "prefix", renamed(system["version"], "3.9.1"))
    words = ("--stack", "gnutls", "--scenario", "clean-reply/subject-closes-first", "--lib", f"gnutls={tmp_path / 'prefix'}")
    tlsbye("run", *words, check=0)
    replay = next(cell["replay"] for cell in tlsbye.report()["cells"] if cell["replay"])
    there = tlsbye("replay", replay, "--lib", f"gnutls={tmp_path / 'prefix'}", check=0)
    assert there.stderr == ""
    elsewhere = tlsbye("replay", replay, check=0)
    assert "the id was made with gnutls 3.9.1" in elsewhere.stderr


def refused(tlsbye, *libraries):
    words = [word for library in libraries for word in ("--lib", library)]
    return tlsbye("run", *words, "--scenario", "clean-reply/subject-closes-first", check=2).stderr


def test_a_prefix_without_the_library_is_refused_and_not_passed_over(tlsbye, tmp_path):
    system = stacks(tlsbye)["openssl"]["library"]
    assert f"has loaded {system} all the same" in refused(tlsbye, f"openssl={tmp_path}")
    assert not (tmp_path / "out").exists()


def test_a_library_that_does_not_load_is_refused(tlsbye, tmp_path):
    copied(stacks(tlsbye)["openssl"]["library"], tmp_path / "prefix", lambda content: content[:4096])
    assert "the peer does not run against what is there" in refused(tlsbye, f"openssl={tmp_path / 'prefix'}")


def test_words_that_name_no_library_are_refused(tlsbye, tmp_path):
    assert "there is no peer for `opensll`" in refused(tlsbye, f"opensll={tmp_path}")
    assert "No such file or directory" in refused(tlsbye, f"openssl={tmp_path / 'nowhere'}")
    assert "is not NAME=PREFIX" in refused(tlsbye, "openssl")


def test_the_same_version_twice_is_refused(tlsbye, tmp_path):
    library = stacks(tlsbye)["gnutls"]["library"]
    copied(library, tmp_path / "a")
    copied(library, tmp_path / "b")
    assert "is there twice" in refused(tlsbye, f"gnutls={tmp_path / 'a'}", f"gnutls={tmp_path / 'b'}")


def test_an_adapter_without_its_library_is_named_where_somebody_looks_for_it(tlsbye, tmp_path):
    peers = tmp_path / "peers"
    shutil.copytree(PROGRAM.parent / "peers", peers)
    (peers / "left-out").write_text("mytls libmytls-dev\n")
    listed = tlsbye("list", "stacks", "--peers", peers, check=0)
    assert "mytls      not built: its adapter is there, its library was not (Debian: libmytls-dev)\n" in listed.stdout
    json.loads(tlsbye("list", "stacks", "--peers", peers, "--json", check=0).stdout)
    for option in ("--stack", "--partner"):
        assert "install it (Debian: libmytls-dev)" in tlsbye("run", option, "mytls", "--peers", peers, check=2).stderr


def test_an_adapter_that_the_build_was_told_to_leave_out_is_named_too_and_one_that_was_obtained_is_not(tlsbye, tmp_path):
    peers = tmp_path / "peers"
    shutil.copytree(PROGRAM.parent / "peers", peers)
    (peers / "left-out").write_text("mytls TLSBYE_WITH_MYTLS=OFF\ngnutls gnutls@crate\n")
    listed = tlsbye("list", "stacks", "--peers", peers, check=0).stdout
    assert "mytls      not built: the build was told to leave it out (TLSBYE_WITH_MYTLS=OFF)\n" in listed and listed.count("not built") == 1
    refusal = tlsbye("run", "--stack", "mytls", "--peers", peers, check=2).stderr
    assert refusal == "tlsbye: mytls: the build was told to leave it out (TLSBYE_WITH_MYTLS=OFF)\n"

"""Names: whatever libraries, their versions and files of scenarios are called, each run can be named, found and made again; and of the
files in a folder of results those alone are taken away that a run has put there."""

import html
import json
import os
import re
import subprocess
import textwrap

import pytest

from conftest import PATIENCE, PROGRAM

PEERS = PROGRAM.parent / "peers"
REFUSED_BY_STORES = set(':*?<>|"\\\r\n')

# Stands between the harness and a real peer, and changes who that says it is.
RENAMED = """\
    #!/usr/bin/env python3
    import socket, subprocess, threading
    outside = socket.socket(fileno=3)
    inside, childs = socket.socketpair(socket.AF_UNIX, outside.type & 0xf)
    child = subprocess.Popen(["/bin/sh", "-c", 'exec 3<&' + str(childs.fileno()) + '; exec "$0"', {peer!r}], pass_fds=[childs.fileno()])
    childs.close()
    def carry(source, target, change=lambda message: message):
        while True:
            message, fds, _, _ = socket.recv_fds(source, 1 << 20, 8)
            if not message:
                break
            socket.send_fds(target, [change(message)], fds)
            for fd in fds:
                socket.close(fd)
            change = lambda message: message
        target.shutdown(socket.SHUT_WR)
    back = threading.Thread(target=carry, args=(inside, outside, lambda hello: hello.replace({old!r}, {new!r}, 1)))
    back.start()
    carry(outside, inside)
    back.join()
"""


@pytest.fixture
def renamed(tlsbye, tmp_path):
    """Makes a folder of peers in which gnutls says that it has another version."""
    version = next(it["version"] for it in json.loads(tlsbye("list", "stacks", "--json", check=0).stdout) if it["name"] == "gnutls")

    def make(new):
        folder = tmp_path / "peers"
        folder.mkdir()
        for program in PEERS.iterdir():
            (folder / program.name).symlink_to(program)
        mine = folder / "tlsbye-peer-gnutls"
        mine.unlink()
        old = f"version={version}".encode()
        mine.write_text(textwrap.dedent(RENAMED).format(peer=str(PEERS / "tlsbye-peer-gnutls"), old=old, new=f"version={new}".encode()))
        mine.chmod(0o755)
        return folder

    return make


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("version", ["3.1.4+quic", "17.0.9+9", "9~rc1+dfsg-2", "9+send1", "..", "A"])
def test_a_run_of_a_version_of_any_name_can_be_shown_and_made_again(renamed, tlsbye, version):
    peers = renamed(version)
    tlsbye("run", "--stack", "gnutls", "--scenario", "clean-reply/subject-closes-first", "--io", "blocking", "--tls", "1.3", "--peers", peers, check=0)
    report = tlsbye.report()
    assert report["stacks"][0]["version"] == version
    replays = {cell["replay"] for cell in report["cells"] if cell["replay"]}
    assert len(replays) == 2
    for replay in replays:
        assert version in tlsbye("show", replay, check=0).stdout
        again = tlsbye("replay", replay, "--peers", peers, check=0)
        assert f"gnutls {version} as " in again.stdout
        assert "the id was made with" not in again.stderr


@pytest.mark.parametrize("family", ["my:family", "a+b", "a b", "-x", ".hidden", "50%", "it's", "ä", "a@b", "x" * 200])
def test_a_scenario_in_a_file_of_any_name_can_be_shown_and_made_again(tlsbye, family):
    folder = tlsbye.folder / "mine"
    folder.mkdir()
    (folder / f"{family}.toml").write_text(textwrap.dedent("""\
        [[scenario]]
        id = "plain"
        title = "Plain"
        why = "Of a file with such a name."
        script = '''
        both     handshake
        subject  close until done
        partner  read to-end
        partner  close until done
        '''
    """))
    tlsbye("run", "--stack", "gnutls", "--scenario", "*/plain", "--scenarios", "mine", "--tls", "1.3", "--io", "blocking", check=0)
    replays = {cell["replay"] for cell in tlsbye.report()["cells"] if cell["scenario"]}
    assert replays
    assert (tlsbye.folder / "out/matrix.html").exists() and files(tlsbye.folder / "out/captures")
    for replay in replays:
        assert tlsbye("show", replay, "--scenarios", "mine", check=0).stdout.startswith(replay + "\n")
        assert f"{family}/plain" in tlsbye("replay", replay, "--scenarios", "mine", check=0).stdout


def test_all_files_have_names_that_every_file_system_and_store_takes(full_run):
    names = files(full_run.folder / "out")
    assert len(names) > 200
    for name in names:
        for part in name.split("/"):
            assert not REFUSED_BY_STORES & set(part) and len(part) <= 140 and part[0] not in ".-" and part[-1] not in ". ", name
    assert len({name.lower() for name in names}) == len(names)


def test_a_run_takes_away_what_the_run_before_it_left_and_nothing_else(tlsbye):
    one, other = (("run", "--stack", "gnutls", "--scenario", scenario) for scenario in ("clean-reply/*", "missing-reply/*"))
    tlsbye(*one, check=0)
    first = files(tlsbye.folder / "out")
    mine = {".writable", "run.json.partial", "matrix.html.partial", "transcripts/notes.txt", "captures/mine.pcapng", "transcripts/clean-reply+mine.txt", "notes.md", "captures/deep/a.txt"}
    for name in mine:
        (tlsbye.folder / "out" / name).parent.mkdir(exist_ok=True)
        (tlsbye.folder / "out" / name).write_text("mine")
    tlsbye(*other, check=0)
    second = files(tlsbye.folder / "out")
    assert mine <= second
    tlsbye(*other, "--out", "fresh", check=0)
    assert second - mine == files(tlsbye.folder / "fresh")
    assert first - second, "what only the first run had is gone"


def test_a_folder_that_no_run_has_written_to_loses_nothing(tlsbye):
    theirs = {"out/transcripts/a.txt", "out/captures/a.pcapng"}
    for name in theirs:
        (tlsbye.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (tlsbye.folder / name).write_text("theirs")
    (tlsbye.folder / "out/transcripts.jsonl").write_text('{"replay":"a"}\nnot ours\n\n')
    tlsbye("run", "--stack", "gnutls", "--scenario", "clean-reply/*", check=0)
    assert all((tlsbye.folder / name).read_text() == "theirs" for name in theirs)


def test_a_printed_command_can_be_pasted_and_finds_what_the_run_had(tlsbye, tmp_path):
    scenarios, peers = tmp_path / "it's mine", tmp_path / "my $peers"
    scenarios.mkdir()
    (scenarios / "own.toml").write_text(textwrap.dedent("""\
        [[scenario]]
        id = "cut"
        title = "Cut"
        why = "A library that takes the bare end for the reply is found out."
        script = '''
        both     handshake
        subject  close until done
        wire     fin subject
        '''
    """))
    peers.mkdir()
    for program in PEERS.iterdir():
        (peers / program.name).symlink_to(program)
    words = ("--scenarios", scenarios.name, "--peers", peers, "--stack", "gnutls", "--scenario", "own/*", "--tls", "1.3", "--io", "blocking")
    told = tlsbye("run", *words, check=0).stdout
    junit = html.unescape((tmp_path / "out/junit.xml").read_text())
    tlsbye("gate", "out/run.json", "--update", check=0)
    commands = {re.search(r"tlsbye replay own/.*", text)[0] for text in (told, junit, (tmp_path / "known.toml").read_text())}
    commands.add(re.search(r"tlsbye replay 'own/.*", next((tmp_path / "out/captures").iterdir()).read_bytes().decode("latin-1"))[0])
    for command in commands:
        done = subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, env={**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0 and done.stdout.startswith("own/cut: Cut\n"), (command, done.stderr)

"""Bad input, broken peers and interruptions: one clear message, the right exit code, and nothing else lost."""

import os
import pathlib
import resource
import signal
import subprocess
import textwrap
import time

import pytest

from conftest import PROGRAM, verdicts

PEERS = PROGRAM.parent / "peers"
ROGUES = PROGRAM.parent / "rogues"
SMALL = ("--scenario", "clean-reply/*")

FAKE_PEER = """\
    #!/usr/bin/env python3
    import os, signal, socket, sys
    control = socket.socket(fileno=3)
    HELLO = b"hello\\tprotocol=2\\tstack=fake\\tversion=1.0\\tabilities=tls-1.2 tls-1.3 client server close close-write\\n"
    {body}
"""


def peers_of(pid):
    """The peers that `pid` has started, by the proc file system. (It has other children: a leak checker, for one.)"""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            name, rest = (entry / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
            fields = rest.split()
        except OSError:
            continue
        if int(fields[1]) == pid and name.startswith("tlsbye-peer"):
            found.append(int(entry.name))
    return found


@pytest.fixture
def peers(tmp_path):
    """A folder with the real peers, and a way to put a fake one beside them."""
    folder = tmp_path / "peers"
    folder.mkdir()
    for program in PEERS.iterdir():
        (folder / program.name).symlink_to(program)

    def add(body, mode=0o755):
        path = folder / "tlsbye-peer-fake"
        path.write_text(textwrap.dedent(FAKE_PEER).format(body=body))
        path.chmod(mode)
        return folder

    add.folder = folder
    return add


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--stack", "gnutsl"), "gnutls"),
        (("run", "--stack", "gnutls@9.9"), "no such stack"),
        (("run", "--partner", "nobody"), "no such stack"),
        (("run", "--scenario", "no-such/*"), "no scenario matches"),
        (("run", "--clause", "gnutls-bey/*"), "no clause matches"),
        (("run", "--tls", "1.4"), "1.2|1.3"),
        (("run", "--role", "both"), "client|server"),
        (("run", "--no-such-flag"), "no-such-flag"),
        (("run", "--jobs", "0"), "jobs"),
        (("frobnicate",), "frobnicate"),
        ((), "subcommand"),
        (("list", "libraries"), "libraries"),
        (("show", "no-such-thing"), "no-such-thing"),
        (("replay", "not-an-id"), "replay id"),
        (("replay", "clean-reply/x:gnutls@1:client:1.3:blocking:openssl@3"), "clean-reply/x"),
        (("replay", "a:b:c:d:e:f"), "role"),
        (("gate", "no-such-run.json"), "no-such-run.json"),
        (("diff", "no-such-run.json", "neither.json"), "cannot be read"),
        (("run", "--scenarios", "no-such-folder"), "no-such-folder"),
        (("run", "--known", "no-such.toml"), "no-such.toml"),
    ],
)
def test_wrong_words_are_refused_with_one_clear_message(tlsbye, words, said):
    done = tlsbye(*words)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert said in done.stderr + done.stdout
    assert not (tlsbye.folder / "out/run.json").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "tlsbye-run/2"}', '{"format": "tlsbye-run/1"}'])
def test_a_broken_run_file_is_refused_by_name(tlsbye, text):
    (tlsbye.folder / "bad.json").write_text(text)
    done = tlsbye("gate", "bad.json")
    assert done.returncode == 2
    assert "bad.json" in done.stderr


def run_of_mine(tlsbye, text, *words, check=None):
    folder = tlsbye.folder / "mine"
    folder.mkdir()
    (folder / "mine.toml").write_text(text)
    return tlsbye("run", "--scenarios", "mine", *words, check=check)


def scenario(name, script):
    return f"[[scenario]]\nid = \"{name}\"\ntitle = \"Mine.\"\nwhy = \"Because.\"\nscript = '''\n{script}'''\n"


def test_a_wrong_verb_is_shown_with_its_place_and_a_suggestion(tlsbye):
    done = run_of_mine(tlsbye, scenario("typo", "both     handshake\nsubject  clsoe until done\n"))
    assert done.returncode == 2
    assert "mine/mine.toml:7:10" in done.stderr
    assert "clsoe until done" in done.stderr and "^" in done.stderr and "`close`" in done.stderr


def test_broken_toml_is_shown_with_its_place(tlsbye):
    done = run_of_mine(tlsbye, "[[scenario]]\nid = \n")
    assert done.returncode == 2
    assert "mine.toml:2" in done.stderr


def test_an_own_scenario_is_run_beside_the_others(tlsbye):
    text = scenario("own", "both handshake\nboth close until done\n")
    run_of_mine(tlsbye, text, "--scenario", "mine/own", check=0)
    assert tlsbye.report()["runs"] > 0


@pytest.mark.parametrize("too_big", ["run.json", "transcripts.jsonl"])
def test_a_disk_that_fills_up_takes_nothing_away_that_was_measured_and_leaves_no_half_file(tlsbye, too_big):
    words = ("run", "--stack", "gnutls", "--clause", "gnutls-bye/*", *SMALL)
    tlsbye(*words, "--out", "roomy", check=0)
    room = (tlsbye.folder / "roomy" / too_big).stat().st_size // 2
    assert too_big == "run.json" or room > (tlsbye.folder / "roomy/run.json").stat().st_size

    def little_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    full = subprocess.run([PROGRAM, *words], cwd=tlsbye.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, preexec_fn=little_room)
    assert full.returncode == 2
    assert full.stderr.startswith("tlsbye: ") and f"out/{too_big}" in full.stderr
    assert "conforms" in full.stdout and "; written" not in full.stdout
    left = [file.name for file in (tlsbye.folder / "out").iterdir() if file.is_file()]
    assert left == ([] if too_big == "run.json" else ["run.json"])
    if left:
        assert tlsbye.report()["runs"] == tlsbye.report("roomy")["runs"] > 0


def test_an_output_folder_that_cannot_be_made_is_told_before_anything_is_run(tlsbye):
    (tlsbye.folder / "file").write_text("")
    done = tlsbye("run", "--out", "file/out")
    assert done.returncode == 2
    assert "file/out" in done.stderr and "--out" in done.stderr
    assert done.stdout == ""


def test_a_full_disk_is_told_and_is_no_success(tlsbye):
    (tlsbye.folder / "out").symlink_to("/dev/full")
    done = tlsbye("run", *SMALL)
    assert done.returncode == 2
    assert "out" in done.stderr


BROKEN = {
    "speaks another protocol version": ('control.send(HELLO.replace(b"protocol=2", b"protocol=99"))', "protocol version 99"),
    "prints garbage": ('control.send(bytes(range(256)))', "not a peer program"),
    "says nothing and goes": ("sys.exit(3)", "exit code 3"),
    "says nothing and stays": ("signal.pause()", "no hello"),
    "dies at once": ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_peer_program_that_is_no_peer_costs_nobody_else_a_result(tlsbye, peers, kind):
    body, said = BROKEN[kind]
    folder = peers(body)
    done = tlsbye("run", *SMALL, "--peers", folder, "--patience", 1)
    assert done.returncode == 3
    assert "tlsbye-peer-fake" in done.stderr and said in done.stderr
    report = tlsbye.report()
    assert {s["name"] for s in report["stacks"]} == {"gnutls", "openssl", "wolfssl"}
    assert any("tlsbye-peer-fake" in problem for problem in report["problems"])


def test_a_peer_program_that_cannot_be_executed_is_named(tlsbye, peers):
    folder = peers("", mode=0o644)
    done = tlsbye("run", *SMALL, "--peers", folder)
    assert done.returncode == 3
    assert "not executable" in done.stderr and tlsbye.report()["cells"]


def test_a_folder_without_peers_is_told(tlsbye):
    (tlsbye.folder / "none").mkdir()
    done = tlsbye("run", "--peers", "none")
    assert done.returncode == 3
    assert "no peer program" in done.stderr


LATE = {
    "garbage in the middle": ('control.send(b"\\x00\\xff")', {"harness-error"}),
    "no answer": ("signal.pause()", {"hung"}),
    "spinning": ("all(True for _ in iter(int, 1))", {"hung"}),
    "death": ("os.kill(os.getpid(), signal.SIGKILL)", {"crashed"}),
    "going": ("sys.exit(7)", {"crashed"}),
}


@pytest.mark.parametrize("kind", LATE)
def test_a_peer_that_fails_in_a_run_is_named_for_it_and_costs_nobody_else_a_result(tlsbye, peers, kind):
    act, verdict = LATE[kind]
    folder = peers("control.send(HELLO); control.recv(65536); " + act)
    done = tlsbye("run", "--scenario", "clean-reply/subject-closes-first", "--tls", "1.3", "--role", "client", "--io", "blocking", "--peers", folder, "--patience", 1, "--jobs", 2, timeout=600)
    assert done.returncode in (0, 3), done.stderr
    cells = tlsbye.report()["cells"]
    fake = {c["verdict"] for c in cells if c["stack"] == "fake"}
    assert fake <= {"not-reached", "unsupported"} | verdict and fake & verdict, fake
    assert not {c["verdict"] for c in cells if c["stack"] != "fake"} & {"crashed", "hung", "harness-error"}


@pytest.mark.heavy
def test_killing_peers_at_any_time_costs_at_most_the_running_cell(full_run, tlsbye):
    running = subprocess.Popen([PROGRAM, "run"], cwd=tlsbye.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    killed = 0
    deadline = time.monotonic() + 120
    while running.poll() is None and time.monotonic() < deadline:
        peers = peers_of(running.pid)
        # One alone is asked who it is: the run has not begun.
        for child in peers if len(peers) >= 2 and killed < 12 else []:
            try:
                os.kill(child, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
    out, err = running.communicate(timeout=120)
    assert killed > 0
    assert running.returncode in (0, 3), err  # 3: it was killed before it could say hello
    before, after = verdicts(full_run.report()), verdicts(tlsbye.report())
    lost = {key: verdict for key, verdict in after.items() if before[key] != verdict} if after.keys() == before.keys() else {}
    if running.returncode == 0:
        assert after.keys() == before.keys()
        # A run whose partner was killed, and again when it was made once more, shows nothing.
        assert set(lost.values()) <= {"crashed", "not-reached"} and len(lost) <= killed, lost


@pytest.mark.heavy
def test_ctrl_c_writes_what_was_judged_and_marks_it_incomplete(tlsbye):
    running = subprocess.Popen([PROGRAM, "run", "--jobs", "1", "--partner", "all"], cwd=tlsbye.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    # Peers at work: the run has begun.
    while len(peers_of(running.pid)) < 2 and time.monotonic() < deadline:
        pass
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 3
    assert "incomplete" in err
    report = tlsbye.report()
    assert report["complete"] is False
    assert tlsbye("gate", "out/run.json").returncode == 1


def test_nothing_is_left_behind(tlsbye):
    before = set(pathlib.Path("/tmp").iterdir())
    tlsbye("run", *SMALL, check=0)
    strays = [p for p in pathlib.Path("/proc").iterdir() if p.name.isdigit() and is_stray_peer(p)]
    assert strays == []
    assert {p.name for p in (tlsbye.folder / "out").iterdir()} == {
        "run.json", "transcripts.jsonl", "matrix.md", "matrix.html", "junit.xml", "results.sarif", "closing-safely.md", "captures", "transcripts"}
    assert {p for p in set(pathlib.Path("/tmp").iterdir()) - before if "tlsbye" in p.name} == set()


def is_stray_peer(process):
    """A peer whose harness is gone: its parent is process 1, or a reaper, and not a tlsbye."""
    try:
        name = (process / "comm").read_text().strip()
        parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[1]
        parent_name = pathlib.Path(f"/proc/{parent}/comm").read_text().strip()
    except OSError:
        return False
    return name.startswith("tlsbye-peer") and not parent_name.startswith("tlsbye")

"""Bad input, broken peers and interruptions: one clear message, the right exit code, and nothing else lost."""

import os
import pathlib
import resource
import signal
import subprocess
import textwrap

import pytest

from conftest import PATIENCE, PROGRAM, SANITIZED, verdicts

PEERS = PROGRAM.parent / "peers"
ROGUES = PROGRAM.parent / "rogues"
SMALL = ("--scenario", "clean-reply/*")
ONE = ("--scenario", "clean-reply/subject-closes-first", "--tls", "1.3", "--role", "client", "--io", "blocking")

FAKE_PEER = """\
    #!/usr/bin/env python3
    import os, signal, socket, sys
    control = socket.socket(fileno=3)
    HELLO = b"hello\\tprotocol=3\\tstack=fake\\tversion=1.0\\tabilities=tls-1.2 tls-1.3 client server close close-write\\n"
    {body}
"""

UNRULY = {
    "spin": "hung",
    "computes": "hung",
    "silent": "hung",
    "invents": "hung",
    "dies-at-random": "crashed",
    "garbage": "harness-error",
    "floods": "harness-error",
    "unprintable": None,
}


# Stands before the real peer, and dies with it by an operator's hand: at every 97th request of the runs, before it is handed on, behind it,
# or behind its answer. With --isolate only the process of the session dies, where there is one. `deaths` counts them.
FRAGILE_PEER = """\
    #!/usr/bin/env python3
    import os, pathlib, select, signal, socket
    REAL, NOTES = {body}
    control = socket.socket(fileno=3)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    real = os.fork()
    if real == 0:
        os.dup2(theirs.fileno(), 3)
        os.execv(REAL, [REAL])
    theirs.close()
    requests, deaths = pathlib.Path(NOTES, "requests"), pathlib.Path(NOTES, "deaths")
    count = lambda file: len(file.read_bytes()) if file.exists() else 0
    in_a_run = isolated = False
    due = None

    def die():
        with deaths.open("ab") as file:
            file.write(b"x")
        session = pathlib.Path(f"/proc/{{real}}/task/{{real}}/children").read_text().split()
        if isolated and session:
            try:
                return os.kill(int(session[0]), signal.SIGKILL)
            except ProcessLookupError:
                return None  # it had said its last word, and went
        os.kill(real, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    while True:
        for one in select.select([control, ours], [], [])[0]:
            packet, passed, _, _ = socket.recv_fds(one, 65536, 1)
            if not packet:
                ours.close()
                os.waitpid(real, 0)
                raise SystemExit
            if one is control:
                in_a_run = in_a_run or packet.startswith(b"open") and b"io=blocking" in packet or b"log=1" in packet
                isolated = isolated or b"isolate=1" in packet
                if in_a_run:
                    with requests.open("ab") as file:
                        file.write(b"x")
                    if count(requests) % 97 == 0:
                        due = count(deaths) % 3
            if due == 0:
                due = die()
            socket.send_fds(ours if one is control else control, [packet], passed)
            for number in passed:
                os.close(number)
            if due == 1 and one is control or due == 2 and one is ours:
                due = die()
"""


@pytest.fixture
def peers(tmp_path):
    """A folder with the real peers, and a way to put a fake one beside them."""
    folder = tmp_path / "peers"
    folder.mkdir()
    for program in PEERS.iterdir():
        (folder / program.name).symlink_to(program)

    def add(body, mode=0o755, name="fake", program=FAKE_PEER):
        path = folder / f"tlsbye-peer-{name}"
        path.unlink(missing_ok=True)
        path.write_text(textwrap.dedent(program).replace("stack=fake", f"stack={name}").format(body=body))
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
    words = ("run", "--stack", "gnutls", "--clause", "gnutls-bye/*", *SMALL, "--scenario", "missing-reply/*", "--scenario", "alerts/*")
    tlsbye(*words, "--out", "roomy", check=0)
    tlsbye(*words, check=0)
    room = (tlsbye.folder / "roomy" / too_big).stat().st_size // 2
    assert too_big == "run.json" or room > (tlsbye.folder / "roomy/run.json").stat().st_size

    def little_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    full = subprocess.run([PROGRAM, *words], cwd=tlsbye.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, preexec_fn=little_room)
    assert full.returncode == 3
    assert full.stderr.startswith("tlsbye: ") and f"out/{too_big}" in full.stderr
    assert "conforms" in full.stdout and "The page:" not in full.stdout
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
    "speaks another protocol version": ('control.send(HELLO.replace(b"protocol=3", b"protocol=99"))', "protocol version 99"),
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
    assert {s["name"] for s in report["stacks"]} >= {"gnutls", "openssl", "wolfssl"}
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
    "garbage in the middle": ('control.send(b"\\x00\\xff")', "harness-error"),
    "more without end": ('all(control.send(b"more\\n") for _ in iter(int, 1))', "harness-error"),
    "no answer": ("signal.pause()", "hung"),
    "spinning": ("all(True for _ in iter(int, 1))", "hung"),
    "death by itself": ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed"),
    "death from outside": ("os.kill(os.getpid(), signal.SIGKILL)", "harness-error"),
    "an operator's kill": ("os.kill(os.getpid(), signal.SIGTERM)", "harness-error"),
    "going": ("sys.exit(7)", "crashed"),
}


@pytest.mark.parametrize("kind", LATE)
def test_a_peer_that_fails_in_a_run_is_named_for_it_and_costs_nobody_else_a_result(tlsbye, peers, kind):
    act, verdict = LATE[kind]
    folder = peers("control.send(HELLO); control.recv(65536); " + act)
    done = tlsbye("run", *ONE, "--peers", folder, "--patience", 1, "--jobs", 2, timeout=PATIENCE)
    report = tlsbye.report()
    fake = {c["verdict"] for c in report["cells"] if c["stack"] == "fake"}
    assert verdict in fake and fake <= {"not-reached", "unsupported", verdict}, fake
    assert not {c["verdict"] for c in report["cells"] if c["stack"] != "fake"} & {"crashed", "hung", "harness-error"}
    # What the peer program did to the protocol, or others did to it, is a problem of the run.
    if verdict == "harness-error":
        assert done.returncode == 3 and any("fake@1.0" in problem for problem in report["problems"]), report["problems"]


@pytest.mark.parametrize("runtime", [False, True])
def test_a_runtime_that_loads_and_compiles_while_it_answers_is_not_taken_to_spin(tlsbye, peers, runtime):
    hello = 'HELLO.replace(b"close-write", b"close-write own-memory")' if runtime else "HELLO"
    folder = peers(f"""import time
control.send({hello})
while control.recv(65536):
    while time.process_time() < 1.5:
        pass
    control.send(b"unsupported\\twhy=no\\nready\\n")""")
    done = tlsbye("run", *ONE, "--stack", "fake", "--peers", folder, "--jobs", 1, timeout=PATIENCE)
    assert ("used up its CPU time" in done.stderr) is not runtime, done.stderr


# Never done with its handshake: it writes a byte, and waits again, be it for a byte of the other side.
BUSY = """control.send(HELLO)
transport = None
while True:
    request, passed, _, _ = socket.recv_fds(control, 65536, 1)
    if not request:
        sys.exit()
    word = request.split()[0]
    transport = passed[0] if passed else transport
    if word in (b"handshake", b"resume"):
        if word == b"resume" and "FLOW" == "recv":
            os.read(transport, 4096)
        os.write(transport, b"x")
        control.send(b"blocked\\ton=FLOW\\tduring=handshake\\tid=1\\n")
    else:
        control.send(b"ready\\n")"""


def test_a_call_that_writes_and_waits_without_end_is_hung_with_its_own_word(tlsbye, peers):
    done = tlsbye("run", *ONE, "--peers", peers(BUSY.replace("FLOW", "send")), "--jobs", 2)
    report = tlsbye.report()
    assert report["complete"] is True, done.stderr
    hung = [c for c in report["cells"] if c["verdict"] == "hung"]
    assert hung and {c["stack"] for c in hung} == {"fake"}
    assert any("it wrote, and had more to write, 4000 times" in c["says"] for c in hung), hung


def test_two_peers_that_keep_each_other_going_end_their_run_and_no_other(tlsbye, peers):
    folder = peers(BUSY.replace("FLOW", "recv"))
    done = tlsbye("run", *ONE, "--stack", "fake", "--stack", "gnutls", "--partner", "fake", "--peers", folder)
    report = tlsbye.report()
    assert done.returncode == 3 and report["complete"] is True, done.stderr
    assert any("the peers went on and waited again more than 20000 times" in problem for problem in report["problems"]), report["problems"]
    assert not {c["verdict"] for c in report["cells"]} & {"hung", "crashed", "violates"}


@pytest.mark.heavy
@pytest.mark.parametrize("way", [(), ("--isolate",)])
def test_peers_that_others_kill_now_and_then_cost_nothing(tlsbye, peers, way):
    # A run asks a peer for far less than 97 things: it is hit by each of the two peers once at most, and made a third time.
    words = ("run", "--stack", "gnutls", *SMALL, "--jobs", 1, *way)
    tlsbye(*words, "--out", "calm", check=0)
    for stack in ("gnutls", "openssl"):
        notes = tlsbye.folder / stack
        notes.mkdir()
        folder = peers((str(PEERS / f"tlsbye-peer-{stack}"), str(notes)), name=stack, program=FRAGILE_PEER)
    done = tlsbye(*words, "--peers", folder)
    for stack in ("gnutls", "openssl"):
        assert len((tlsbye.folder / stack / "deaths").read_bytes()) >= 3, (done.returncode, done.stderr)  # one of each kind
    assert done.returncode == 0, done.stderr
    assert tlsbye.report()["problems"] == []
    assert verdicts(tlsbye.report()) == verdicts(tlsbye.report("calm"))


@pytest.mark.heavy
def test_libraries_that_break_down_in_every_run_cost_nobody_else_a_result_and_their_harness_little(tlsbye, peers):
    words = ("run", *SMALL, "--io", "nonblocking", "--tls", "1.3")
    tlsbye(*words, "--out", "calm", check=0)
    for name in UNRULY:
        (peers.folder / f"tlsbye-peer-{name}").symlink_to(ROGUES / "tlsbye-peer-rogue")
    running = subprocess.Popen([PROGRAM, *words, "--peers", peers.folder, "--patience", "1"], cwd=tlsbye.folder, stdin=subprocess.DEVNULL,
                               stdout=(tlsbye.folder / "told").open("w"), stderr=(tlsbye.folder / "problems").open("w"))
    _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    problems = (tlsbye.folder / "problems").read_text()
    assert running.returncode == 3, problems
    report, calm = tlsbye.report(), verdicts(tlsbye.report("calm"))
    assert report["complete"] is True
    assert {key: verdict for key, verdict in verdicts(report).items() if key[1] not in UNRULY} == calm
    for name, verdict in UNRULY.items():
        seen = {c["verdict"] for c in report["cells"] if c["stack"] == name}
        assert len(seen) > 1 and (verdict is None or verdict in seen), (name, seen)
        assert verdict == "harness-error" or "harness-error" not in seen, name
    for name in ("floods", "garbage"):
        assert any(f"peer of {name}@" in problem and "broke the control protocol" in problem for problem in report["problems"])
    for name in ("spin", "computes", "silent"):
        assert any(problem.startswith(f"{name}@") and "`close` never came back" in problem for problem in report["problems"])
    stories = [p.read_text() for p in (tlsbye.folder / "out/transcripts").iterdir() if "invents" in p.name]
    assert any("read goes on without end: more data than had come" in story for story in stories)
    assert any(c["stack"] == "invents" and c["verdict"] == "hung" and c["says"] == "read goes on without end: more data than had come"
               for c in report["cells"])
    assert SANITIZED or used.ru_maxrss < 200 * 1024
    # What the library says is written out, wherever it stands.
    written = [tlsbye.folder / "told", *(p for p in (tlsbye.folder / "out").rglob("*") if p.suffix in {".txt", ".md", ".xml", ".sarif", ".json", ".jsonl"})]
    assert any("\\x1b[2J" in path.read_text() for path in written)
    for path in written:
        text = path.read_text()
        assert not set(text) & set("\x1b\r\u202e"), path


def test_a_fault_of_the_harness_costs_the_run_in_which_it_happens(tlsbye):
    # The wire's own library refuses all that is not a FIPS module; that of the peers does not know of it.
    config = tlsbye.folder / "fips.cnf"
    config.write_text("openssl_conf = init\n[init]\nalg_section = properties\n[properties]\ndefault_properties = fips=yes\n")
    done = tlsbye("run", "--stack", "gnutls", "--partner", "gnutls", *ONE, env={"OPENSSL_CONF": str(config)})
    assert done.returncode == 3, done.stderr
    assert "gnutls" in done.stdout
    report = tlsbye.report()
    assert report["complete"] is True and report["problems"]
    assert {c["verdict"] for c in report["cells"] if c["stack"] == "gnutls"} <= {"harness-error", "unsupported"}


def test_peers_leave_by_themselves_when_the_run_is_over(tlsbye, peers):
    marks = tlsbye.folder / "marks"
    marks.mkdir()
    folder = peers(f"""open("{marks}/came-" + str(os.getpid()), "w"); control.send(HELLO)
while control.recv(65536): control.send(b"ready\\n")
open("{marks}/went-" + str(os.getpid()), "w")""")
    tlsbye("run", *ONE, "--peers", folder, "--jobs", 2)
    came = {p.name.split("-")[1] for p in marks.glob("came-*")}
    assert len(came) >= 3  # asked who it is, probed, and in the runs
    assert {p.name.split("-")[1] for p in marks.glob("went-*")} == came


# Sends the harness that signal in the first session of that kind in which it is the subject; does nothing that it is asked for, and says
# so. The handshakes that are tried before all runs do not block, the first runs do.
INTERRUPTS = """control.send(HELLO)
asked = control.recv(65536)
while b"log=1" not in asked or b"io={io}" not in asked:
    control.send(b"unsupported\\twhy=no\\nready\\n")
    asked = control.recv(65536) or sys.exit()
harness = os.getppid()
os.kill(harness, signal.{name})
# The thread that takes it may have to wait for a processor, and meanwhile the others would make all runs.
while any(line.startswith("ShdPnd") and int(line.split()[1], 16) for line in open(f"/proc/{{harness}}/status")): pass
while asked:
    control.send(b"unsupported\\twhy=no\\nready\\n")
    asked = control.recv(65536)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interruption_writes_what_was_judged_and_marks_it_incomplete(tlsbye, peers, name):
    # It comes while a run is made, behind those of the other stacks: from the peer itself.
    folder = peers(INTERRUPTS.format(name=name, io="blocking"), name="zfake")
    done = tlsbye("run", "--scenario", "clean-reply/*", "--peers", folder, "--jobs", 1)
    assert done.returncode == 3
    assert "incomplete" in done.stderr
    report = tlsbye.report()
    assert report["complete"] is False and report["runs"] > 0
    assert "conforms" in {c["verdict"] for c in report["cells"]}
    assert tlsbye("gate", "out/run.json").returncode == 1


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interruption_before_the_first_run_is_told(tlsbye, peers, name):
    folder = peers(INTERRUPTS.format(name=name, io="nonblocking"), name="zfake")
    done = tlsbye("run", *ONE, "--peers", folder, "--jobs", 1)
    assert done.returncode == 3
    assert "incomplete" in done.stderr
    report = tlsbye.report()
    assert report["complete"] is False and report["runs"] == 0


def test_a_run_that_nohup_protects_outlives_the_terminal(tlsbye, peers):
    folder = peers(INTERRUPTS.format(name="SIGHUP", io="blocking"), name="zfake")
    words = ["nohup", PROGRAM, "run", *ONE, "--peers", folder, "--jobs", "1"]
    subprocess.run(words, cwd=tlsbye.folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    assert tlsbye.report()["complete"] is True


def test_nothing_is_left_behind(tlsbye):
    temporary = tlsbye.folder / "tmp"
    temporary.mkdir()
    # A session of its own holds whatever it starts, and all that those start.
    running = subprocess.Popen([PROGRAM, "run", *SMALL], cwd=tlsbye.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True, start_new_session=True, env={**os.environ, "TMPDIR": str(temporary)})
    error = running.communicate(timeout=PATIENCE)[1]
    assert running.returncode == 0, error
    assert members_of_session(running.pid) == []
    assert {p.name for p in (tlsbye.folder / "out").iterdir()} == {
        "run.json", "transcripts.jsonl", "matrix.md", "matrix.html", "junit.xml", "results.sarif", "closing-safely.md", "captures", "transcripts"}
    assert list(temporary.iterdir()) == []


def members_of_session(number):
    """The processes of that session, by proc(5)."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split() if entry.name.isdigit() else []
        except OSError:
            continue
        if fields and int(fields[3]) == number:
            found.append(entry.name)
    return found


@pytest.mark.parametrize(
    ("lie", "scenarios", "clause"),
    [
        ("end-of-data=cut", "concurrency/close-write-in-a-forked-process", "gnutls-manual/the-receiving-process-gets-zero"),
        ("end-of-data=cut", "concurrency/*", "gnutls-manual/the-receiving-thread-gets-zero"),
        ("flag:false-start", "false-start/*", "rfc7918/the-flag-says-that-it-started-falsely"),
    ],
)
def test_an_adapter_that_lies_beside_a_thread_in_a_forked_process_or_about_false_start_is_accused(peers, tlsbye, lie, scenarios, clause):
    def reached(out):
        words = ("--peers", peers.folder, "--stack", "gnutls", "--scenario", scenarios, "--clause", clause, "--out", out)
        tlsbye("run", *words, check=0)
        return set(verdicts(tlsbye.report(out)).values()) - {"unsupported", "not-reached"}

    assert reached("honest") == {"conforms"}
    honest = peers.folder / "tlsbye-peer-gnutls"
    honest.unlink()
    honest.write_text(f"#!/bin/sh\nTLSBYE_TEST_LIE={lie} exec {PROGRAM.parent / 'liars/tlsbye-peer-gnutls'}\n")
    honest.chmod(0o755)
    accused = reached("lying")
    assert accused and "conforms" not in accused and accused <= {"violates", "differs"}

"""Words that are wrong: what is said about them, and the exit code. 2 is for what was typed or given, 3 for what went wrong by itself."""

import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import resource
import signal
import socket
import subprocess
import termios

import pytest

from conftest import PATIENCE, PROGRAM, Tlsbye

SCENARIO = "clean-reply/subject-closes-first"
SMALL = ("run", "--stack", "openssl", "--scenario", SCENARIO, "--tls", "1.3", "--role", "client", "--io", "blocking")
CLAUSE = "rfc8446/nothing-follows-close-notify"
ID = f"{SCENARIO}:openssl:client:1.3:blocking:openssl"
LONG = "x" * 100_000


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A folder in which everything stands that the words below name; nothing in it is changed by wrong words."""
    program = Tlsbye(tmp_path_factory.mktemp("small"))
    folder = program.folder
    program(*SMALL, check=0)
    (folder / "empty").mkdir()
    (folder / "file").write_text("not what is looked for\n")
    (folder / "folders/x.toml").mkdir(parents=True)
    (folder / "devices").mkdir()
    (folder / "devices/x.toml").symlink_to("/dev/zero")
    (folder / "pipes").mkdir()
    os.mkfifo(folder / "pipes/x.toml")
    os.mkfifo(folder / "pipe")
    (folder / "nowhere").mkdir()
    (folder / "nowhere/x.toml").symlink_to("gone")
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("not-yet")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(folder / "socket"))
    (folder / "wide").mkdir()
    (folder / "wide/wide.toml").write_text("""[[scenario]]
id     = "wide"
title  = "Wide"
why    = "Too many."
matrix = { %s }
script = '''
both     handshake
subject  write $a
'''
""" % ", ".join(f"{name} = {list(range(1, 11))}" for name in "abcdefg"))
    (folder / "alone").mkdir()
    (folder / "alone/run.json").write_text((folder / "out/run.json").read_text())
    (folder / "escape").mkdir()
    (folder / "escape/x.toml").write_bytes(b"[[scenario]] # \x1b[31m\n")
    (folder / "escape/title.toml").write_text('[[scenario]]\nid = "one"\ntitle = "\\u001b[2J \\u202e"\nscript = "both handshake"\n')
    return program


WRONG = [
    # Words that are not known
    (("run", "--stak", "gnutls"), 2, ["tlsbye run: `--stak` is not an option; did you mean `--stack`?", "`tlsbye run --help`"]),
    (("run", "--stak=gnutls"), 2, ["`--stak` is not an option; did you mean `--stack`?"]),
    (("run", "--zzzzzzzzz"), 2, ["tlsbye run: `--zzzzzzzzz` is not an option\n"]),
    (("run", "gnutls"), 2, ["tlsbye run: `gnutls` is not expected here"]),
    (("run", "-x"), 2, ["`-x` is not an option"]),
    (("gate", "out/run.json", "further"), 2, ["tlsbye gate: `further` is not expected here"]),
    (("--stack", "gnutls", "run"), 2, ["tlsbye: `--stack` is not an option before the command"]),
    (("--stak", "gnutls"), 2, ["tlsbye: `--stak` is not an option before the command"]),
    (("xyzzyplugh",), 2, ["there is no command `xyzzyplugh`; one of: run, list, show", "shrink, selftest;"]),
    (("run", "--shard", "1/9999999999"), 2, ["`1/9999999999` is not K/N", "of 9999 at most"]),
    (("runn",), 2, ["there is no command `runn`; did you mean `run`?"]),
    (("",), 2, ["there is no command ``"]),
    ((LONG,), 2, ["there is no command"]),
    (("\x1b[31m",), 2, ["there is no command `\\x1b[31m`"]),
    ((), 2, ["subcommand is required"]),
    (("gate",), 2, ["tlsbye gate: run is required"]),
    (("diff", "out/run.json"), 2, ["tlsbye diff: new is required"]),
    # Values
    (("run", "--jobs", "0"), 2, ["tlsbye run: --jobs", "1024"]),
    (("run", "--jobs", "many"), 2, ["tlsbye run:", "many"]),
    (("run", "--jobs", "99999999999999999999"), 2, ["tlsbye run:"]),
    (("run", "--jobs", "1", "--jobs", "2"), 2, ["tlsbye run: --jobs"]),
    (("run", "--out", "a", "--out", "b"), 2, ["tlsbye run: --out"]),
    (("run", "--tls", "1.4"), 2, ["`1.4` is none of 1.0|1.1|1.2|1.3"]),
    (("run", "--tls", ""), 2, ["`` is none of"]),
    (("run", "--stack"), 2, ["tlsbye run: --stack"]),
    (("run", "--fail-on", "violates"), 2, ["--fail-on", "--gate"]),
    (("run", "--pairs", "3"), 2, ["--pairs", "--sweep"]),
    (("run", "--stack", "gntls"), 2, ["--stack gntls: no such stack; did you mean `gnutls`?; there are: "]),
    (("run", "--stack", "gnutls@9"), 2, ["--stack gnutls@9: no such stack", "there are: "]),
    (("run", "--stack", LONG), 2, ["no such stack"]),
    (("run", "--stack", "gnutls", "--stack", ""), 2, ["--stack : no such stack"]),
    (("run", "--stack", "gnutls,openssl"), 2, ["no such stack; several are words of their own: --stack A B"]),
    (("run", "--partner", "nobody"), 2, ["--partner nobody: no such stack"]),
    (("run", "--clause", LONG), 2, ["no clause matches"]),
    (("run", "--clause", CLAUSE + "{,x}"), 2, [f"no clause matches `{CLAUSE}x`; did you mean"]),
    (("run", "--clause", "{a,b}" * 20), 2, ["stands for more than a thousand"]),
    (("run", "--scenario", "ünïcode"), 2, ["no scenario matches `ünïcode`"]),
    (("run", "--scenario", "[a-"), 2, ["no scenario matches `[a-`"]),
    (("run", "--sweep", "--scenario", SCENARIO), 2, ["none of the selected scenarios asks for a sweep"]),
    (("run", "--lib", "gnutls"), 2, ["`gnutls` is not NAME=PREFIX"]),
    (("run", "--lib", "gnutls=none"), 2, ["none", "No such file"]),
    # Empty names
    (("run", "--out", ""), 2, ["--out", "an empty name"]),
    (("run", "--known", ""), 2, ["--known", "an empty name"]),
    (("run", "--peers", ""), 2, ["--peers", "an empty name"]),
    (("run", "--scenarios", ""), 2, ["--scenarios", "an empty name"]),
    (("show", CLAUSE, "--out", ""), 2, ["--out", "an empty name"]),
    (("gate", ""), 2, ["an empty name"]),
    (("gate", "out/run.json", "--update", "--json"), 2, ["--json", "--update"]),
    (("gate", "out/run.json", "--prune", "--json"), 2, ["--json", "--prune"]),
    (("report", "out/run.json", "--html", ""), 2, ["--html", "an empty name"]),
    (("replay", ID, "--capture", ""), 2, ["--capture", "an empty name"]),
    # Options that would change nothing
    (("list", "scenarios", "--stack", "gnutls"), 2, ["--stack says nothing about scenarios; it is for `tlsbye list cells`"]),
    (("list", "stacks", "--clause", "*"), 2, ["--clause says nothing about stacks"]),
    (("list", "traits", "--coverage"), 2, ["--coverage says nothing about traits; it is for `tlsbye list clauses`"]),
    (("list", "clauses", "--rows"), 2, ["--rows", "--coverage"]),
    (("list", "clauses", "--coverage", "--json"), 2, ["--coverage", "--json"]),
    (("list", "clauses", "--peers", "empty"), 2, ["--peers says nothing about clauses"]),
    (("list", "properties", "--scenarios", "empty"), 2, ["--scenarios says nothing about properties; it is for `tlsbye list scenarios` and `tlsbye list clauses` and `tlsbye list cells`"]),
    (("show", "openssl", "--stack", "openssl"), 2, ["--stack is for clauses and scenarios"]),
    # Folders
    (("list", "stacks", "--peers", "empty"), 0, ["none: no peer program (tlsbye-peer-NAME) is in empty"]),
    (("list", "stacks", "--peers", "missing"), 2, ["--peers missing: no such folder"]),
    (("list", "stacks", "--peers", "file"), 2, ["--peers file: a file"]),
    (("list", "stacks", "--peers", "loop"), 2, ["--peers loop: Too many levels of symbolic links"]),
    (("run", "--peers", "empty"), 3, ["no peer program (tlsbye-peer-NAME) is in empty"]),
    (("run", "--scenarios", "missing"), 2, ["--scenarios missing: no such folder"]),
    (("run", "--scenarios", "file"), 2, ["--scenarios file: a file; name the folder that it is in"]),
    (("run", "--out", "file"), 2, ["output folder file", "choose another with --out"]),
    (("run", "--out", "file/below"), 2, ["output folder file/below"]),
    (("run", "--out", "/dev/null"), 2, ["output folder /dev/null"]),
    (("run", "--out", "/proc/none"), 2, ["output folder /proc/none"]),
    (("run", "--out", "x" * 300), 2, ["File name too long"]),
    # Files that are not files
    (("list", "scenarios", "--scenarios", "folders"), 2, ["folders/x.toml: is a folder, not a file"]),
    (("list", "scenarios", "--scenarios", "devices"), 2, ["devices/x.toml: is a device, not a file"]),
    (("list", "scenarios", "--scenarios", "pipes"), 2, ["pipes/x.toml: is a pipe into which nothing is written"]),
    (("list", "scenarios", "--scenarios", "nowhere"), 2, ["nowhere/x.toml: cannot be read: No such file"]),
    (("list", "scenarios", "--scenarios", "wide"), 2, ["wide/wide.toml:5:", "more than 1000 combinations"]),
    (("list", "scenarios", "--scenarios", "escape"), 2, ["escape/x.toml", "escape/title.toml:3:9: `title` has a character that cannot be printed"]),
    *((("gate", "out/run.json", "--known", name), 2, [f"{name}: {what}"]) for name, what in
      (("empty", "is a folder, not a file"), ("pipe", "is a pipe"), ("/dev/zero", "is a device"), ("socket", "is a socket"), ("none.toml", "cannot be read: No such file"))),
    *((("gate", name), 2, [f"{name}: {what}"]) for name, what in
      (("empty", "is a folder, not a file"), ("pipe", "is a pipe"), ("/dev/null", "is a device"), ("none.json", "cannot be read: No such file"), ("file", ""))),
    (("diff", "out/run.json", "empty"), 2, ["empty: is a folder"]),
    (("run", "--known", "empty"), 2, ["empty: is a folder"]),
    # Reports
    (("report", "out/run.json"), 2, ["say which reports to make", "--html", "--sarif"]),
    (("report", "out/run.json", "--html", "/dev/null", "--all"), 2, ["--all", "--terminal"]),
    (("report", "out/run.json", "--html", "x", "--markdown", "x"), 2, ["--markdown and --html are to go into one file, x"]),
    (("report", "out/run.json", "--html", "x", "--sarif", "empty/../x"), 2, ["are to go into one file"]),
    (("report", "out/run.json", "--html", "dangling", "--markdown", "not-yet"), 2, ["are to go into one file"]),
    (("report", "out/run.json", "--html", "out/run.json"), 2, ["--html out/run.json would overwrite what it is made of"]),
    (("report", "out/run.json", "--html", "out/transcripts.jsonl"), 2, ["would overwrite what it is made of"]),
    (("report", "out/run.json", "--html", "empty"), 2, ["empty: cannot be written: it is a folder"]),
    (("report", "out/run.json", "--html", "missing/x"), 2, ["missing/x: cannot be written: No such file"]),
    (("report", "out/run.json", "--html", "/dev/full"), 3, ["/dev/full: cannot be written: No space left"]),
    (("report", "alone/run.json", "--html", "/dev/null"), 0, ["alone/transcripts.jsonl is not there: the page is made without what happened in the runs"]),
    (("gate", "out/run.json", "--update", "--known", "file"), 2, ["file"]),
    # Showing
    (("show", "rfc8446/nothing-follows-close-notfy"), 2, ["nothing is called `rfc8446/nothing-follows-close-notfy`; did you mean"]),
    (("show", ""), 2, ["nothing is called ``"]),
    (("show", LONG), 2, ["nothing is called"]),
    (("show", CLAUSE, "--stack", "gnutls"), 2, ["the run in out/ has nothing about gnutls"]),
    (("show", "gnutls"), 2, ["the run in out/ has nothing about gnutls: `tlsbye run --stack gnutls`"]),
    (("show", "gnutls..openssl"), 2, ["no run in out/ has both: `tlsbye run --stack gnutls --stack openssl` makes one"]),
    (("show", "gnutls..opensl"), 2, ["no stack is called `opensl`"]),
    (("run", "--stack", "gnutls@"), 2, ["gnutls@: no version behind the @"]),
    (("run", "--partner", "*@>="), 2, ["*@>=: no version behind the @"]),
    (("explore", "--seed", "-1"), 2, ["`-1` is not a whole number"]),
    (("explore", "--for", "0s"), 2, ["--for", "`0s` leaves no time for a run"]),
    (("explore", "--clause", "wolfssl-*/*", "--stack", "gnutls"), 2, ["none of these clauses is about these libraries"]),
    (("show", "gnutls", "--out", "empty"), 2, ["there is no run in empty/, and so nothing about gnutls: `tlsbye run --stack gnutls`"]),
    (("show", ID, "--out", "empty"), 2, ["no run in empty/"]),
    (("show", CLAUSE, "--out", "empty"), 0, ["no run in empty/"]),
    (("show", SCENARIO, "--out", "empty"), 0, ["no run in empty/"]),
    # Running again
    (("replay", "nonsense"), 2, ["nonsense"]),
    (("replay", ID + "+send99=EAGAIN"), 0, ["send99=EAGAIN never fell due: the library made ", " sending calls"]),
    (("replay", ID + "+send1=EAGAIN,recv99=short"), 0, ["recv99=short never fell due"]),
    (("replay", ID + "+fin@99999"), 0, ["fin@99999 never fell due: "]),
    (("replay", ID + "+send1=EAGIAN"), 2, ["send1=EAGIAN"]),
]


def called(words):
    return " ".join(word if len(word) < 60 else word[:20] + "..." for word in words) or "nothing"


@pytest.mark.parametrize(("words", "code", "told"), WRONG, ids=[called(words) for words, _, _ in WRONG])
def test_wrong_words_are_answered_with_what_is_wrong_and_what_to_do(small, words, code, told):
    before = sorted(small.folder.rglob("*"))
    done = small(*words, timeout=PATIENCE)
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    for part in told:
        assert part in said
    assert "\x1b" not in said and len(said) < 20_000
    assert "basic_" not in said and "std::" not in said, "what an exception says is not for users"
    assert sorted(small.folder.rglob("*")) == before, "wrong words write nothing"


def test_faults_that_fall_due_are_not_called_otherwise(small):
    for schedule in ("send1=EAGAIN", "fin@1", "cut@0"):
        assert "fell due" not in small("replay", f"{ID}+{schedule}", check=0).stderr


def test_an_ability_that_keeps_everything_from_being_run_is_named(small):
    lacking = next((s, a) for s in json.loads(small("list", "stacks", "--json", check=0).stdout)
                   for a in ("set-quiet-shutdown",) if a not in s["abilities"])
    (small.folder / "lacking").mkdir(exist_ok=True)
    (small.folder / "lacking/lacking.toml").write_text(
        f'[[scenario]]\nid = "lacking"\ntitle = "Lacking"\nwhy = "To see."\nneeds = ["{lacking[1]}"]\nscript = \'\'\'\nboth handshake\n\'\'\'\n')
    told = small("run", "--scenarios", "lacking", "--scenario", "lacking/lacking", "--stack", lacking[0]["name"], "--out", "lacked", check=2).stderr
    assert f"lacks `{lacking[1]}`" in told and lacking[0]["name"] in told and "8 runs" in told
    assert not (small.folder / "lacked").exists()


def test_a_run_of_nothing_is_a_problem_of_the_run(tlsbye):
    done = tlsbye(*SMALL, "--clause", "gnutls-bye/*", "--out", "nothing")
    assert done.returncode == 3 and "a run of nothing" in done.stderr and "0 cells" in done.stderr
    assert any("a run of nothing" in problem for problem in tlsbye.report("nothing")["problems"])


def test_show_with_a_stack_shows_what_was_seen_on_it_alone(small):
    told = small("show", CLAUSE, "--stack", "openssl", check=0).stdout
    assert "openssl" in told and told == small("show", CLAUSE, check=0).stdout


def test_byte_order_marks_and_line_ends_of_other_systems_do_no_harm(tlsbye):
    (tlsbye.folder / "mine").mkdir()
    text = "[[scenario]]\nid = \"mine\"\ntitle = \"Mine\"\nwhy = \"To see.\"\nscript = '''\nboth handshake\n'''\n"
    (tlsbye.folder / "mine/mine.toml").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert "mine/mine" in tlsbye("list", "scenarios", "--scenarios", "mine", check=0).stdout


def test_a_run_file_comes_out_of_a_pipe_as_well(small):
    done = subprocess.run(["bash", "-c", f"'{PROGRAM}' diff <(cat out/run.json) <(cat out/run.json)"], cwd=small.folder, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout.strip()) == (0, "nothing changed"), done.stderr


def test_a_report_is_appended_to_where_the_shell_appends(small):
    done = subprocess.run(["bash", "-c", f"echo before > all; '{PROGRAM}' report out/run.json --markdown /dev/stdout >> all; echo after >> all; cat all; rm all"],
                          cwd=small.folder, capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout.startswith("before\n") and done.stdout.endswith("after\n") and "openssl" in done.stdout, done.stderr


def test_a_full_disk_is_a_failure_and_leaves_no_report_of_another_run(tlsbye):
    tlsbye(*SMALL, check=0)
    assert (tlsbye.folder / "out/results.sarif").exists()
    size = (tlsbye.folder / "out/run.json").stat().st_size
    # No file may be much larger than the run file: results.sarif does not fit.
    done = subprocess.run([PROGRAM, *SMALL], cwd=tlsbye.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
                          preexec_fn=lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4096, size + 4096))))
    assert done.returncode == 3, done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert tlsbye.report()["runs"] == 1
    left = {path.name for path in (tlsbye.folder / "out").iterdir()}
    assert "results.sarif" not in left and not [name for name in left if name.endswith(".partial")]


def test_two_runs_into_one_folder_do_not_mix(tlsbye):
    (tlsbye.folder / "out").mkdir()
    holder = os.open(tlsbye.folder / "out", os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    done = tlsbye(*SMALL, check=2)
    assert "another run writes to out" in done.stderr and "--out" in done.stderr
    os.close(holder)
    tlsbye(*SMALL, check=0)


@pytest.mark.parametrize("columns", ["1", "40", "80", "0", "-5", "wide", "99999999999999999999", ""])
@pytest.mark.parametrize("terminal", ["dumb", "xterm", None])
def test_the_width_of_the_output_does_no_harm(small, columns, terminal):
    words = [PROGRAM, "show", CLAUSE]
    environment = {name: value for name, value in os.environ.items() if name not in ("TERM", "HOME")}
    done = subprocess.run(words, cwd=small.folder, env={**environment, "COLUMNS": columns, **({"TERM": terminal} if terminal else {})}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0 and CLAUSE in done.stdout, done.stderr


def on_terminal(words, folder, columns, stream="stderr"):
    """What a program writes to one of its streams, a terminal of that width."""
    ours, theirs = pty.openpty()
    subprocess.run(["stty", "cols", str(columns), "rows", "24"], stdin=theirs, check=True)
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    running = subprocess.Popen([PROGRAM, *words], cwd=folder, stdin=theirs, env={**environment, "TERM": "xterm"},
                               **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: theirs})
    os.close(theirs)
    text = b""
    try:
        while part := os.read(ours, 65536):
            text += part
    except OSError:  # the terminal's other end is closed
        pass
    os.close(ours)
    assert running.wait(timeout=PATIENCE) == 0
    return text.decode()


def without_colour(told):
    return [re.sub("\x1b\\[[0-9;]*[a-zA-Z]", "", line) for line in re.split("[\r\n]+", told)]


def test_a_report_is_as_wide_as_the_terminal_is(small):
    def widest(columns):
        lines = without_colour(on_terminal(("report", "out/run.json", "--terminal"), small.folder, columns, "stdout"))
        return max(len(line) for line in lines if "replay" not in line)

    assert 64 - 30 < widest(64) <= 64 < widest(150) <= 150


def test_progress_fits_the_terminal(tlsbye):
    told = on_terminal(("run", "--stack", "openssl", "--scenario", "would-block/*", "--jobs", "1"), tlsbye.folder, 60)
    lines = without_colour(told)
    assert any("%" in line for line in lines), "progress was shown"
    assert max(len(line) for line in lines) < 60


NARROW_SEARCH = f"explore --against list --runs 5 --stack openssl --out explored --clause {CLAUSE}"
STREAMS = [
    ("list traits", "0<&-", 0), ("list traits", "2>&-", 0), ("list traits", ">&-", 3), ("list traits", ">/dev/full", 3),
    ("report out/run.json --terminal", ">/dev/full", 3), ("gate out/run.json --json", ">&-", 3), ("--help", ">/dev/full", 3),
    *((words, lost, code) for lost in ("2>&-", "2>/dev/full") for words, code in (
        ("nonsense", 2), ("run --stak gnutls", 2), ("gate none.json", 2), ("run --stack nope", 2), ("run --peers empty", 3), (NARROW_SEARCH, 0),
        ("report alone/run.json --html /dev/null", 0), (f"replay {ID}+send99=EAGAIN", 0), (f"gate out/run.json --known short.toml", 1))),
]


@pytest.mark.parametrize(("words", "lost", "code"), STREAMS)
def test_a_stream_that_is_closed_or_full_changes_no_exit_code_but_that_of_what_could_not_be_told(small, tmp_path, words, lost, code):
    expired = f'[[known]]\nclause = "{CLAUSE}"\nstack = "openssl"\nverdict = "violates"\nreason = "x"\nexpires = 2001-01-01\n'
    for name in ("out", "alone", "empty"):
        (tmp_path / name).symlink_to(small.folder / name)
    (tmp_path / "short.toml").write_text(expired)
    (tmp_path / "list").with_suffix(".toml").write_text("")
    words = words.replace("--against list", "--against list.toml")
    done = subprocess.run(["bash", "-c", f"'{PROGRAM}' {words} {lost}"], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) <= 1 and "terminate" not in done.stderr


def test_a_file_does_not_take_the_place_of_a_stream_that_is_closed(tlsbye):
    done = subprocess.run(["bash", "-c", f"'{PROGRAM}' {' '.join(SMALL)} <&- >&- 2>&-"], cwd=tlsbye.folder, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 3 and tlsbye.report()["runs"] == 1
    tlsbye("report", "out/run.json", "--html", "again.html", check=0)


def pending(pid):
    """The signals that wait to be taken by the process, by proc(5)."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
        mask = next(int(line.split()[1], 16) for line in lines if line.startswith("ShdPnd"))
        return {number for number in signal.valid_signals() if mask >> (number - 1) & 1}
    return set()


def hung_up(words, folder, ready):
    """The exit code of a program whose terminal goes away once it has shown what `ready` finds, as both the kernel and a shell say."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen([PROGRAM, *words], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                               preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(theirs)
    told = b""
    while not re.search(ready, told):
        told += os.read(ours, 65536)
    os.close(ours)
    for _ in range(3):
        running.send_signal(signal.SIGHUP)
        while running.poll() is None and signal.SIGHUP in pending(running.pid):
            pass  # two that wait at once are one
    return running.wait(timeout=PATIENCE)


def test_a_terminal_that_hangs_up_ends_a_run_and_what_was_judged_is_kept(tlsbye):
    assert hung_up(("run", "--stack", "gnutls"), tlsbye.folder, rb"[1-9]%") == 3
    report = tlsbye.report()
    assert not report["complete"] and report["runs"] > 0
    assert tlsbye("report", "out/run.json", "--terminal", check=0).stdout


def test_a_terminal_that_hangs_up_ends_a_search_and_what_was_found_is_kept(tlsbye):
    (tlsbye.folder / "nothing.toml").write_text("")
    search = ("explore", "--against", "nothing.toml", "--runs", "1000000000", "--stack", "gnutls", "--clause", "gnutls-bye/*")
    assert hung_up(search, tlsbye.folder, rb"; [1-9][0-9]* new") == 3
    found = json.loads((tlsbye.folder / "out/explored/explored.json").read_text())
    assert found["pairs"] and not found["complete"] and all(pair["shrunk"] for pair in found["pairs"])


def test_progress_of_a_search_fits_a_narrow_terminal(tlsbye):
    (tlsbye.folder / "nothing.toml").write_text("")
    told = on_terminal(("explore", "--against", "nothing.toml", "--runs", "2000", "--stack", "openssl", "--clause", "rfc8446/*"), tlsbye.folder, 30)
    assert "%" in told and max(map(len, without_colour(told))) < 30


@pytest.mark.parametrize("columns", [40, 80, 100, 160])
def test_a_run_is_told_again_as_wide_as_it_may_be(small, columns):
    told = small("report", "out/run.json", "--terminal", "--all", env={"COLUMNS": str(columns)}, check=0).stdout
    assert told.startswith("openssl") and "cells:" in told
    assert columns < 100 or not [line for line in told.splitlines() if len(line) > columns and "replay" not in line]
    assert len(told.splitlines()) > len(small("report", "out/run.json", "--terminal", check=0).stdout.splitlines())

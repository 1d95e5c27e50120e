"""tlsbye probe: real servers and clients as subjects, over loopback. What rests on silence is only asked of programs that are silent for good, so
that nothing here depends on how fast the machine is."""

import contextlib
import json
import os
import random
import re
import select
import socket
import ssl
import struct
import subprocess
import sys
import threading

import pytest
from conftest import SANITIZED

ENOUGH = "60s"  # of patience, where the program does something by itself
SHORT = "200ms"  # where nothing ever comes
SOME = "5s"  # where it does something, and is silent then
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello"


@pytest.fixture(autouse=True)
def a_wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out certificate.pem -days 30 -subj /CN=localhost"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture
def serving():
    """serving(act) listens on a port of its own and calls act(connection) for each that comes, each in a thread; gives HOST:PORT."""
    sockets = []

    def serve(act):
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)

        def one(connection):
            with contextlib.suppress(OSError, ssl.SSLError), connection:
                act(connection)

        def loop():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(connection,), daemon=True).start()

        threading.Thread(target=loop, daemon=True).start()
        return "127.0.0.1:%d" % listener.getsockname()[1]

    yield serve
    for listener in sockets:
        listener.close()


@pytest.fixture
def tls(certificate):
    """tls(act) is an act of a connection: act(the same under TLS)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def over(act):
        def serve(connection):
            with context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False) as secured:
                act(secured)

        return serve

    return over


def until_end(connection):
    """Reads all that comes; whether the end of it was clean."""
    try:
        while connection.recv(65536):
            pass
        return True
    except (ssl.SSLError, OSError):
        return False


def polite(connection):
    if until_end(connection):
        connection.unwrap()


def rude(connection):
    until_end(connection)  # and then the end of the stream alone


def lines_of(text):
    """What the program did, by situation."""
    return {situation.strip(): did for situation, did in re.findall(r"^  (after [^ ]+(?: [^ ]+)*|given [^ ]+(?: [^ ]+)*) {2,}(.*)$", text, re.MULTILINE)}


def did_in(text, situation):
    """What the program did in it, in each version where they differ."""
    _, _, rest = text.partition(f"  {situation}  ")
    lines = re.match(r".*\n(?: {10,}.*\n)*", rest)[0].splitlines()
    return [line.strip().removeprefix("TLS 1.3: ").removeprefix("TLS 1.2: ") for line in lines]


def test_a_server_that_answers_with_its_close_notify_conforms(tlsbye, serving, tls):
    done = tlsbye("probe", serving(tls(polite)), "--scenario", "servers/close-notify-before-a-word", "--patience", ENOUGH, "--gate", check=0)
    assert lines_of(done.stdout)["after a close_notify before a word was said"] == "close_notify, FIN"
    report = tlsbye.report()
    assert {cell["verdict"] for cell in report["cells"]} <= {"conforms", "not-reached"}
    held = {(cell["clause"], cell["tls"]) for cell in report["cells"] if cell["verdict"] == "conforms"}
    assert {("rfc8446/close-notify-precedes-the-end-of-writing", "1.3"), ("rfc5246/close-notify-precedes-the-end-of-writing", "1.2")} <= held


def test_a_server_that_only_ends_its_stream_breaks_the_rfc_and_the_gate_says_no(tlsbye, serving, tls):
    server = serving(tls(rude))
    done = tlsbye("probe", server, "--scenario", "servers/close-notify-before-a-word", "--patience", ENOUGH, "--gate", check=1)
    assert lines_of(done.stdout)["after a close_notify before a word was said"] == "FIN without close_notify"
    assert "RFC 8446 6.1" in done.stdout
    (cell,) = (cell for cell in tlsbye.report()["cells"] if cell["verdict"] == "violates" and cell["tls"] == "1.3")
    assert cell["clause"] == "rfc8446/close-notify-precedes-the-end-of-writing"
    assert cell["evidence"]
    (command,) = {line.strip() for line in done.stdout.splitlines() if cell["replay"] in line}
    assert command.startswith("tlsbye replay ") and f"--probe {server}" in command
    again = tlsbye(*command.split()[1:], check=0)
    assert "rfc8446/close-notify-precedes-the-end-of-writing" in again.stdout
    assert (tlsbye.folder / "out" / "junit.xml").exists()


def test_each_connection_is_kept_for_wireshark_and_judge_says_the_same_of_it(tlsbye, serving, tls):
    tlsbye("probe", serving(tls(rude)), "--scenario", "servers/close-notify-before-a-word", "--patience", ENOUGH, check=0)
    captures = sorted((tlsbye.folder / "out" / "captures").glob("*.pcapng"))
    assert len(captures) == 2
    for capture in captures:
        (connection,) = json.loads(tlsbye("judge", capture, "--json", check=0).stdout)["connections"]
        assert "server FIN without close_notify" in connection["told"]


def hold_still(connection):
    select.select([connection], [], [])
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass


def send_for_ever(data):
    def act(connection):
        while True:
            connection.sendall(data)

    return act


def drip(connection):
    connection.sendall(b"\x16")
    stop = threading.Event()
    while not stop.wait(0.1):
        connection.sendall(b"\x03")


def reset(connection):
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def server_hello_for_ever(connection):
    """Handshake records that never make a handshake."""
    body = b"\x02\xff\xff\xff" + bytes(16380)
    send_for_ever(b"\x16\x03\x03" + struct.pack(">H", len(body)) + body)(connection)


def first_hears(act):
    def serve(connection):
        connection.recv(65536)
        act(connection)

    return serve


HOSTILE = {
    "closes": (lambda connection: None, "before a word"),
    "resets": (reset, "(resets|ends).*before a word"),
    "silent": (hold_still, "silent for 200 ms"),
    "speaks HTTP": (first_hears(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")), "does not speak TLS: it sent `HTTP/1.1 400"),
    "sends garbage": (first_hears(send_for_ever(bytes(range(100, 200)) * 40)), "does not speak TLS|without end"),
    "one byte at a time": (first_hears(drip), "goes on without end|silent for 200 ms|does not speak TLS|library"),  # as its bytes come
    "an endless handshake": (first_hears(server_hello_for_ever), "without end|library"),
    "huge records": (first_hears(send_for_ever(b"\x16\x03\x03\xff\xff" + bytes(65535))), "does not speak TLS|without end|library"),
    "empty records": (first_hears(send_for_ever(b"\x17\x03\x03\x00\x00" * 1000)), "without end|library"),
    "warnings for ever": (first_hears(send_for_ever(b"\x15\x03\x03\x00\x02\x01\x5a" * 1000)), "refuses|without end|library"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_server_gets_a_word_and_never_a_verdict(tlsbye, serving, what):
    act, says = HOSTILE[what]
    done = tlsbye("probe", serving(act), "--patience", SHORT if what in ("silent", "one byte at a time") else ENOUGH, check=3)
    assert "nothing can be judged of it" in done.stderr
    assert len(re.findall(f"^  TLS 1.[23]: .*(?:{says})", done.stderr, re.MULTILINE)) == 2, done.stderr
    assert not (tlsbye.folder / "out" / "run.json").exists()


@pytest.mark.heavy
def test_a_hundred_connections_to_a_hostile_server_end_each_with_its_word_in_bounded_memory(tlsbye, serving, tls):
    """The first contacts are good ones, so that all connections are made. How long each may last does not depend on the server: 15 s."""
    floods, holds = tls(send_for_ever(bytes(16384))), tls(lambda connection: threading.Event().wait())
    kinds = [HOSTILE[what][0] for what in HOSTILE if what != "one byte at a time"] + [floods, holds]
    came = []

    def act(connection):
        came.append(1)
        number = len(came) - 3
        if number < 0:
            tls(polite)(connection)
        elif number % 40 == 20:
            first_hears(drip)(connection)
        else:
            kinds[number % len(kinds)](connection)

    words = ["probe", serving(act), "--protocol", "http", "--repeat", "4", "--at-most", "102"]
    # On a busy machine a good server may be silent for a second, too; then there are fewer connections.
    for patience in (1, 4, 16):
        came.clear()
        with open(tlsbye.folder / "told", "w+") as told:
            command = [tlsbye.program, *words, "--patience", f"{patience}s"]
            process = subprocess.Popen(command, cwd=tlsbye.folder, stdin=subprocess.DEVNULL, stdout=told, stderr=told)
            _, status, usage = os.wait4(process.pid, 0)  # of the program, and of the peers that it has waited for
            process.returncode = os.waitstatus_to_exitcode(status)
            told.seek(0)
            text = told.read()
        if process.returncode == 0 and len(came) == 102:
            break
    assert process.returncode == 0, text
    assert len(came) == 102
    said = [line for line in text.splitlines() if re.match(r"  .*, TLS 1\.[23]: ", line) and "violates" not in line and "discouraged" not in line]
    word = f"before a word|silent for {patience}000 ms|does not speak TLS|without end|library|refuses|within the handshake"
    assert said and all(re.search(word, line) for line in said), said
    (judged,) = re.findall(r"(\d+) connections? in", text)
    assert len(said) + int(judged) <= 100
    for one in ("before a word", "silent for 1000 ms", "it went on: "):
        assert one in text, one
    assert {cell["verdict"] for cell in tlsbye.report()["cells"]} <= {"conforms", "not-reached"}
    if not SANITIZED:
        assert usage.ru_maxrss < 400 << 10, "KiB"


def test_nobody_there_is_said_so(tlsbye):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = tlsbye("probe", f"127.0.0.1:{port}", check=3)
    assert "nothing listens there" in done.stderr


def test_localhost_is_the_loopback_address_on_a_machine_without_a_file_of_hosts(tlsbye, serving, tls):
    """RFC 6761 6.3. A bare root has no such file."""
    _, port = serving(tls(polite)).split(":")
    # The first that the machine allows. In a chroot the kernel refuses a user namespace (unshare(2)), and unshare(1) cannot make mounts private.
    ways = (["--map-root-user", "--mount"], ["--mount"], ["--mount", "--propagation", "unchanged"])
    works = [way for way in ways if subprocess.run(["unshare", *way, "true"], stderr=subprocess.DEVNULL).returncode == 0]
    assert works, "unshare(1) can make no mounts of the test's own here"
    apart = works[0]
    hidden = "mount --bind /dev/null /etc/hosts && mount --bind /dev/null /etc/resolv.conf"
    alone = ["unshare", *apart, "sh", "-c", f'{hidden} && exec "$@"', "sh"]
    words = ["probe", f"localhost:{port}", "--scenario", "servers/close-notify-before-a-word", "--patience", ENOUGH, "--out", tlsbye.folder / "out"]
    done = subprocess.run([*alone, tlsbye.program, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert lines_of(done.stdout)["after a close_notify before a word was said"] == "close_notify, FIN"


def test_a_server_that_floods_behind_the_handshake_is_left_after_a_bounded_time(tlsbye, serving, tls):
    done = tlsbye("probe", serving(tls(send_for_ever(bytes(16384)))), "--scenario", "servers/goodbye", "--say", "x", "--patience", ENOUGH, check=0)
    assert "it went on: " in done.stdout
    assert not {cell["verdict"] for cell in tlsbye.report()["cells"]} & {"violates", "discouraged", "hung", "harness-error"}


def test_a_server_that_is_silent_is_told_as_silent_and_accused_of_nothing(tlsbye, serving, tls):
    def never_ends(connection):
        with contextlib.suppress(OSError, ssl.SSLError):
            while connection.recv(65536):
                pass
        hold_still(connection)

    done = tlsbye("probe", serving(tls(never_ends)), "--scenario", "servers/close-notify", "--patience", SOME, "--gate", check=0)
    assert lines_of(done.stdout)["after our close_notify"] == "nothing for 5 s"
    assert {cell["verdict"] for cell in tlsbye.report()["cells"]} <= {"conforms", "not-reached"}


def test_there_are_no_more_connections_than_was_said(tlsbye, serving, tls):
    came = []

    def counted(connection):
        came.append(1)
        polite(connection)

    done = tlsbye("probe", serving(tls(counted)), "--at-most", 5, "--patience", SOME, check=0)
    assert "5 connections at most" in done.stderr
    assert len(came) == 5
    assert "more connections were not made (--at-most 5)" in done.stdout


def test_tls_that_begins_later_is_asked_for_in_the_words_of_the_protocol(tlsbye, serving, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def smtp(connection):
        connection.sendall(b"220 test ESMTP\r\n")
        assert connection.recv(4096).startswith(b"EHLO ")
        connection.sendall(b"250-test\r\n250 STARTTLS\r\n")
        assert connection.recv(4096) == b"STARTTLS\r\n"
        connection.sendall(b"220 ready\r\n")
        with context.wrap_socket(connection, server_side=True) as secured:
            while line := secured.recv(4096):
                if line == b"QUIT\r\n":
                    secured.sendall(b"221 bye\r\n")
                    break
                secured.sendall(b"250 test\r\n")

    done = tlsbye("probe", serving(smtp), "--protocol", "smtp", "--scenario", "servers/goodbye", "--patience", ENOUGH, check=0)
    assert "after goodbye in its own protocol  " in done.stdout and "9 bytes, FIN without close_notify" in done.stdout

    refuses = serving(lambda connection: (connection.sendall(b"554 no\r\n"), hold_still(connection)))
    done = tlsbye("probe", refuses, "--protocol", "smtp", "--patience", SOME, check=3)
    assert "before TLS, `220 ` was waited for and `554 no\\r\\n` came" in done.stderr


# --- clients ---

CLIENT = """
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
if sys.argv[3] == "careful":
    context.options &= ~0x80  # OP_IGNORE_UNEXPECTED_EOF, which Python sets unasked and names from 3.12 on
with socket.create_connection(("localhost", int(sys.argv[1]))) as plain:
    with context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=sys.argv[3] == "careless") as secured:
        secured.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        while secured.recv(65536):
            pass
"""


def client(*how):
    return ("--", sys.executable, "-c", CLIENT, "{port}", "{ca}", *how)


CUT = ("--scenario", "clients/cut-answer", "--scenario", "clients/half-an-answer", "--scenario", "clients/whole-answer")


def test_a_client_that_takes_a_cut_answer_for_a_whole_one_is_found(tlsbye):
    done = tlsbye("probe", "--listen", "0", "--patience", ENOUGH, *CUT, "--gate", *client("careless"), check=1)
    did = lines_of(done.stdout)
    assert did["given the whole answer, a close_notify and a FIN"].endswith("exit code 0")
    assert did["given a part of the answer and a FIN"].endswith("exit code 0")
    assert done.stdout.count("violates rfc9112/a-cut-answer-is-no-success, TLS 1.") == 2
    assert done.stdout.count("it reported success (exit code 0) although ") == 2
    assert "RFC 9112 8; RFC 9112 9.8" in done.stdout
    cells = {cell["tls"]: cell for cell in tlsbye.report()["cells"] if cell["clause"] == "rfc9112/a-cut-answer-is-no-success"}
    assert {cell["verdict"] for cell in cells.values()} == {"violates"} and {cell["strength"] for cell in cells.values()} == {"expected"}
    assert all(line["decisive"] for line in cells["1.3"]["evidence"] if "exit code 0" in line["text"])
    (command, *_) = (line.strip() for line in done.stdout.splitlines() if line.strip().startswith(f"tlsbye replay {cells['1.3']['replay']}"))
    assert "--listen 0" in command and "-- " in command


def test_a_client_that_notices_the_cut_is_not_accused(tlsbye):
    done = tlsbye("probe", "--listen", "127.0.0.1:0", "--patience", ENOUGH, *CUT, *client("careful"), check=0)
    did = lines_of(done.stdout)
    assert did["given the whole answer, a close_notify and a FIN"].endswith("exit code 0")
    assert did["given the first half of the answer and a FIN"].endswith("exit code 1")
    assert "it reported success" not in done.stdout
    assert cut_verdicts(tlsbye) == {"conforms"}


def cut_verdicts(tlsbye):
    return {cell["verdict"] for cell in tlsbye.report()["cells"] if cell["clause"] == "rfc9112/a-cut-answer-is-no-success"}


HALF = ("--scenario", "clients/half-an-answer")
# The scenario cuts behind the first half of these: an answer that was whole by then; one of which bytes were missing; one in no HTTP.
WHOLE_BY_LENGTH = "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nHi" + "x" * 42
SHORT_OF_LENGTH = "HTTP/1.1 200 OK\\r\\nContent-Length: 60\\r\\n\\r\\n" + "x" * 60
NO_HTTP = "* OK hello, and so on, and so on\\r\\n"


def test_a_client_that_could_know_the_answer_whole_by_its_length_is_not_accused(tlsbye):
    done = tlsbye("probe", "--listen", "0", "--patience", ENOUGH, *HALF, "--serve", WHOLE_BY_LENGTH, "--gate", *client("careless"), check=0)
    assert lines_of(done.stdout)["given the first half of the answer and a FIN"].endswith("exit code 0")
    assert "it reported success" not in done.stdout
    assert cut_verdicts(tlsbye) == {"not-reached"}


def test_a_client_that_takes_less_than_the_length_for_all_is_found(tlsbye):
    tlsbye("probe", "--listen", "0", "--patience", ENOUGH, *HALF, "--serve", SHORT_OF_LENGTH, "--gate", *client("careless"), check=1)
    assert cut_verdicts(tlsbye) == {"violates"}


def test_of_a_protocol_other_than_http_a_cut_that_went_unnoticed_is_told_and_no_clause_speaks_of_it(tlsbye):
    done = tlsbye("probe", "--listen", "0", "--patience", ENOUGH, *HALF, "--serve", NO_HTTP, *client("careless"), check=0)
    assert "it reported success (exit code 0) although " in done.stdout
    assert cut_verdicts(tlsbye) == {"not-reached"}


def test_curl_is_told_by_its_exit_codes(tlsbye):
    done = tlsbye("probe", "--listen", "0", "--patience", ENOUGH, *CUT, "--", "curl", "-sS", "--cacert", "{ca}", "https://localhost:{port}/", check=0)
    did = lines_of(done.stdout)
    assert did["given the whole answer, a close_notify and a FIN"].endswith("exit code 0")
    assert not did["given a part of the answer and a FIN"].endswith("exit code 0")


def test_a_command_that_never_connects_or_cannot_be_started_is_told_in_words(tlsbye):
    done = tlsbye("probe", "--listen", "0", "--", sys.executable, "-c", "print('no idea'); raise SystemExit(7)", check=3)
    assert "it ended (exit code 7) without connecting; it printed `no idea" in done.stderr
    done = tlsbye("probe", "--listen", "0", "--", "./not-there", check=3)
    assert "`./not-there` cannot be started: No such file or directory" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["probe"], "which program? HOST:PORT"),
        (["probe", "localhost"], "HOST:PORT is expected"),
        (["probe", "localhost:70000"], "HOST:PORT is expected"),
        (["probe", "a:1", "b:2"], "`b:2` is not expected here"),
        (["probe", "a:1", "--", "curl"], "a command is for --listen"),
        (["probe", "localhost:1", "--protocol", "gopher"], "gopher"),
        (["probe", "localhost:1", "--say", "\\q"], "`\\q` is not an escape"),
        (["probe", "localhost:1", "--scenario", "servers/nothing"], "servers/nothing"),
        (["probe", "localhost:1", "--partner", "gnutls"], "cannot be a client to real programs"),
    ],
)
def test_wrong_words_are_said_so(tlsbye, words, says):
    assert says in tlsbye(*words, check=2).stderr


def test_a_server_that_asks_for_a_certificate_is_shown_the_one_that_was_named(tlsbye, serving, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate[0])  # it takes this very certificate, and no other
    shown = []

    def act(connection):
        with context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False) as secured:
            shown.append(secured.getpeercert(binary_form=True))
            polite(secured)

    words = ("probe", serving(act), "--scenario", "servers/close-notify-before-a-word", "--patience", ENOUGH, "--tls", "1.2")
    refused = tlsbye(*words, check=3)
    assert "it refuses: alert handshake_failure" in refused.stderr
    done = tlsbye(*words, "--cert", certificate[0], "--key", certificate[1], check=0)
    assert lines_of(done.stdout)["after a close_notify before a word was said"] == "close_notify, FIN"
    assert set(shown) == {ssl.PEM_cert_to_DER_cert(certificate[0].read_text())}
    assert " ".join(["--cert", str(certificate[0]), "--key", str(certificate[1])]) in " ".join(tlsbye.report()["replay_words"])


@pytest.mark.parametrize("words, told", [
    (["--cert", "none.pem"], "--cert none.pem: cannot be read: No such file or directory"),
    (["--cert", "/proc/version"], "--cert /proc/version: the file has nothing in PEM"),
    (["--key", "key.pem"], "--key requires --cert"),
    (["--trust", "none.pem"], "--trust none.pem: cannot be read: No such file or directory"),
])
def test_a_certificate_that_cannot_be_read_is_refused_before_a_connection_is_made(tlsbye, words, told):
    assert told in tlsbye("probe", "127.0.0.1:1", *words, check=2).stderr


def test_what_differs_from_connection_to_connection_is_a_race_with_its_odds_and_the_worst_is_judged(tlsbye, serving, tls):
    count = iter(range(1000))
    # The first connection is the first contact; of the four that follow only the third is rude.
    server = serving(lambda connection: tls(rude if next(count) == 3 else polite)(connection))
    words = ("--scenario", "servers/close-notify-before-a-word", "--tls", "1.3", "--patience", ENOUGH)
    done = tlsbye("probe", server, *words, "--repeat", "4", check=0)
    assert "TLS 1.3, 4 connections in" in done.stdout
    assert lines_of(done.stdout)["after a close_notify before a word was said"] == "a race: 3 of 4 close_notify, FIN; 1 of 4 FIN without close_notify"
    violated = {cell["clause"] for cell in tlsbye.report()["cells"] if cell["verdict"] == "violates"}
    assert "rfc8446/close-notify-precedes-the-end-of-writing" in violated


def test_a_key_that_does_not_fit_its_certificate_is_told_as_our_own_fault(tlsbye, serving, tls, certificate, tmp_path):
    command = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out other.pem"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    done = tlsbye("probe", serving(tls(polite)), "--cert", certificate[0], "--key", tmp_path / "other.pem", "--patience", SHORT, check=3)
    assert re.search(r"TLS 1\.2: our own library refuses: .*SSL_use_PrivateKey_file", done.stderr)


SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
PG_STARTUP = b"\x00\x00\x00\x29\x00\x03\x00\x00user\x00postgres\x00database\x00postgres\x00\x00"
PG_TERMINATE = b"X\x00\x00\x00\x04"


def heard(connection, enough):
    """What has come once that is enough."""
    came = b""
    while not enough(came):
        more = connection.recv(4096)
        if not more:
            raise ConnectionError("it ended before")
        came += more
    return came


def exactly(connection, size):
    """The next so many bytes: what comes behind them is not touched."""
    came = b""
    while len(came) < size:
        more = connection.recv(size - len(came))
        if not more:
            raise ConnectionError("it ended before")
        came += more
    return came


def leave(secured):
    """A close_notify, and the end of the stream: whoever says goodbye does not answer it."""
    secured.setblocking(False)
    with contextlib.suppress(ssl.SSLWantReadError):
        secured.unwrap()


def test_postgres_is_logged_in_to_before_it_is_said_goodbye(tlsbye, serving, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def postgres(connection):
        heard(connection, SSL_REQUEST.__eq__)
        connection.sendall(b"S")
        with context.wrap_socket(connection, server_side=True) as secured:
            came = heard(secured, lambda came: came.startswith(PG_STARTUP))
            secured.sendall(b"R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05I")
            if not came.endswith(PG_TERMINATE):
                heard(secured, lambda came: came.endswith(PG_TERMINATE))
            leave(secured)

    words = ("--protocol", "postgres", "--scenario", "servers/goodbye", "--patience", ENOUGH)
    done = tlsbye("probe", serving(postgres), *words, check=0)
    assert lines_of(done.stdout)["after goodbye in its own protocol"] == "15 bytes, close_notify, FIN"


def test_mysql_is_heard_by_its_third_packet_and_ended_by_quit(tlsbye, serving, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    com_quit = b"\x01\x00\x00\x00\x01"

    def mysql(connection):
        connection.sendall(b"\x09\x00\x00\x00\x0a8.0.1\x00\x01\x02")
        # The ClientHello may be right behind it: the client waits for nothing.
        assert exactly(connection, 36).startswith(b"\x20\x00\x00\x01")
        with context.wrap_socket(connection, server_side=True) as secured:
            came = heard(secured, lambda came: b"tlsbye\x00" in came)
            secured.sendall(b"\x07\x00\x00\x03\x00\x00\x00\x02\x00\x00\x00")
            try:
                if not came.endswith(com_quit):
                    heard(secured, lambda came: came.endswith(com_quit))
                leave(secured)
            except ConnectionError:
                secured.unwrap()  # the client closed first, and waits for the answer

    for scenario, situation in (("goodbye", "after goodbye in its own protocol"), ("close-notify", "after our close_notify")):
        done = tlsbye("probe", serving(mysql), "--protocol", "mysql", "--scenario", f"servers/{scenario}", "--patience", ENOUGH, check=0)
        assert lines_of(done.stdout)[situation] == "11 bytes, close_notify, FIN"


def test_a_server_is_called_by_the_name_of_sni_where_its_protocol_names_it(tlsbye, serving, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    features = b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"

    def xmpp(connection):
        if b"to='chat.example'" not in heard(connection, lambda came: came.endswith(b"version='1.0'>")):
            connection.sendall(b"<stream:stream>" + b" " * 200 + b"<stream:error><host-unknown/></stream:error></stream:stream>")
            return
        connection.sendall(b"<stream:stream>" + features)
        heard(connection, lambda came: came.endswith(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"))
        connection.sendall(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        with context.wrap_socket(connection, server_side=True) as secured:
            heard(secured, lambda came: b"to='chat.example'" in came and came.endswith(b"</stream:stream>"))
            secured.sendall(b"</stream:stream>")
            leave(secured)

    words = ("--protocol", "xmpp", "--scenario", "servers/goodbye", "--patience", ENOUGH)
    done = tlsbye("probe", serving(xmpp), *words, "--sni", "chat.example", check=0)
    assert lines_of(done.stdout)["after goodbye in its own protocol"] == "16 bytes, close_notify, FIN"
    refused = tlsbye("probe", serving(xmpp), *words, check=3)
    assert "<host-unknown/>" in refused.stderr


def mutated(context, mutate):
    """A real TLS server that answers a close_notify by its own; whatever it sends behind the handshake goes through mutate(bytes)."""

    def act(connection):
        came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        secured = context.wrap_bio(came, goes, server_side=True)
        done = False
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                if not done:
                    secured.do_handshake()
                    connection.sendall(goes.read())
                    done = True
                if not secured.read(1):
                    secured.unwrap()
                    connection.sendall(mutate(goes.read()))
                    return
            connection.sendall(goes.read())
            more = connection.recv(65536)
            if not more:
                return
            came.write(more)

    return act


MUTATIONS = {
    "one bit of its close_notify": (lambda sent: sent[:-1] + bytes([sent[-1] ^ 1]), "(alert of 31 bytes that cannot be read, )?FIN"),
    "a fatal close_notify in the clear before it": (
        lambda sent: b"\x15\x03\x03\x00\x02\x02\x00" + sent,
        "close_notify of level 2 in the clear, close_notify, FIN",
    ),
    "a warning in the clear before it": (
        lambda sent: b"\x15\x03\x03\x00\x02\x01\x0a" + sent,
        "warning alert unexpected_message in the clear, close_notify, FIN",
    ),
    "half of its close_notify": (lambda sent: sent[: len(sent) // 2], "FIN within a record, of which [0-9]+ bytes are missing"),
    "words outside TLS instead": (lambda sent: b"421 localhost lost input connection\r\n", "37 bytes outside TLS, FIN without close_notify"),
}


@pytest.mark.parametrize("what", MUTATIONS)
def test_what_is_spoilt_behind_the_handshake_is_no_reason_for_another_verdict(tlsbye, serving, certificate, what):
    mutate, told = MUTATIONS[what]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = serving(mutated(context, mutate))
    done = tlsbye("probe", server, "--scenario", "servers/close-notify-before-a-word", "--patience", ENOUGH, check=0)
    for did in did_in(done.stdout, "after a close_notify before a word was said"):
        assert re.fullmatch(told, did), did
    accused = {cell["clause"].partition("/")[2] for cell in tlsbye.report()["cells"] if cell["verdict"] in ("violates", "discouraged")}
    assert accused <= {"what-is-sent-can-be-opened"}  # which is so: they cannot


def test_random_bytes_in_place_of_tls_end_in_a_word_for_each_seed(tlsbye, serving):
    for seed in range(8):
        chance = random.Random(seed)
        flood = b"".join(bytes([chance.choice([20, 21, 22, 23]), 3, 3]) + chance.randbytes(chance.randint(1, 3000)) for _ in range(4))

        def act(connection, flood=flood):
            connection.recv(1)
            connection.sendall(flood)

        done = tlsbye("probe", serving(act), "--patience", ENOUGH, "--protocol", "http", check=3)
        assert "nothing can be judged of it" in done.stderr
        assert all(character.isprintable() or character == "\n" for character in done.stderr)
    assert not (tlsbye.folder / "out" / "run.json").exists()

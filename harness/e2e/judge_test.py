"""tlsbye judge: what it reads in captures of our own runs is what the wire told of them while they ran; and tshark reads the same elsewhere."""

import collections
import json
import pathlib
import struct

import pytest

from capture_test import GIVEN, SENT, block_types, capture_of, read_transcripts, records_of, tshark  # noqa: F401

PACKET = 6


def alerts_in(content):
    """Whole alerts only, as our oracle counts them."""
    pairs = [tuple(content[i : i + 2]) for i in range(0, len(content), 2)]
    return pairs if len(content) % 2 == 0 else []


def told_by_wire(transcript):
    """What the subject sent and was given, in order: alerts, and the ends of streams."""
    acts = {SENT: [], GIVEN: []}
    records = records_of(transcript)
    for number, event in enumerate(transcript["events"], 1):
        if event["kind"] == "record" and event["from"] == "subject" and not event.get("made"):
            side, record, whole = SENT, records[number], event.get("missing", 0) == 0
        elif event["kind"] == "delivered" and records[event["record"]]["from"] == "partner":
            record = records[event["record"]]
            side, whole = GIVEN, event.get("bytes", record["wire_bytes"]) == record["wire_bytes"]
        else:
            if event["kind"] == "transport-end":
                seen = event["from"] == "subject" and not event.get("delivered") or event["from"] == "partner" and event.get("delivered")
                if seen:
                    acts[SENT if event["from"] == "subject" else GIVEN].append("reset" if event["end"] == "reset" else "fin")
            continue
        if record["type"] == "alert" and whole and not record.get("damaged"):
            acts[side] += alerts_in(bytes.fromhex(record.get("content", "")))
    return acts


def judged_acts(connection):
    acts = {"client": [], "server": []}
    for act in connection["acts"]:
        if act["what"] in ("close-notify", "alert"):
            acts[act["side"]].append((act["alert"]["level"], act["alert"]["description"]))
        elif act["what"] in ("fin", "reset"):
            acts[act["side"]].append(act["what"])
    return acts


@pytest.fixture(scope="module")
def runs(full_run, tmp_path_factory):
    """Every run that has a capture: its transcript, and the connections that judge finds in it. All captures are one file: one call."""
    out = full_run.folder / "out"
    transcripts = read_transcripts(out)
    run_of = [None]
    together = tmp_path_factory.mktemp("judge") / "all.pcapng"
    with together.open("wb") as file:
        for index, transcript in enumerate(transcripts):
            data = capture_of(out, transcript["replay"]).read_bytes()
            run_of += [index] * block_types(data).count(PACKET)
            file.write(data)
    judged = json.loads(full_run("judge", together, "--json", check=0).stdout)
    connections = collections.defaultdict(list)
    for connection in judged["connections"]:
        connections[run_of[connection["packet"]]].append(connection)
    return [(transcript, connections[index]) for index, transcript in enumerate(transcripts)]


def test_all_captures_of_a_run_give_the_alerts_and_ends_of_their_transcripts(runs):
    different, told_of = [], collections.Counter()
    for transcript, connections in runs:
        subject, partner = ("client", "server") if transcript["run"]["role"] == "client" else ("server", "client")
        judged = {SENT: [], GIVEN: []}
        for connection in connections:
            acts = judged_acts(connection)
            judged[SENT] += acts[subject]
            judged[GIVEN] += acts[partner]
        expected = told_by_wire(transcript)
        told_of.update(act if isinstance(act, str) else "alert" for side in expected.values() for act in side)
        if judged != expected:
            different.append((transcript["replay"], expected, judged))
    assert not different, different[:3]
    assert min(told_of[what] for what in ("alert", "fin", "reset")) > 10, told_of


CAPTURES = pathlib.Path(__file__).parent / "captures"  # by tcpdump, of programs that talked over loopback, with their key logs inside
NAMES = sorted(file.name for file in CAPTURES.iterdir())


def judge(tlsbye, file, *words):
    return json.loads(tlsbye("judge", file, "--json", *words, check=0).stdout)


def with_packets(name, change):
    """The capture, with its packet blocks changed: `change` gets a list and gives one."""
    rest, head, packets = (CAPTURES / name).read_bytes(), b"", []
    while rest:
        kind, size = struct.unpack_from("<II", rest)
        if kind == PACKET:
            packets.append(rest[:size])
        elif not packets:
            head += rest[:size]
        rest = rest[size:]
    return head + b"".join(change(packets))


@pytest.mark.parametrize("name", NAMES)
def test_tshark_sees_the_same_alerts_and_ends_in_the_same_packets(tlsbye, tshark, name):  # noqa: F811
    fields = ["frame.number", "tls.alert_message.desc", "tcp.flags.fin", "tcp.flags.reset"]
    shown = []
    # Without HTTP: while tshark 4.4 waits for the end of a body, it leaves the alert behind it out.
    words = ("--disable-protocol", "http", "-Y", "tls.alert_message.desc || tcp.flags.fin == 1 || tcp.flags.reset == 1")
    for number, description, fin, reset in tshark(CAPTURES / name, *words, fields=fields):
        shown += [(int(number), int(each)) for each in description.split(",") if each]
        shown += [(int(number), "fin")] if fin in ("1", "True") else []
        shown += [(int(number), "reset")] if reset in ("1", "True") else []
    (connection,) = judge(tlsbye, CAPTURES / name)["connections"]
    assert [(act["packet"], act["alert"]["description"] if "alert" in act else act["what"]) for act in connection["acts"]] == shown
    assert len(shown) == 4
    assert connection["tls"] == name.removesuffix(".pcapng")[-3:]
    assert {each["verdict"] for each in connection["verdicts"]} == {"conforms"}
    assert all(connection["read"].values())


@pytest.mark.parametrize("name", NAMES)
def test_whatever_packet_is_missing_nobody_is_accused(tlsbye, tmp_path, name):
    whole = len(judge(tlsbye, CAPTURES / name)["connections"][0]["acts"])
    packets = []
    with_packets(name, lambda all_of_them: packets.extend(all_of_them) or [])
    fewer = tmp_path / "fewer.pcapng"
    for left_out in range(len(packets)):
        for change in (lambda it: it[:left_out] + it[left_out + 1 :], lambda it: it[left_out:], lambda it: it[:left_out]):
            data = with_packets(name, change)
            fewer.write_bytes(data)
            judged = judge(tlsbye, fewer)
            for connection in judged["connections"]:
                assert {each["verdict"] for each in connection["verdicts"]} <= {"conforms"}, connection["told"]
                assert "without" not in connection["told"]
                assert not any(act["what"].endswith("behind-end") for act in connection["acts"]), connection["told"]
                assert len(connection["acts"]) <= whole


@pytest.mark.parametrize("name", NAMES)
def test_packets_twice_and_out_of_order_change_nothing(tlsbye, tmp_path, name):
    told_first = judge(tlsbye, CAPTURES / name)["connections"][0]["told"]
    file = tmp_path / "twice.pcapng"
    file.write_bytes(with_packets(name, lambda packets: [each for packet in packets for each in (packet, packet)]))
    assert judge(tlsbye, file)["connections"][0]["told"] == told_first


@pytest.mark.parametrize("name", NAMES)
def test_without_keys_it_says_what_can_be_known_and_no_more(tlsbye, tmp_path, name):
    data, kept = (CAPTURES / name).read_bytes(), b""
    while data:
        kind, size = struct.unpack_from("<II", data)
        kept += b"" if kind == 10 else data[:size]
        data = data[size:]
    (tmp_path / "bare.pcapng").write_bytes(kept)
    (connection,) = judge(tlsbye, tmp_path / "bare.pcapng")["connections"]
    whats = [act["what"] for act in connection["acts"]]
    assert whats.count("fin") == 2
    assert whats.count("unread-alert") == (2 if "1.2" in name else 0)
    assert len(whats) == (4 if "1.2" in name else 2)
    assert not connection["verdicts"]
    assert not any(connection["read"].values())


def test_a_close_notify_that_never_came_is_told_and_the_gate_says_no(full_run, runs):
    folder = full_run.folder
    for transcript, connections in runs:
        if any(each["verdict"] == "violates" for connection in connections for each in connection["verdicts"]):
            file = capture_of(folder / "out", transcript["replay"])
            assert "violates" in full_run("judge", file, "--gate", check=1).stdout
            assert "violates" in full_run("judge", file, "--markdown", check=0).stdout
            return
    raise AssertionError("no run of all violates a clause that speaks of the wire alone")


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "the file is empty, at byte 0"), (b"GET / HTTP/1.0\r\n\r\n and so on", "neither pcap nor pcapng, at byte 0"), (b"\xd4\xc3\xb2\xa1" + bytes(20) + b"x", "ends within the header of a packet, at byte 24")],
)
def test_what_is_not_a_capture_is_said_so_with_the_place(tlsbye, tmp_path, content, says):
    (tmp_path / "it.pcap").write_bytes(content)
    stderr = tlsbye("judge", "it.pcap", check=2).stderr
    assert "it.pcap: " in stderr and says in stderr


def test_a_key_log_without_a_line_for_us_is_an_error(tlsbye, tmp_path):
    (tmp_path / "keys").write_text("no key\n")
    assert "keys: no line of it" in tlsbye("judge", CAPTURES / NAMES[0], "--keys", "keys", check=2).stderr

"""Captures: tshark, which knows nothing of this harness, decrypts every one and finds the alerts that our wire told of, and no others."""

import collections
import functools
import json
import os
import re
import shutil
import struct
import subprocess

import pytest

from conftest import PATIENCE, told_runs

PACKET, SECRETS = 6, 10  # types of pcapng's blocks
SENT, GIVEN = "sent", "given"  # by the subject, to the subject
AGREE, DISAGREE = "agree", "disagree"


@pytest.fixture(scope="session")
def tshark(tmp_path_factory):
    """Runs tshark on a file, with nobody's preferences, and gives its lines, split at tabs."""
    assert shutil.which("tshark"), "install tshark"
    config = tmp_path_factory.mktemp("wireshark")

    def run(file, *words, fields):
        command = ["tshark", "-n", "-r", file, *words, "-T", "fields", *(word for field in fields for word in ("-e", field))]
        environment = {**os.environ, "WIRESHARK_CONFIG_DIR": str(config), "SSLKEYLOGFILE": ""}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    return run


def read_transcripts(out):
    return [json.loads(line) for line in (out / "transcripts.jsonl").read_text().splitlines()]


@functools.cache
def told(out):
    return told_runs(out)


def capture_of(out, replay):
    return out / "captures" / f"{told(out)[replay].stem}.pcapng"


def block_types(data):
    types, at = [], 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        types.append(kind)
        at += size
    return types


class Seen:
    """What tshark shows of the captures of some runs: alerts[replay][SENT or GIVEN], a list of (level, description)."""

    def __init__(self, out, transcripts, tshark, folder):
        # A tshark a file would take minutes. A pcapng file may have several sections, each with its own secrets: one after another they are
        # one file, in which a packet's run follows from how many packets came before it.
        run_of = [None]
        self.without_secrets = set()
        self.file = folder / "all.pcapng"
        with self.file.open("wb") as together:
            for transcript in transcripts:
                data = capture_of(out, transcript["replay"]).read_bytes()
                types = block_types(data)
                run_of += [transcript["replay"]] * types.count(PACKET)
                if SECRETS not in types:
                    self.without_secrets.add(transcript["replay"])
                together.write(data)
        self.alerts = {transcript["replay"]: {SENT: [], GIVEN: []} for transcript in transcripts}
        fields = ("frame.number", "ip.src", "tls.alert_message.level", "tls.alert_message.desc")
        for number, source, levels, descriptions in tshark(self.file, "-Y", "tls.alert_message.level", fields=fields):
            side = SENT if source.endswith(".1") else GIVEN
            told = zip(map(int, levels.split(",")), map(int, descriptions.split(",")), strict=True)
            self.alerts[run_of[int(number)]][side] += told


# --- What our wire told, and how it may differ from what Wireshark shows ---


def records_of(transcript):
    """The records of a run by number, with what was read of them in the end: keys may come later than what they open."""
    records = {}
    for number, event in enumerate(transcript["events"], 1):
        if event["kind"] == "record":
            records[number] = dict(event)
        elif event["kind"] == "opened":
            records[event["record"]].update({key: event[key] for key in ("reading", "type", "content", "handshake") if key in event})
    return records


def is_sealed_under_a_bare_header(record):
    """GnuTLS behind early data: the header says "alert", and what follows is sealed, at least a tag of 16 bytes longer than an alert."""
    return record["type"] == "alert" and not record.get("encrypted") and len(record.get("content", "")) >= 2 * (2 + 16)


def alerts_told(transcript, departures=None):
    """The alerts that Wireshark can show of a run, by our transcript. It shows the first alert of a whole record that it can authenticate, and
    nothing of any other; what that takes away is counted in `departures`."""
    told = {SENT: [], GIVEN: []}
    departures = collections.Counter() if departures is None else departures
    records = records_of(transcript)
    for number, event in enumerate(transcript["events"], 1):
        if event["kind"] == "record" and event["from"] == "subject" and not event.get("made"):
            side, record = SENT, records[number]  # whatever became of it
            truncated = record.get("missing", 0) > 0
        elif event["kind"] == "delivered" and records[event["record"]]["from"] == "partner":
            side, record = GIVEN, records[event["record"]]
            truncated = event.get("bytes", 0) < record["wire_bytes"]
        else:
            continue
        if record["type"] != "alert":
            continue
        content = bytes.fromhex(record.get("content", ""))
        if truncated:
            departures["a truncated record"] += 1
        elif record.get("damaged"):
            departures["a damaged record"] += 1
        elif len(content) < 2:
            departures["half an alert, or none"] += 1
        elif is_sealed_under_a_bare_header(record):
            departures["a sealed alert, by its header in the clear"] += 1
        else:
            told[side].append((content[0], content[1]))
            if len(content) > 2:
                departures["more than an alert"] += 1
    return told


def finishes_again(transcript):
    """TLS 1.3 authentication after the handshake: Wireshark takes the client's Finished for that of a handshake, and begins its keys anew."""
    dropped = {e["record"] for e in transcript["events"] if e["kind"] == "lost" and e["why"] == "dropped"}
    finished = [it["from"] for number, it in records_of(transcript).items() if it.get("handshake") == "Finished" and number not in dropped]
    sessions = 1 + sum(e["kind"] == "new-session" for e in transcript["events"])
    return transcript["run"]["tls"] == "1.3" and max(map(finished.count, ("subject", "partner"))) > sessions


# Why the two may know different amounts of a run, and which of them the less: "ours" or "theirs".
# Raw bytes may make Wireshark take the connection for another protocol's from there on.
BY_CHANCE = "sealed bytes that look like an alert"
RULES = {
    "our wire could not read every record": ("ours", lambda transcript, seen: any(it["reading"] != "read" for it in records_of(transcript).values())),
    "no secrets for Wireshark": ("theirs", lambda transcript, seen: transcript["replay"] in seen.without_secrets),
    "raw bytes among the records": ("theirs", lambda transcript, seen: any(e.get("type") == "raw" for e in transcript["events"])),
    # Once in a thousand times the first two sealed bytes look like an alert.
    BY_CHANCE: ("ours", lambda transcript, seen: any(map(is_sealed_under_a_bare_header, records_of(transcript).values()))),
    "Finished after the handshake": ("theirs", lambda transcript, seen: finishes_again(transcript)),
}


def is_part(less, more):
    """Whether `less` is `more` with some left out."""
    rest = iter(more)
    return all(it in rest for it in less)


def compare(transcript, seen, told=None):
    """AGREE, DISAGREE or the rule by which one of the two knows less. Even then it may not know anything else."""
    told = told or alerts_told(transcript)
    shown = seen.alerts[transcript["replay"]]
    if told == shown:
        return AGREE
    for rule, (who, applies) in RULES.items():
        if not applies(transcript, seen):
            continue
        less, more = (told, shown) if who == "ours" else (shown, told)
        if all(is_part(less[side], more[side]) for side in (SENT, GIVEN)):
            return rule
    return DISAGREE


def compare_all(transcripts, seen):
    results = collections.Counter()
    differences = []
    for transcript in transcripts:
        result = compare(transcript, seen)
        results[result] += 1
        if result == DISAGREE:
            differences.append((transcript["replay"], alerts_told(transcript), seen.alerts[transcript["replay"]]))
    assert not differences, differences[:3]
    return results


# --- The main job ---


@pytest.fixture(scope="module")
def out(full_run):
    return full_run.folder / "out"


@pytest.fixture(scope="module")
def transcripts(out):
    return read_transcripts(out)


@pytest.fixture(scope="module")
def seen(out, transcripts, tshark, tmp_path_factory):
    return Seen(out, transcripts, tshark, tmp_path_factory.mktemp("captures"))


def test_every_deciding_run_has_its_capture_and_there_are_no_others(out, transcripts):
    assert {file.name for file in (out / "captures").iterdir()} == {capture_of(out, t["replay"]).name for t in transcripts}
    for transcript in transcripts:
        text = told(out)[transcript["replay"]]
        assert f"captures/{text.stem}.pcapng\n" in text.read_text()


def test_all_captures_together_are_small(out):
    assert sum(file.stat().st_size for file in (out / "captures").iterdir()) < 60_000_000


@pytest.mark.heavy
def test_tshark_agrees_with_our_wire_on_every_deciding_run(transcripts, seen):
    results = compare_all(transcripts, seen)
    departures = collections.Counter()
    for transcript in transcripts:
        alerts_told(transcript, departures)
    print(dict(results), dict(departures))
    # A rule that no run needs any more, or a departure that never comes, is to be taken away.
    version = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True).stdout
    before_4_6 = tuple(map(int, re.search(r"(\d+)\.(\d+)", version).groups())) < (4, 6)
    assert set(results) - {BY_CHANCE} == {AGREE, "our wire could not read every record", "raw bytes among the records",
                            *(["Finished after the handshake"] if before_4_6 else [])}
    assert set(departures) == {"a truncated record", "a damaged record", "half an alert, or none", "more than an alert",
                               "a sealed alert, by its header in the clear"}
    assert results[AGREE] > 0.98 * len(transcripts)
    for side in (SENT, GIVEN):
        assert sum(len(seen.alerts[t["replay"]][side]) for t in transcripts) > len(transcripts) / 3


CHANGES = {
    "another description": lambda told, side: told[side].__setitem__(-1, (told[side][-1][0], told[side][-1][1] ^ 1)),
    "another level": lambda told, side: told[side].__setitem__(0, (told[side][0][0] ^ 3, told[side][0][1])),
    "one more": lambda told, side: told[side].append(told[side][-1]),
    "one less": lambda told, side: told[side].pop(),
    "from the other side": lambda told, side: told[GIVEN if side == SENT else SENT].append(told[side].pop()),
}


@pytest.mark.heavy
@pytest.mark.parametrize("change", CHANGES)
def test_a_single_alert_that_is_not_as_our_wire_told_is_noticed_in_every_run(transcripts, seen, change):
    tried = 0
    for transcript in transcripts:
        if any(applies(transcript, seen) for _, applies in RULES.values()):
            continue
        for side in (SENT, GIVEN):
            told = alerts_told(transcript)
            if not told[side]:
                continue
            CHANGES[change](told, side)
            assert compare(transcript, seen, told) == DISAGREE, transcript["replay"]
            tried += 1
    assert tried > 1000


@pytest.mark.heavy
def test_tshark_finds_nothing_wrong_with_our_packets(seen, tshark):
    checks = [word for name in ("ip", "tcp") for word in ("-o", f"{name}.check_checksum:TRUE")]
    wrong = "tcp.analysis.flags || tcp.checksum.status != 1 || ip.checksum.status != 1 || _ws.malformed && !tls"
    assert tshark(seen.file, *checks, "-Y", wrong, fields=["frame.number", "_ws.col.Info"]) == []
    assert tshark(seen.file, *checks, "-c", "1", "-Y", f"!({wrong})", fields=["frame.number"]) == [["1"]]


def test_no_two_captures_share_a_connection(transcripts, seen, tshark):
    connections = tshark(seen.file, "-Y", "tcp.flags.syn == 1 && tcp.flags.ack == 0", fields=["ip.src", "tcp.srcport", "ip.dst", "tcp.dstport"])
    assert len(connections) >= len(transcripts)
    assert len({tuple(it) for it in connections}) == len(connections)


# --- A part of it, and single runs ---


def test_tshark_agrees_where_stacks_meet_themselves_and_without_secrets_it_shows_no_more_than_we_know(tlsbye, tshark, tmp_path):
    selection = ["--stack", "wolfssl", "--partner", "wolfssl", "--scenario", "would-block/*", "--scenario", "alerts/*", "--role", "client"]
    tlsbye("run", *selection, check=0)
    transcripts = read_transcripts(tmp_path / "out")
    seen = Seen(tmp_path / "out", transcripts, tshark, tmp_path)
    results = compare_all(transcripts, seen)
    assert results[AGREE] > 10
    assert results["no secrets for Wireshark"] > 0
    assert {t["run"]["tls"] for t in transcripts if t["replay"] in seen.without_secrets} == {"1.3"}, "TLS 1.2 has its key log"
    bare = next(t["replay"] for t in transcripts if t["replay"] in seen.without_secrets)
    assert "bare traffic keys" in capture_of(tmp_path / "out", bare).read_bytes().decode("latin-1")


def a_run(full_run):
    """A replay id, and one like it that decided nothing."""
    deciding = {it["replay"] for it in full_run.report()["cells"] + full_run.report()["traits"]}
    for replay in sorted(deciding):
        other = replay.replace(":blocking:", ":nonblocking:")
        if replay.startswith("clean-reply/") and other not in deciding:
            return replay, other
    raise AssertionError("no such run")


def test_replay_writes_the_capture_of_any_run(full_run, tlsbye, tshark, tmp_path):
    for replay in a_run(full_run):
        tlsbye("replay", replay, "--capture", "it.pcapng", check=0)
        data = (tmp_path / "it.pcapng").read_bytes()
        assert f"tlsbye replay '{replay}'".encode() in data
        alerts = tshark(tmp_path / "it.pcapng", "-Y", "tls.alert_message.desc == 0", fields=["ip.src", "frame.packet_flags_direction"])
        assert {(source[-2:], int(direction, 0)) for source, direction in alerts} == {(".1", 2), (".2", 1)}, "a close_notify out of the subject, and one in"


def test_without_its_secrets_a_capture_shows_no_encrypted_alert(full_run, tlsbye, tshark, tmp_path):
    replay, _ = a_run(full_run)
    tlsbye("replay", replay, "--capture", "it.pcapng", check=0)
    rest = (tmp_path / "it.pcapng").read_bytes()
    kept = b""
    while rest:
        kind, size = struct.unpack_from("<II", rest)
        kept += b"" if kind == SECRETS else rest[:size]
        rest = rest[size:]
    (tmp_path / "bare.pcapng").write_bytes(kept)
    assert tshark(tmp_path / "it.pcapng", "-Y", "tls.alert_message.desc", fields=["frame.number"])
    assert not tshark(tmp_path / "bare.pcapng", "-Y", "tls.alert_message.desc", fields=["frame.number"])


def test_a_packet_names_the_script_line_it_belongs_to(full_run, tlsbye, tshark, tmp_path):
    replay, _ = a_run(full_run)
    story = tlsbye("replay", replay, "--capture", "it.pcapng", check=0).stdout
    comments = [line[0] for line in tshark(tmp_path / "it.pcapng", "-Y", "frame.comment", fields=["frame.comment"])]
    assert comments[0] == "before the script"
    assert len(comments) > 2
    for comment in comments[1:]:
        number, words = comment.removeprefix("line ").split(": ", 1)
        assert f"{number:>3} | {words}\n" in story


def test_a_capture_that_cannot_be_written_is_said_so(full_run, tlsbye):
    replay, _ = a_run(full_run)
    assert "it.pcapng" in tlsbye("replay", replay, "--capture", "no-such-folder/it.pcapng", check=2).stderr

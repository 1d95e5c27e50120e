"""`tlsbye run --sweep`: faults at every transport call, ends after every byte, and the smallest of them in the replay id."""

import re

import pytest

from conftest import cells_by_key, verdicts

SMALL = ("--scenario", "swept/close-and-reply", "--role", "client", "--tls", "1.3")
SCHEDULE = re.compile(r"\+((send|recv)\d+=(EAGAIN|EINTR|short|EPIPE|ECONNRESET)(,(send|recv)\d+=EAGAIN)?|(cut|fin|reset)@\d+)$")


def without_times(report):
    return {key: value for key, value in report.items() if key not in {"duration_s", "day"}}


def size(replay):
    schedule = replay.partition("+")[2]
    return len(schedule.split(",")) if schedule else 0


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """One scenario swept, and the same one plain and without pairs."""
    from conftest import Tlsbye

    program = Tlsbye(tmp_path_factory.mktemp("swept"))
    program("run", *SMALL, "--out", "plain", check=0)
    program("run", *SMALL, "--sweep", "--pairs", 0, "--out", "single", check=0)
    program("run", *SMALL, "--sweep", "--out", "out", check=0)
    return program


def test_a_sweep_makes_hundreds_of_runs_of_one(swept):
    plain, single, all_ = (swept.report(out)["runs"] for out in ("plain", "single", "out"))
    assert plain * 100 < single < all_


def test_no_cell_is_our_own_fault_and_every_schedule_is_one(swept):
    report = swept.report()
    assert report["complete"] is True and report["problems"] == []
    assert not [c for c in report["cells"] if c["verdict"] == "harness-error"]
    schedules = [c["replay"] for c in report["cells"] if "+" in c["replay"]]
    assert schedules
    assert not [it for it in schedules if not SCHEDULE.search(it)]


def test_a_verdict_is_decided_by_the_smallest_schedule_that_gives_it(swept):
    plain, single, all_ = (cells_by_key(swept.report(out)) for out in ("plain", "single", "out"))
    assert plain.keys() == single.keys() == all_.keys()
    for key, cell in all_.items():
        for smaller in (plain[key], single[key]):
            if smaller["verdict"] == cell["verdict"]:
                assert cell["replay"] == smaller["replay"], key
        assert size(single[key]["replay"]) <= 1
    assert {size(c["replay"]) for c in all_.values() if c["replay"]} >= {0, 1}


def test_a_sweep_is_the_same_each_time_with_any_number_of_jobs_and_isolated(swept):
    for words in (["--jobs", 1], ["--jobs", 2], ["--isolate"]):
        swept("run", *SMALL, "--sweep", *words, "--out", "again", check=0)
        assert without_times(swept.report("again")) == without_times(swept.report())


def test_what_a_sweep_found_can_be_replayed_and_shows_the_fault_where_it_hit(swept):
    decided = {c["replay"] for c in swept.report()["cells"] if "+" in c["replay"]}
    calls = sorted(it for it in decided if "=" in it)
    ends = sorted(it for it in decided if re.search(r"\+(fin|reset)@[1-9]", it))
    assert calls and ends
    for replay in calls[:6]:
        story = swept("replay", replay, check=0).stdout
        flow, number = re.search(r"\+(send|recv)(\d+)=", replay).groups()
        assert f"call {number} of the subject's {flow}" in story
        assert "[injected]" in story
    for replay in ends[:6]:
        story = swept("replay", replay, check=0).stdout
        how, count = re.search(r"\+(fin|reset)@(\d+)", replay).groups()
        assert re.search(rf"sweep +{'FIN' if how == 'fin' else 'RST'} towards the subject after {count} more bytes", story)
        assert re.search(rf"wire +partner->subject +{'FIN' if how == 'fin' else 'RST'} +\[the wire's doing\]", story)


@pytest.mark.parametrize("schedule", ["send0=EAGAIN", "send1", "recv1=EPIPE", "cut@x", "hangup@3", ""])
def test_a_schedule_that_is_none_is_told(tlsbye, schedule):
    replay = "swept/close-and-reply:openssl@:client:1.3:blocking:openssl@"
    assert tlsbye("replay", replay, check=0)
    done = tlsbye("replay", f"{replay}+{schedule}", check=2)
    assert "schedule" in done.stderr


def test_a_sweep_of_nothing_is_told(tlsbye):
    done = tlsbye("run", "--sweep", "--scenario", "clean-reply/subject-closes-first", check=2)
    assert "--sweep" in done.stderr and "sweep =" in done.stderr


def test_the_list_of_scenarios_ends_with_the_cases_that_none_carries(tlsbye):
    text = tlsbye("list", "scenarios", check=0).stdout
    rest = text[text.index("cases of other suites") :]
    assert "not carried: " in rest
    assert "NOT CARRIED" not in rest

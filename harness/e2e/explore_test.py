"""Random scripts: what is planted is found, shrunk and kept, the same for the same seed, and taken by the other commands."""

import json
import os
import pty
import re
import resource
import shlex
import signal
import subprocess

import jsonschema
import pytest

from conftest import FALSE_CLAUSE, PROGRAM, ROOT

# Clauses that say what is false.
PLANTED = FALSE_CLAUSE + """
[[clause]]
id       = "nothing-is-written-after-data"
strength = "must"
applies  = { tls = "1.3" }
cites    = ["nowhere"]
says     = "A write that follows the peer's data fails."
property = "answers"
with     = { call = "write", given = ["handshake-done", "data-arrived"], never = ["done"] }
"""
EVERYTHING_IS_NEW = "nothing.toml"


@pytest.fixture
def planted(tlsbye):
    folder = tlsbye.folder / "planted"
    (folder / "clauses").mkdir(parents=True)
    (folder / "clauses/planted.toml").write_text(PLANTED)
    (tlsbye.folder / EVERYTHING_IS_NEW).write_text("")
    return tlsbye


def words(*more, clause="planted/*", against=EVERYTHING_IS_NEW):
    return ("explore", "--scenarios", "planted", "--clause", clause, "--against", against, *more)


def seen(tlsbye, out="out/explored"):
    told = json.loads((tlsbye.folder / out / "explored.json").read_text())
    schema = json.loads((ROOT / "reports/explored.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(told)
    return told


def test_the_command_that_is_kept_makes_the_same_again_with_all_its_words(planted):
    planted(*words("--runs", 200, "--stack", "gnu*", "--out", "first"), check=0)
    kept = seen(planted, "first")
    program, *command = shlex.split(kept["command"])
    assert program == "tlsbye" and "--against" in command and "--scenarios" in command
    planted(*command, "--out", "again", check=0)
    again = seen(planted, "again")
    assert kept["pairs"] and [pair["script"] for pair in again["pairs"]] == [pair["script"] for pair in kept["pairs"]]
    assert again["runs"] == kept["runs"] and again["seed"] == kept["seed"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_a_false_clause_says_is_found_with_every_seed(planted, seed):
    planted(*words("--seed", seed, "--runs", 1000, "--stack", "gnutls"), check=0)
    pairs = seen(planted)["pairs"]
    assert {pair["clause"] for pair in pairs} == {"planted/reads-never-end", "planted/nothing-is-written-after-data"}
    for pair in pairs:
        assert pair["shrunk"] and pair["repeats"] and pair["verdict"] == "violates" and pair["stack"] == "gnutls"
        assert len(pair["script"]) <= 4 and any(line["decisive"] for line in pair["evidence"])


def test_run_replay_and_show_take_what_was_kept(planted):
    done = planted(*words("--runs", 600, "--stack", "gnutls"), check=0)
    folders = ("--scenarios", "planted", "--scenarios", "out/explored")
    report = planted("run", *folders, "--scenario", "explored/*", "--clause", "planted/*", check=0) and planted.report()
    for pair in seen(planted)["pairs"]:
        assert pair["command"] in done.stdout
        program, *command = shlex.split(pair["command"])
        assert program == "tlsbye"
        broken = planted(*command, check=0).stdout.split("; broken:")[1]
        assert f"\n{pair['clause']} (must)" in broken and f"seen: {pair['says']}" in broken
        shown = planted("show", pair["scenario"], *folders, check=0).stdout
        assert all(line in shown for line in pair["script"])
        (cell,) = (it for it in report["cells"] if it["verdict"] == "violates" and it["clause"] == pair["clause"] and it["stack"] == "gnutls")
        assert (cell["role"], cell["tls"], cell["says"], cell["replay"]) == (pair["role"], pair["tls"], pair["says"], pair["replay"])


def test_what_a_run_or_a_list_names_is_not_new_and_then_no_scenario_file_is_left(planted):
    explore = ("--runs", 300, "--stack", "gnutls", "--gate")
    assert planted(*words(*explore)).returncode == 1
    assert (planted.folder / "out/explored/explored.toml").exists()
    planted("run", "--scenarios", "planted", "--scenarios", "out/explored", "--scenario", "explored/*", "--stack", "gnutls", check=0)
    planted(*words(*explore, against="out/run.json"), check=0)
    assert seen(planted)["pairs"] == [] and not (planted.folder / "out/explored/explored.toml").exists()
    (planted.folder / "known.toml").write_text(
        '[[known]]\nclause = "planted/*"\nstack = "gnutls"\nverdict = "violates"\nreason = "They are false."\nexpires = 2999-01-01\nbroad = true\n')
    planted(*words(*explore, against="known.toml"), check=0)


def test_a_library_that_lies_is_found(planted):
    peers = planted.folder / "peers"
    peers.mkdir()
    (peers / "tlsbye-peer-openssl").symlink_to(PROGRAM.parent / "peers/tlsbye-peer-openssl")
    for lie in ("end-then-data", "crash"):
        (peers / f"tlsbye-peer-{lie}").symlink_to(PROGRAM.parent / "rogues/tlsbye-peer-rogue")
    honest = words("--runs", 900, "--peers", "peers", clause="{any-stack/every-call-comes-back,rfc8446/close-notify-is-told-as-end-of-data}")
    planted(*honest, check=0)
    found = {(pair["stack"], pair["verdict"]) for pair in seen(planted)["pairs"]}
    assert ("crash", "crashed") in found and not any(stack == "openssl" for stack, _ in found)


def cells_of(tlsbye, scenarios, clauses):
    """The broken cells of a run of these scenarios, by scenario: {(clause, stack)}."""
    (tlsbye.folder / "less").mkdir(exist_ok=True)
    (tlsbye.folder / "less/less.toml").write_text("\n".join(scenarios))
    broken = {}
    for clause in clauses:
        for name in [re.search(r'id = "(.*)"', it)[1] for it in scenarios if f'why = "{clause} ' in it]:
            tlsbye("run", "--scenarios", "planted", "--scenarios", "less", "--scenario", f"less/{name}", "--clause", clause, "--stack", "gnutls", check=0)
            broken[name] = {(c["clause"], c["stack"]) for c in tlsbye.report()["cells"] if c["verdict"] in ("violates", "discouraged", "hung", "crashed")}
    return broken


def scenario_of(name, pair, lines):
    options = "".join(f"{key} = {json.dumps(pair[key])}\n" for key in ("options", "partner_options") if pair[key])
    return f"""[[scenario]]
id = "{name}"
title = "A line less"
why = "{pair['clause']} of {pair['stack']}"
roles = ["{pair['role']}"]
versions = ["{pair['tls']}"]
io = ["{pair['io']}"]
transport = "{pair['transport']}"
{options}script = '''
{chr(10).join(lines)}
'''
"""


def test_no_line_of_what_was_shrunk_can_go(planted):
    planted(*words("--runs", 500, "--stack", "gnutls", "--seed", 5, clause="{planted,gnutls-bye,rfc8446,rfc5246}/*"), check=0)
    pairs = seen(planted)["pairs"]
    assert len(pairs) >= 3 and all(pair["shrunk"] for pair in pairs)
    whole, less = [], []
    for number, pair in enumerate(pairs):
        script = pair["script"]
        whole.append(scenario_of(f"whole-{number}", pair, script))
        if len(script) > 1:
            less += [scenario_of(f"less-{number}-{at}", pair, script[:at] + script[at + 1:]) for at in range(len(script))]
    clauses = sorted({pair["clause"] for pair in pairs})
    broken = cells_of(planted, whole + less, clauses)
    for number, pair in enumerate(pairs):
        named = (pair["clause"], pair["stack"])
        assert named in broken[f"whole-{number}"]
        for name, cells in broken.items():
            assert not name.startswith(f"less-{number}-") or named not in cells, (name, pair["script"])


LONG = """
[[scenario]]
id       = "long"
title    = "More happens than is needed"
why      = "It is to be shrunk."
script   = '''
both     handshake               # the first line
partner  write 40KiB until done
subject  read 10
client   key-update requested
subject  io send EAGAIN x3
subject  write 20000 until done
wire     pass 1s
both     close until done
'''
"""


def shrunk_script(tlsbye):
    """The lines, and behind each what came of it."""
    lines = re.search(r"script   = '''\n(.*)\n'''", (tlsbye.folder / "out/shrunk/shrunk.toml").read_text(), re.S)[1].splitlines()
    return [tuple(part.rstrip() for part in line.partition("  # ")[::2]) for line in lines]


def test_a_scenario_is_shrunk_for_one_clause_and_library(planted):
    (planted.folder / "mine").mkdir()
    (planted.folder / "mine/mine.toml").write_text(LONG)
    folders = ("--scenarios", "planted", "--scenarios", "mine")
    planted("run", *folders, "--scenario", "mine/*", "--clause", "planted/nothing*", "--stack", "gnutls", check=0)
    (replay,) = {c["replay"] for c in planted.report()["cells"] if c["verdict"] == "violates" and c["role"] == "client"}
    for what in ("mine/long", replay):
        command = ("shrink", what, *folders, "--clause", "planted/nothing*", "--stack", "gnutls")
        told = planted(*command, check=0).stdout
        assert f"# Made by `tlsbye {shlex.join(command)}`.\n" in (planted.folder / "out/shrunk/shrunk.toml").read_text()
        assert shrunk_script(planted) == [("both     handshake", ""), ("partner  write 1", "done; sends application_data"), ("subject  write 1", "done; sends application_data")] and "1 pair of clause and library" in told
        assert "violates" in planted("run", *folders, "--scenarios", "out/shrunk", "--scenario", "shrunk/*", "--clause", "planted/*", check=0).stdout
    for more, said in ((("mine/lung",), "did you mean"), (("mine/long", "--clause", "gnutls-bye/success*"), "breaks none of these clauses"),
                       (("a:b",), "replay id")):
        assert said in planted("shrink", *more, *folders, "--stack", "gnutls", check=2).stderr


def test_the_same_seed_gives_the_same_files_on_one_core_and_on_two(planted):
    kept = []
    for jobs, out in ((1, "one"), (2, "two")):
        planted(*words("--runs", 400, "--stack", "gnutls", "--jobs", jobs, "--out", out, clause="{planted,gnutls-bye,rfc8446}/*"), check=0)
        kept.append([(planted.folder / out / name).read_text().replace(f"--scenarios {out}", "") for name in ("explored.toml", "explored.json")])
    assert kept[0] == kept[1] and len(seen(planted, "one")["pairs"]) > 2


def mine(number):
    return f"""
[[scenario]]
id       = "end-{number}"
title    = "The end is read"
why      = "No other script is for a server of TLS 1.0 alone."
roles    = ["server"]
versions = ["1.0"]
script   = '''
both     handshake
partner  close-write
subject  read to-end
'''
"""


def test_every_second_script_is_a_changed_scenario_and_the_users_own_are_among_them(planted):
    (planted.folder / "planted/mine.toml").write_text("".join(map(mine, range(600))))
    clauses = FALSE_CLAUSE.replace('stack = "gnutls", tls = "1.3"', 'role = "server", tls = "1.0"')
    (planted.folder / "planted/clauses/planted.toml").write_text(clauses)
    planted(*words("--runs", 600, clause="planted/reads*"), check=0)
    kept, pairs = scripts_of(planted), seen(planted)["pairs"]
    assert {pair["stack"] for pair in pairs} >= {"gnutls", "openssl"}
    listed = planted("list", "scenarios", "--scenarios", "planted", check=0).stdout
    origins = re.findall(r"\(run (\d+)(?:, of (\S+))?, against", kept)
    assert len(origins) == len(pairs) and any(scenario.startswith("mine/end-") for _, scenario in origins)
    assert all(scenario in listed for _, scenario in origins)


@pytest.mark.parametrize("times", [1, 2])
def test_an_interruption_keeps_what_was_found_and_shrinks_it_unless_there_is_a_second_one(planted, times):
    ours, its = pty.openpty()
    running = subprocess.Popen([PROGRAM, *words("--runs", "1000000000", "--stack", "gnutls")], cwd=planted.folder, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=its, text=True)
    os.close(its)
    told = b""
    while not re.search(rb"; [1-9][0-9]* new", told):
        told += os.read(ours, 65536)
    running.send_signal(signal.SIGINT)
    while True:  # what nobody reads would hold it up
        try:
            told += os.read(ours, 65536)
        except OSError:
            break
        if times == 2 and b"is being shrunk" in told:
            assert seen(planted)["pairs"], "it is written before it is shrunk"
            running.send_signal(signal.SIGINT)
            times = 0
    assert running.wait() == 3 and b"interrupted; what was found so far is written" in told
    kept = seen(planted)
    assert kept["pairs"] and not kept["complete"]
    for pair in kept["pairs"]:
        assert pair["shrunk"] and len(pair["script"]) <= 4 or not times
    planted("list", "scenarios", "--scenarios", "out/explored", check=0)


def test_words_that_make_no_sense_are_refused(planted):
    for more, said in ((("--against", "nowhere.json"), "nowhere.json"), (("--for", "5x"), "`5x` is not a time"), (("--runs", "0"), "--runs"),
                       (("--for", "5s", "--runs", "5"), "excludes"), (("--stack", "gnutsl"), "did you mean `gnutls`"),
                       (("--clause", "plonted/*"), "no clause matches")):
        assert said in planted("explore", "--scenarios", "planted", *more, check=2).stderr


@pytest.mark.heavy
def test_one_command_runs_the_scenarios_first_and_nothing_that_they_show_is_new(tlsbye):
    tlsbye("explore", "--stack", "gnutls", "--runs", 300)
    names = {(c["clause"], c["stack"]) for c in json.loads((tlsbye.folder / "out/explored/baseline.json").read_text())["cells"]
             if c["verdict"] in ("violates", "discouraged")}
    assert names and not names & {(pair["clause"], pair["stack"]) for pair in seen(tlsbye)["pairs"]}


# What stood in the folder before


def scripts_of(tlsbye, out="out/explored"):
    file = tlsbye.folder / out / "explored.toml"
    return file.read_text() if file.exists() else None


def test_a_search_that_is_ended_before_it_found_anything_leaves_what_an_earlier_one_found(planted):
    planted(*words("--runs", 300, "--stack", "gnutls"), check=0)
    before = {file.name: file.read_text() for file in (planted.folder / "out/explored").iterdir()}
    ours, its = pty.openpty()
    running = subprocess.Popen([PROGRAM, *words("--runs", "1000000000", "--stack", "openssl", clause="any-stack/every*")],
                               cwd=planted.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=its, text=True)
    os.close(its)
    told = b""
    while b"; 0 new" not in told:
        told += os.read(ours, 65536)
    running.send_signal(signal.SIGINT)
    while True:
        try:
            told += os.read(ours, 65536)
        except OSError:
            break
    assert running.wait() == 3 and b"nothing new was found so far, and nothing is written" in told
    assert {file.name: file.read_text() for file in (planted.folder / "out/explored").iterdir()} == before


def test_that_earlier_finds_are_replaced_is_said_in_a_line_unless_they_are_found_again(planted):
    assert planted(*words("--runs", 1000, "--stack", "gnutls"), check=0).stderr == ""
    count = scripts_of(planted).count("[[scenario]]")
    assert planted(*words("--runs", 1000, "--stack", "gnutls"), check=0).stderr == "" and count > 1
    told = planted(*words("--runs", 5, "--stack", "openssl", clause="any-stack/every*"), check=0).stderr
    assert told == f"tlsbye: out/explored/explored.toml: replaced; {count} pairs of an earlier command were there\n"
    assert scripts_of(planted) is None and seen(planted)["pairs"] == []


@pytest.mark.parametrize(("name", "command"), [("explored.toml", "explore"), ("explored.json", "explore"), ("baseline.json", "explore"), ("shrunk.toml", "shrink")])
@pytest.mark.parametrize("is_there", ["text", "link", "folder"])
def test_what_is_not_ours_is_refused_by_name_before_anything_is_run(planted, name, command, is_there):
    file = planted.folder / "mine" / name
    file.parent.mkdir()
    if is_there == "text":
        file.write_text("mine\n")
    elif is_there == "link":
        file.symlink_to("gone")
    else:
        file.mkdir()
    search = ("explore", "--runs", 5) if command == "explore" else ("shrink", "clean-reply/subject-closes-first")
    told = planted(*search, "--stack", "gnutls", "--out", "mine", check=2).stderr
    assert told.startswith(f"tlsbye {command}: mine/{name} was not written by tlsbye, and would be replaced") and len(told.splitlines()) == 1
    assert [it.name for it in file.parent.iterdir()] == [name] and (is_there != "text" or file.read_text() == "mine\n")


@pytest.mark.parametrize("out", ["planted", "planted/../planted", "link"])
def test_results_do_not_go_into_a_folder_whose_scenarios_are_run(planted, out):
    (planted.folder / "link").symlink_to("planted")
    for search in (("explore", "--runs", 5), ("shrink", "clean-reply/subject-closes-first")):
        told = planted(*search, "--scenarios", "planted", "--out", out, check=2).stderr
        assert f"tlsbye {search[0]}: the results would replace the scenarios in planted, which --scenarios takes" in told


END = """
[[scenario]]
id       = "read"
title    = "The end is read"
why      = "A clause says that this is wrong."
script   = '''
both     handshake
partner  close-write
subject  read to-end
'''
"""


def limited(size):
    """No file may be larger: what a full disk says is said then."""
    return lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))


def test_what_was_found_is_told_although_it_cannot_be_written(planted):
    def start(*command):
        return subprocess.run([PROGRAM, *map(str, command)], cwd=planted.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, preexec_fn=limited(100))

    done = start(*words("--runs", 300, "--stack", "gnutls"))
    assert done.returncode == 3 and "explored.toml: cannot be written: File too large" in done.stderr, done.stderr
    assert "planted/reads-never-end  violates: " in done.stdout and "    tlsbye replay explored/" in done.stdout and "written:" not in done.stdout
    (planted.folder / "planted/end.toml").write_text(END)
    done = start("shrink", "end/read", "--scenarios", "planted", "--clause", "planted/reads*", "--stack", "gnutls")
    assert done.returncode == 3 and "planted/reads-never-end  violates: " in done.stdout, done.stderr
    done = start("replay", "clean-reply/subject-closes-first:gnutls:client:1.3:blocking:openssl", "--capture", "it.pcapng")
    assert done.returncode == 3 and "clauses held here" in done.stdout and "it.pcapng: cannot be written" in done.stderr


def test_what_is_written_before_it_is_shrunk_does_not_say_that_it_is_complete(planted):
    running = subprocess.Popen([PROGRAM, *words("--runs", "600", "--stack", "gnutls", "--jobs", "1", clause="{planted,gnutls-*,rfc8446,rfc5246,any-stack}/*")],
                               cwd=planted.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    file, states = planted.folder / "out/explored/explored.json", []
    while running.poll() is None:
        if file.exists() and (told := file.read_text()) not in states:
            states.append(told)
    states = [json.loads(told) for told in [*states, file.read_text()]]
    assert running.wait() == 0 and states[-1]["complete"]
    unshrunk = [told for told in states if not all(pair["shrunk"] for pair in told["pairs"])]
    assert unshrunk and not any(told["complete"] for told in unshrunk)


def test_a_run_that_may_show_less_than_all_scenarios_is_said_to(planted):
    planted("run", "--stack", "gnutls", "--scenario", "clean-reply/*", "--scenarios", "planted", check=0)
    told = planted(*words("--runs", 5, "--stack", "gnutls", against="out/run.json"), check=0).stderr
    assert "tlsbye: out/run.json may show less than all scenarios do (its scenarios were chosen (--scenario))" in told and len(told.splitlines()) == 1

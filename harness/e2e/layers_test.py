"""What judges and reports cannot know how scripts are written: no file of theirs includes the script language or its parser, in one step or
in several, and the script's text is kept for readers alone."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JUDGING = ["harness/oracle", "harness/judge", "reports"]
LANGUAGE = {"harness/scenario/script.h", "harness/scenario/script_parser.h", "harness/scenario/scenario.h"}


def is_test(file):
    return file.name.endswith("_test.cpp") or file.name.endswith("_fuzz.cpp") or file.name in ("golden.cpp", "testing.h", "tale.h")


def sources(folder):
    return [file for file in (ROOT / folder).iterdir() if file.suffix in (".h", ".cpp") and not is_test(file)]


def included(file):
    """The project's own files that one includes."""
    return {ROOT / name for name in re.findall(r'^#include "([^"]+)"', file.read_text(), re.MULTILINE)}


def reach(file):
    """The way by which each file that this one includes, in one step or in several, is reached."""
    ways = {file: [file]}
    waiting = [file]
    while waiting:
        at = waiting.pop()
        for next_file in included(at):
            if next_file not in ways and next_file.exists():
                ways[next_file] = ways[at] + [next_file]
                waiting.append(next_file)
    return ways


def test_the_includes_of_a_file_are_followed_through_others():
    reached = {str(file.relative_to(ROOT)) for file in reach(ROOT / "harness/runner/runner.cpp")}
    assert LANGUAGE - {"harness/scenario/script_parser.h"} <= reached


def test_whatever_judges_or_reports_reaches_no_script_language():
    files = [file for folder in JUDGING for file in sources(folder)]
    assert len(files) > 40
    ways = [way for file in files for to, way in reach(file).items() if str(to.relative_to(ROOT)) in LANGUAGE]
    assert not ways, "\n".join(" -> ".join(str(step.relative_to(ROOT)) for step in way) for way in ways)


def test_the_oracle_and_the_judge_are_not_linked_with_the_parser():
    for folder in JUDGING[:2]:
        library = re.search(r"^tlsbye_library\(.*?\)", (ROOT / folder / "CMakeLists.txt").read_text(), re.MULTILINE | re.DOTALL)
        assert library and "tlsbye::scenario" not in library.group()


def test_the_text_of_a_script_is_only_shown_and_copied():
    """`script` of a transcript is read where reports print it, and where a transcript is copied; no verdict depends on it."""
    readers = {
        str(file.relative_to(ROOT))
        for folder in JUDGING
        for file in sources(folder)
        if re.search(r"(\.|->)script\b|\btranscript_?\.script\b", file.read_text())
    }
    assert readers == {"harness/oracle/mutate.cpp", "reports/html.cpp", "reports/pcapng.cpp", "reports/transcripts.cpp"}


def test_the_events_of_a_transcript_are_only_appended_to():
    header = (ROOT / "harness/transcript/transcript.h").read_text()
    used = [line.strip() for line in header.splitlines() if re.search(r"\bevents_\b", line)]
    assert used, "the list of events has another name now"
    changing = [line for line in used if " const {" not in line and line != "std::vector<Event> events_;"]
    assert changing == ["events_.push_back(Event{next_number(), line, std::move(what)});", "held_ += held_by(events_.back());",
                        "return events_.back().number;"]


# A function that begins in the first column: its name. Members are indented.
OTHER = r"\s|return|using|struct|class|enum|namespace|static_assert|template|friend|TEST|#|//|\}"
FUNCTION = re.compile(rf"^(?!{OTHER})[^=(\n]*?[\s&*](\w+)\(", re.MULTILINE)
UNNAMED = re.compile(r"^namespace \{$(.*?)^\}  // namespace$", re.MULTILINE | re.DOTALL)


def shared_names(sources):
    """Functions of unnamed namespaces that another of these sources has, too, or a header that one of them includes."""
    headers = {file for source in sources for file in reach(source) if file.suffix == ".h"}
    declared = {}
    for header in headers:
        for name in FUNCTION.findall(header.read_text()):
            declared.setdefault(name, set()).add(header.name)
    own = {source.name: {name for space in UNNAMED.findall(source.read_text()) for name in FUNCTION.findall(space)} for source in sources}
    for source, names in own.items():
        for name in names:
            declared.setdefault(name, set()).add(source)
    return {name: files for name, files in declared.items() if len(files) > 1 and any(name in names for names in own.values())}


def test_two_functions_of_one_name_in_two_sources_are_found(tmp_path):
    (tmp_path / "a.cpp").write_text("namespace {\n\nint told(int number) { return number; }\n\n}  // namespace\n")
    (tmp_path / "b.cpp").write_text("namespace {\n\nstd::vector<int> told(const std::string& text) {\n  return {};\n}\n\n}  // namespace\n")
    assert shared_names([tmp_path / "a.cpp", tmp_path / "b.cpp"]) == {"told": {"a.cpp", "b.cpp"}}
    assert shared_names([tmp_path / "a.cpp"]) == {}


def test_what_sources_have_for_themselves_has_a_name_of_its_own():
    """The sources of a library are compiled several at once: a call must not find another one's function that fits its arguments better."""
    target = re.compile(r"^tlsbye_(?:library|program|test)\(\s*[\w-]+\s+SOURCES (.*?)(?:LINK|\))", re.MULTILINE | re.DOTALL)
    targets = [
        [folder / source for source in sources.split() if (folder / source).exists()]
        for folder in {file.parent for top in ("harness", "peers", "reports") for file in (ROOT / top).rglob("CMakeLists.txt")}
        for sources in target.findall((folder / "CMakeLists.txt").read_text())
        if "UNITY_BUILD OFF" not in (folder / "CMakeLists.txt").read_text()
    ]
    assert sum(map(len, targets)) > 150
    assert [shared_names(sources) for sources in targets if shared_names(sources)] == []


def test_messages_go_to_standard_error_by_one_way_that_never_throws():
    """What fmt::print cannot write it throws, also out of destructors and threads."""
    others = [str(file.relative_to(ROOT)) for folder in ("harness", "reports") for file in (ROOT / folder).rglob("*.cpp")
              if re.search(r"\bprint\(stderr|std::cerr|\b(?:fputs|fprintf|fwrite|perror)\(", file.read_text())]
    assert others == ["harness/data/messages.cpp"]

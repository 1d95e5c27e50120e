"""The files that a run leaves for people and programs: each valid, each made again from the run file alone, the page in a real browser.

What they look like is asked of a run of three stacks, and of runs of many more that are made up of it; that all of them are valid and hold all, of
the run of every stack that this machine can build.
"""

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import jsonschema
import pytest

from browser import Browser
from conftest import PATIENCE, ROOT, Tlsbye, recounted

FILES = {"--html": "matrix.html", "--markdown": "matrix.md", "--junit": "junit.xml", "--sarif": "results.sarif", "--closing": "closing-safely.md"}


def validator(path):
    schema = json.loads((ROOT / path).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture(scope="session")
def out(full_run):
    return full_run.folder / "out"


@pytest.fixture(scope="session")
def whole(whole_run):
    return whole_run.folder / "out"


@pytest.mark.parametrize("option", FILES)
def test_a_report_is_made_again_from_the_run_file(full_run, out, option, tmp_path):
    full_run("report", out / "run.json", option, tmp_path / "again", check=0)
    assert (tmp_path / "again").read_bytes() == (out / FILES[option]).read_bytes()


def test_report_refuses_what_is_no_run_and_what_asks_for_nothing(tlsbye, tmp_path):
    (tmp_path / "run.json").write_text("{}")
    assert "run.json" in tlsbye("report", "run.json", "--html", "page.html", check=2).stderr
    assert "--html" in tlsbye("report", "run.json", check=2).stderr


# --- Markdown ---


FAILED = ("violates", "hung", "crashed", "discouraged", "stale", "harness-error", "known")


@pytest.mark.parametrize("run", ["full_run", "whole_run", "twelve"])
def test_the_markdown_is_short_and_tells_every_clause_that_failed_or_how_many_are_left_out(request, run):
    folder = request.getfixturevalue(run).folder / "out"
    text, report = (folder / "matrix.md").read_text(), json.loads((folder / "run.json").read_text())
    assert len(text) < 40_000
    failed = {cell["clause"] for cell in report["cells"] if cell["verdict"] in FAILED}
    differs = {cell["clause"] for cell in report["cells"] if cell["verdict"] == "differs"}
    for heading, clauses in (("## What did not conform", failed), ("## What differs, as it may", differs)):
        section = (text.split(heading) + [""])[1].split("\n## ")[0]
        left_out = [clause for clause in clauses if not re.search(rf" {re.escape(clause)}(?![\w-])", section)]
        told = re.search(r"(\d+) more; matrix\.html has them all\.", section)
        assert len(left_out) == (int(told[1]) if told else 0), heading
        assert left_out == [] or run != "full_run" or heading != "## What did not conform"


def test_every_failure_in_the_markdown_names_a_run_that_shows_it(full_run, out):
    report = full_run.report()
    replays = {}
    for cell in report["cells"]:
        if cell["verdict"] in FAILED:
            replays.setdefault(cell["clause"], set()).add(cell["replay"])
    for block in re.split(r"\n(?=\S)", (out / "matrix.md").read_text().split("## What differs")[0]):
        named = re.match(r"[.+X!~ksCHE/-][.+X!~ksCHE/ *-]* ([a-z0-9.-]+/[^ \n]+)", block)
        if named and named[1] in replays:
            assert set(re.findall(r"^  (\S+)$", block, re.MULTILINE)) & replays.pop(named[1]), block
    assert replays == {}


def test_how_to_close_safely_is_told_for_every_library(whole_run, whole):
    text = (whole / "closing-safely.md").read_text()
    heads = re.findall(r"^## How to close safely on (.*)$", text, re.MULTILINE)
    assert heads == [stack["id"] for stack in whole_run.report()["stacks"]]
    replays = set(re.findall(r"<br>`(.*)`$", text, re.MULTILINE))
    assert replays and replays <= {json.loads(line)["replay"] for line in (whole / "transcripts.jsonl").read_text().splitlines()}


# --- Transcripts ---


def test_every_deciding_run_has_its_transcript_and_they_are_valid(whole_run, whole):
    report = whole_run.report()
    lines = (whole / "transcripts.jsonl").read_text().splitlines()
    replays = [json.loads(line)["replay"] for line in lines]
    assert replays == sorted(replays)
    deciding = {it["replay"] for it in report["cells"] + report["traits"]} | {replay for it in report["traits"] for replay in it.get("replays", [])}
    assert set(replays) == deciding - {""}
    valid = validator("reports/transcript.schema.json")
    for line in lines[:: max(1, len(lines) // 15)]:
        valid.validate(json.loads(line))


def test_a_transcript_with_a_foreign_event_is_not_valid(out):
    transcript = json.loads((out / "transcripts.jsonl").read_text().splitlines()[0])
    transcript["events"][0]["colour"] = "red"
    with pytest.raises(jsonschema.ValidationError):
        validator("reports/transcript.schema.json").validate(transcript)


# --- JUnit ---


def xmllint(file):
    return subprocess.run(["xmllint", "--noout", "--schema", ROOT / "reports/testdata/junit.xsd", file], capture_output=True, text=True, timeout=PATIENCE)


def test_junit_is_valid_and_has_one_case_for_each_cell(whole_run, whole):
    report = whole_run.report()
    assert xmllint(whole / "junit.xml").returncode == 0, xmllint(whole / "junit.xml").stderr[-2000:]
    suites = ElementTree.parse(whole / "junit.xml").getroot()
    cases = suites.findall("testsuite/testcase")
    assert len(cases) == len(report["cells"]) == int(suites.get("tests"))
    totals = report["totals"]
    assert int(suites.get("failures")) == len(suites.findall(".//failure")) == sum(totals[word] for word in ("violates", "hung", "crashed", "stale"))
    assert int(suites.get("errors")) == totals["harness-error"]
    assert len(suites.findall(".//skipped")) == sum(totals[word] for word in ("known", "unsupported", "not-reached"))
    failed = next(case for case in cases if case.find("failure") is not None)
    assert "tlsbye replay " in failed.find("failure").text and "> " in failed.find("failure").text


def test_every_suite_of_junit_names_citation_and_replay_ids(whole_run, whole):
    replays = {cell["replay"] for cell in whole_run.report()["cells"] if cell["replay"]}
    seen = set()
    for suite in ElementTree.parse(whole / "junit.xml").getroot():
        names = [it.get("name") for it in suite.findall("properties/property")]
        assert "cites" in names and "strength" in names, suite.get("name")
        seen |= {it.get("value") for it in suite.findall("properties/property") if it.get("name").startswith("replay: ")}
    assert seen == replays


def test_what_is_no_junit_is_not_valid(out, tmp_path):
    broken = tmp_path / "broken.xml"
    broken.write_text((out / "junit.xml").read_text().replace("<testcase ", "<testcase colour='red' ", 1))
    assert xmllint(broken).returncode != 0


# --- SARIF ---


def test_sarif_is_valid_and_every_clause_is_a_rule_with_help(whole_run, whole):
    sarif = json.loads((whole / "results.sarif").read_text())
    validator("reports/testdata/sarif.schema.json").validate(sarif)
    run, report = sarif["runs"][0], whole_run.report()
    rules = run["tool"]["driver"]["rules"]
    assert {rule["id"] for rule in rules} == {cell["clause"] for cell in report["cells"]}
    assert all(rule["help"]["text"] for rule in rules)
    told = {"violates", "hung", "crashed", "stale", "discouraged", "differs", "known"}
    assert len(run["results"]) == sum(report["totals"][word] for word in told)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]
        line = (ROOT / place["artifactLocation"]["uri"]).read_text().splitlines()[place["region"]["startLine"] - 1]
        assert "[[clause]]" in line or line.startswith("id"), line


# --- The page ---


def test_the_page_needs_nothing_else_and_is_small(whole):
    page = (whole / "matrix.html").read_text()
    assert len(page.encode()) < 5_000_000
    markup = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.DOTALL)
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#|data:)|@import|url\(""", markup)
    assert "default-src 'none'" in page


@pytest.fixture(scope="module")
def browser():
    missing = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    assert not missing, f"install {missing}"
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def page(out):
    return f"file://{out / 'matrix.html'}"


@pytest.fixture
def quiet(browser):
    """No page may say anything on the console: neither an error nor that something was blocked."""
    browser.console()
    yield
    assert browser.console() == []


SHOWN_ROWS = "return [...document.querySelectorAll('.document tbody tr')].filter(row => row.getClientRects().length).length"
PANEL = "const panel = document.getElementById('panel'); return panel.hidden ? null : panel.innerText"


def clause_count(report, **wanted):
    return len({cell["clause"] for cell in report["cells"] if all(cell[name] == value for name, value in wanted.items())})


def test_the_page_shows_every_clause_and_every_cell(browser, quiet, whole, whole_run):
    report = whole_run.report()
    browser.open(f"file://{whole / 'matrix.html'}")
    assert browser.run(SHOWN_ROWS) == clause_count(report)
    assert browser.run("return document.querySelectorAll('button.cell').length") == len(report["cells"])
    labels = browser.run("return [...document.querySelectorAll('button.cell')].map(cell => cell.getAttribute('aria-label').split(':')[0])")
    assert {word: labels.count(word) for word in set(labels)} == {word: count for word, count in report["totals"].items() if count}
    assert browser.run("return [...document.querySelectorAll('button.cell')].every(cell => cell.firstChild.data.length === 1)"), "a mark, not only a colour"


def test_the_page_filters_by_verdict_library_and_words(browser, quiet, page, full_run):
    report = full_run.report()
    browser.open(page)
    browser.click("[data-verdict=violates]")
    assert browser.run(SHOWN_ROWS) == clause_count(report, verdict="violates")
    assert "verdict=violates" in browser.run("return location.hash")
    browser.click("#reset")
    assert browser.run(SHOWN_ROWS) == clause_count(report)
    browser.click("[data-library=wolfssl]")
    browser.click("[data-library=gnutls]")
    assert browser.run(SHOWN_ROWS) == len({cell["clause"] for cell in report["cells"] if cell["stack"] in ("gnutls", "wolfssl")})
    assert "stack=wolfssl,gnutls" in browser.run("return location.hash")
    browser.click("[data-library=wolfssl]")
    assert browser.run(SHOWN_ROWS) == clause_count(report, stack="gnutls")
    browser.press("/")
    browser.press(*"bye half-a-reply")
    found = browser.run("return [...document.querySelectorAll('.document tbody tr')].filter(row => row.getClientRects().length).map(row => row.innerText)")
    assert 0 < len(found) < clause_count(report, stack="gnutls")
    assert all("half-a-reply" in row for row in found)
    browser.press(*"no such thing")
    assert browser.run("return document.getElementById('empty').hidden") is False


def test_a_pair_says_what_it_cannot_do_and_who_lacks_it(browser, quiet, page, full_run):
    browser.open(page)
    cannot = browser.run("return [...document.querySelectorAll('#pairs details div')].map(it => it.textContent)")
    versions = ("1.0", "1.1", "1.2", "1.3")
    lacks = [f"TLS {tls} ({it['name']})" for it in full_run.report()["stacks"] for tls in versions if f"tls-{tls}" not in it["abilities"]]
    assert cannot == lacks and "TLS 1.0 (wolfssl)" in lacks


def test_a_deep_link_opens_its_cell_with_the_timeline(browser, quiet, page, full_run):
    cell = next(c for c in full_run.report()["cells"] if c["verdict"] == "violates")
    address = f"#cell={cell['clause']}:{cell['stack']}@{cell['version']}:{cell['role']}:{cell['tls']}"
    browser.open(page + address)
    told = browser.run(PANEL)
    for words in (cell["clause"], "violates", cell["says"], f"tlsbye replay {cell['replay']}", cell["scenario"].split("@")[0]):
        assert words in told
    decisive = {line["label"] for line in cell["evidence"] if line["decisive"]}
    marked = browser.run("return [...document.querySelectorAll('.timeline .decides .number')].map(number => number.firstChild.textContent)")
    assert set(marked) == decisive
    assert browser.run("return document.querySelectorAll('.timeline .lane-0').length > 0 && document.querySelectorAll('.timeline .look-wire').length > 0")
    assert browser.run("return document.activeElement.id") == "panel"


def test_a_cell_is_opened_and_closed_by_keyboard(browser, quiet, page):
    browser.open(page)
    browser.run("document.querySelector('button.cell').focus()")
    browser.press("\ue014", "\ue015", "\ue007")  # right, down, Enter
    focused = browser.run("return document.querySelector('.cell[aria-current]').dataset.cell")
    assert browser.run("return new URLSearchParams(location.hash.slice(1)).get('cell')") == focused
    browser.press("]")
    assert browser.run("return document.querySelector('.cell[aria-current]').dataset.cell") != focused
    browser.press("\ue00c")  # Escape
    assert browser.run(PANEL) is None
    assert browser.run("return document.activeElement.classList.contains('cell')"), "back where it came from"
    assert browser.run("return document.querySelectorAll('button.cell[tabindex=\"0\"]').length") == 1, "Tab goes past the matrix in one step"


def test_the_back_button_closes_the_panel(browser, quiet, page):
    browser.open(page)
    browser.click("button.cell")
    assert browser.run(PANEL)
    browser.ask("POST", "/back")
    assert browser.run(PANEL) is None


def test_contradictions_are_shown_with_their_number_and_lead_to_their_clauses(browser, quiet, page, full_run):
    listed = full_run("list", "contradictions", check=0).stdout
    browser.open(page)
    numbers = browser.run("return [...document.querySelectorAll('.contradiction h3')].map(it => it.innerText)")
    expected = [entry.split(" ")[0] for entry in re.split(r"\n(?=X-)", listed) if "outside:" not in entry]
    assert numbers == expected
    first = browser.run("const button = document.querySelector('.contradiction button'); const clause = button.innerText; button.click(); return clause")
    assert browser.run(SHOWN_ROWS) >= 1
    assert browser.run("return document.getElementById('search').value") == first


def test_advice_leads_to_the_run_that_shows_it(browser, quiet, page, full_run):
    browser.open(page)
    titles = browser.run("return [...document.querySelectorAll('#advice summary')].map(it => it.innerText)")
    assert titles == [f"How to close safely on {stack['id']}" for stack in full_run.report()["stacks"]]
    browser.click("#advice summary")
    browser.click("#advice details[open] button")
    assert "tlsbye replay" in browser.run(PANEL)
    assert browser.run("return document.querySelectorAll('#panel .timeline').length") == 1


def test_cells_all_over_the_matrix_and_every_answer_can_be_opened(browser, quiet, page):
    browser.open(page)
    opened = browser.run("""
        history.pushState = () => {};  // browsers allow only so many of these in a row
        const panel = document.getElementById('panel'), wrong = [];
        let count = 0;
        for (const cell of [...document.querySelectorAll('button.cell')].filter((_, place) => place % 11 === 0)) {
          cell.click();
          ++count;
          const [clause, stack] = cell.dataset.cell.split(':');
          if (!panel.textContent.includes(clause) || !panel.textContent.includes(stack.replace('@', ' '))) wrong.push(cell.dataset.cell);
          if (panel.textContent.includes('tlsbye replay') && !panel.querySelector('.timeline')) wrong.push('no timeline: ' + cell.dataset.cell);
        }
        for (const answer of document.querySelectorAll('#questions .answer')) {
          answer.click();
          ++count;
          if (!panel.querySelector('.timeline')) wrong.push('no timeline: ' + answer.textContent);
        }
        return [count, wrong.slice(0, 5)]""")
    assert opened[1] == []
    assert opened[0] > 100


def test_nothing_is_wider_than_a_phone(browser, quiet, page):
    browser.emulate("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
    try:
        browser.open(page + "#verdict=violates")
        assert browser.run("return document.documentElement.scrollWidth") <= 390
        browser.run("document.querySelector('tbody tr:not([hidden]) button.cell').click()")
        assert browser.run("return document.getElementById('panel').scrollWidth") <= 390
    finally:
        browser.emulate("Emulation.clearDeviceMetricsOverride")


@pytest.mark.parametrize("run", ["full_run", "whole_run", "twelve", "fifty"])
def test_on_paper_nothing_is_cut_off_and_nothing_stays_folded_however_many_libraries_there_are(browser, quiet, request, run):
    width = 718  # A4 with the margins of Chromium
    browser.emulate("Emulation.setEmulatedMedia", media="print", features=[])
    browser.emulate("Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1, mobile=False)
    try:
        browser.open(f"file://{request.getfixturevalue(run).folder / 'out/matrix.html'}")
        right = "return Math.max(...[...document.querySelectorAll('.cell, th, td, article')].map(it => it.getBoundingClientRect().right))"
        assert 500 < browser.run(right) <= width
        if run == "fifty":
            closed = browser.run("return document.querySelectorAll('.cell').length")
            browser.run("document.querySelector('[data-toggle=gnutls]').click()")
            assert browser.run("return document.querySelectorAll('.cell').length") > 2 * closed and 500 < browser.run(right) <= width
        assert browser.run("return [...document.querySelectorAll('.cell')].every(it => it.getClientRects().length)"), "none is hidden"
        folds = "return [...document.querySelectorAll('details')].map(fold => fold.open)"
        assert not any(browser.run(folds))
        browser.run("window.dispatchEvent(new Event('beforeprint'))")
        assert browser.run(folds) and all(browser.run(folds))
        browser.run("window.dispatchEvent(new Event('afterprint'))")
        assert not any(browser.run(folds))
    finally:
        browser.emulate("Emulation.clearDeviceMetricsOverride")
        browser.emulate("Emulation.setEmulatedMedia", media="", features=[])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_verdict_can_be_read_in_light_and_dark(browser, quiet, page, scheme):
    browser.emulate("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    try:
        browser.open(page)
        contrasts = browser.run("""
            const light = rgb => rgb.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
                                   .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
            const ground = element => { for (let it = element; it; it = it.parentElement) { const c = getComputedStyle(it).backgroundColor; if (!/, 0\\)|transparent/.test(c)) return c; } };
            return [...document.querySelectorAll('.mark, .cell, .says, .strength, .lead')].filter(it => it.getClientRects().length && !it.classList.contains('dim')).slice(0, 400).map(it => {
              const pair = [light(getComputedStyle(it).color), light(ground(it))].sort((a, b) => b - a);
              return [(pair[0] + .05) / (pair[1] + .05), it.className]; })""")
        assert min(contrasts)[0] >= 4.5, min(contrasts)
    finally:
        browser.emulate("Emulation.setEmulatedMedia", features=[])


def test_a_stack_with_a_script_for_a_name_does_no_harm(browser, quiet, full_run, out, tmp_path):
    evil = "<script>alert(1)</script><img/src=x/onerror=alert(2)>"
    report = full_run.report()
    for it in [*report["stacks"], *report["cells"], *report["traits"], *report["pairs"]]:
        for key, value in it.items():
            if key in ("name", "stack", "partner") and value == "gnutls":
                it[key] = evil
    for stack in report["stacks"]:
        stack["id"] = f"{stack['name']} {stack['version']}"
    for cell in report["cells"]:
        cell["says"] += evil + "-->"
    (tmp_path / "run.json").write_text(json.dumps(report))
    shutil.copy(out / "transcripts.jsonl", tmp_path)
    full_run("report", tmp_path / "run.json", "--html", tmp_path / "page.html", "--junit", tmp_path / "junit.xml", check=0)
    assert xmllint(tmp_path / "junit.xml").returncode == 0
    browser.open(f"file://{tmp_path / 'page.html'}")
    assert evil in browser.run("return document.querySelector('h1').innerText")
    browser.click("button.cell")
    assert evil in browser.run(PANEL)
    assert browser.run("return document.querySelectorAll('script').length") == 2
    assert browser.run("return document.querySelectorAll('img').length") == 0


def test_a_verdict_that_depends_on_the_partner_stands_on_the_page_with_the_run_of_each(browser, full_run, out, tmp_path):
    report = full_run.report()
    cell = next(it for it in report["cells"] if it["verdict"] == "violates" and it["replay"])
    report["disagreements"] = [{
        "clause": cell["clause"], "stack": cell["stack"], "version": cell["version"], "role": cell["role"], "tls": cell["tls"],
        "found": [
            {"partner": "openssl", "partner_version": "3.0", "verdict": "violates", "replay": cell["replay"]},
            {"partner": "wolfssl", "partner_version": "5.5", "verdict": "conforms", "replay": cell["replay"] + "x"},
        ],
        "reason": "",
    }]
    (tmp_path / "run.json").write_text(json.dumps(report))
    shutil.copy(out / "transcripts.jsonl", tmp_path)
    full_run("report", tmp_path / "run.json", "--html", tmp_path / "page.html")
    browser.open(f"file://{tmp_path / 'page.html'}")
    row = browser.run("return document.querySelector('#depending tbody tr').innerText")
    assert cell["clause"] in row and "violates with openssl 3.0" in row and "conforms with wolfssl 5.5" in row and "none given" in row
    browser.click("#depending button")
    assert cell["replay"] in browser.run(PANEL)


# --- Many libraries, many versions ---


def copied(report, copies):
    """Makes a report that of more stacks: copies(name) gives names and versions of those that are to be there beside one, and fare as it does."""
    names = [stack["name"] for stack in report["stacks"]]

    def renamed(it, name, version):
        text = json.dumps(it).replace(f":{it['stack']}@{it['version']}:", f":{name}@{version}:")
        return json.loads(text) | {"stack": name, "version": version}

    for key in ("cells", "traits", "pairs"):
        report[key] = [new for it in report[key] for new in (*(renamed(it, *copy) for copy in copies(it["stack"])), it)]
    report["stacks"] = [new for stack in report["stacks"] for new in (*({**stack, "name": name, "version": version, "id": f"{name} {version}"}
                                                                       for name, version in copies(stack["name"])), stack)]
    clauses = {clause: place for place, clause in enumerate(dict.fromkeys(cell["clause"] for cell in report["cells"]))}
    stacks = {(stack["name"], stack["version"]): place for place, stack in enumerate(report["stacks"])}
    report["cells"].sort(key=lambda it: (clauses[it["clause"]], stacks[it["stack"], it["version"]]))
    assert len(stacks) > len(names)


def reported(full_run, folder, report, lines):
    """A run that was made up, with its reports."""
    out = folder / "out"
    out.mkdir()
    (out / "run.json").write_text(json.dumps(recounted(report)))
    (out / "transcripts.jsonl").write_text("\n".join(sorted(lines, key=lambda line: json.loads(line)["replay"])) + "\n")
    full_run("report", out / "run.json", *(word for option, name in FILES.items() for word in (option, out / name)), check=0)
    return Tlsbye(folder)


@pytest.fixture(scope="module")
def twelve(full_run, out, tmp_path_factory):
    """The full run as if it had been made of twelve libraries, each with each: four that fare as each of its three do."""
    report = full_run.report()
    copied(report, lambda name: [(f"{name}-{number}", "1.2.3") for number in range(3)])
    partners = [(stack["name"], stack["version"]) for stack in report["stacks"]]
    report["pairs"] = [{**pair, "partner": name, "partner_version": version} for pair in report["pairs"] for name, version in partners]
    assert len(partners) == 12 and len(report["pairs"]) == 144
    return reported(full_run, tmp_path_factory.mktemp("twelve"), report, (out / "transcripts.jsonl").read_text().splitlines())


@pytest.fixture(scope="module")
def fifty(full_run, out, tmp_path_factory):
    """The full run as if it had been made of fifty builds: copies of its libraries at other versions, of which some have other verdicts."""
    report = full_run.report()
    names = [stack["name"] for stack in report["stacks"]]
    builds = {name: [f"0.{number}.0" for number in range(50 // len(names) + (place < 50 % len(names)) - 1)] for place, name in enumerate(names)}
    copied(report, lambda name: [(name, version) for version in builds[name]])
    assert len(report["stacks"]) == 50
    for name in names:
        for version in ("0.2.0", "0.3.0"):
            well = [cell for cell in report["cells"] if (cell["stack"], cell["version"], cell["verdict"]) == (name, version, "conforms")]
            for cell in well[::20]:
                cell.update(verdict="violates", says="it broke")
    lines = []  # of the copies every tenth run has its transcript
    for place, line in enumerate((out / "transcripts.jsonl").read_text().splitlines()):
        key = json.loads(line)["run"]
        lines.append(line)
        name, version = key["subject"], key["subject_version"]
        if place % 10 == 0:
            lines += [line.replace(f":{name}@{version}:", f":{name}@{other}:").replace(f'"subject_version":"{version}"', f'"subject_version":"{other}"') for other in builds[name]]
    return reported(full_run, tmp_path_factory.mktemp("fifty"), report, lines)


def test_fifty_builds_are_told_in_short(fifty, full_run):
    text = (fifty.folder / "out/matrix.md").read_text()
    assert len(text) < 40_000
    for stack in full_run.report()["stacks"]:
        newest = f"{stack['name']} 0.4.0-{stack['version']}"
        assert text.count(f"\n| {stack['name']} ") == 3 and "gnutls 0.0.0-0.1.0" in text and f"\n| {newest} |" in text
    assert len((fifty.folder / "out/matrix.html").read_bytes()) < 8_000_000
    results = json.loads((fifty.folder / "out/results.sarif").read_text())["runs"][0]["results"]
    assert 1000 < len(results) < 5000, "code scanning shows no more"
    told = full_run("report", fifty.folder / "out/run.json", "--terminal", check=0).stdout
    assert len(told.splitlines()) < 300 and "gnutls 0.0.0-" in told


def test_of_fifty_builds_each_library_is_shown_by_its_newest_and_opened_on_demand(browser, quiet, fifty, full_run):
    report = fifty.report()
    newest = {stack["name"]: stack["version"] for stack in report["stacks"]}
    browser.open(f"file://{fifty.folder / 'out/matrix.html'}")
    count = "return document.querySelectorAll('button.cell').length"
    closed = sum(newest[cell["stack"]] == cell["version"] for cell in report["cells"])
    assert browser.run(count) == closed
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")
    assert browser.run("return document.querySelectorAll('.cell.changed').length") > 10
    browser.click("[data-toggle=gnutls]")
    opened = closed + sum(cell["stack"] == "gnutls" and newest["gnutls"] != cell["version"] for cell in report["cells"])
    assert browser.run(count) == opened
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth"), "it scrolls inside"
    # The names stay where they are.
    lefts = browser.run("""
        const row = [...document.querySelectorAll('.document tbody tr')].find(row => row.querySelectorAll('[data-cell*=":gnutls@0"]').length);
        const name = row.querySelector('th'), before = name.getBoundingClientRect().left;
        row.closest('.wide').scrollLeft = 400;
        return [before, name.getBoundingClientRect().left, row.closest('.wide').scrollLeft]""")
    assert lefts[0] == lefts[1] and lefts[2] == 400
    browser.click("[data-toggle=gnutls]")
    assert browser.run(count) == closed

    by_place = {}
    for cell in report["cells"]:
        by_place.setdefault((cell["clause"], cell["role"], cell["tls"]), set()).add(cell["verdict"])
    browser.click("#differ")
    assert browser.run(SHOWN_ROWS) == len({place[0] for place, seen in by_place.items() if len(seen) > 1})
    assert "differ=1" in browser.run("return location.hash")
    browser.click("#reset")


def test_a_link_to_a_cell_of_an_older_version_opens_its_library_and_tells_the_versions(browser, quiet, fifty):
    report = fifty.report()
    cell = next(it for it in report["cells"] if it["says"] == "it broke")
    browser.open(f"file://{fifty.folder / 'out/matrix.html'}#cell={cell['clause']}:{cell['stack']}@{cell['version']}:{cell['role']}:{cell['tls']}")
    told = browser.run(PANEL)
    assert "it broke" in told and f"violates {cell['version']}" in told
    assert browser.run("return document.querySelector('.cell[aria-current]') !== null")

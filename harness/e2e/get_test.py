"""`tlsbye get`: builds of libraries obtained from small made-up suites, prefixes and commands, without any network.

A suite is a folder as apt wants it, signed by a key of the test's own. Its packages hold copies of the system's libraries that say another version.
"""

import functools
import gzip
import hashlib
import http.server
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import threading

import pytest
from conftest import PROGRAM, Tlsbye
from library_test import build_id, copied, renamed, stacks

MACHINE = subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True, check=True).stdout.strip()
ARCHITECTURE = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()
LIB = f"usr/lib/{MACHINE}"
RUN = ("--scenario", "clean-reply/subject-closes-first", "--clause", "{rfc8446,gnutls-bye}/*")


class Key:
    """A key that signs suites, and the keyring that says so."""

    def __init__(self, folder):
        folder.mkdir()
        self.home, self.ring = folder, folder / "ring.gpg"
        folder.chmod(0o700)
        self.gpg("--quick-generate-key", "suite@example.org", "rsa2048", "sign", "never")
        self.ring.write_bytes(self.gpg("--export"))

    def gpg(self, *words):
        words = ("gpg", "--homedir", self.home, "--batch", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback", *words)
        return subprocess.run(words, capture_output=True, check=True).stdout

    def end(self):
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], check=True)


class Mirror:
    """Suites below a folder, each with the packages that were put into it."""

    def __init__(self, folder, key):
        self.folder, self.key = folder, key
        (folder / "pool").mkdir(parents=True)

    def package(self, name, version, fill, depends=""):
        root = self.folder / "tree" / name / version
        fill(root)
        (root / "DEBIAN").mkdir(parents=True)
        (root / "DEBIAN/control").write_text(
            f"Package: {name}\nVersion: {version}\nArchitecture: {ARCHITECTURE}\nMaintainer: Nobody <nobody@example.org>\n"
            f"Description: made up\n{f'Depends: {depends}' if depends else ''}".strip() + "\n"
        )
        file = self.folder / "pool" / f"{name}_{version}_{ARCHITECTURE}.deb"
        assert not file.exists(), "another suite has it"
        subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "--build", root, file], check=True, capture_output=True)
        control = (root / "DEBIAN/control").read_text()
        content = file.read_bytes()
        shutil.rmtree(root)
        return control + f"Filename: pool/{file.name}\nSize: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n"

    def suite(self, name, *packages):
        index = "\n".join(packages).encode()
        folder = self.folder / "dists" / name
        place = f"main/binary-{ARCHITECTURE}/Packages"
        files = {place: index, f"{place}.gz": gzip.compress(index)}
        for file, content in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        hashes = "".join(f" {hashlib.sha256(content).hexdigest()} {len(content)} {file}\n" for file, content in files.items())
        (folder / "Release").write_text(
            f"Suite: {name}\nCodename: {name}\nComponents: main\nArchitectures: {ARCHITECTURE}\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n"
            f"SHA256:\n{hashes}"
        )
        (folder / "InRelease").write_bytes(self.key.gpg("--clearsign", "--output", "-", folder / "Release"))
        return folder


def library(name, version=None, change=None):
    """Fills a package with the system's library of that name, which says that version."""

    def fill(root):
        system = stacks(Tlsbye(pathlib.Path.cwd()))[name]
        copy = copied(system["library"], root / "usr", renamed(system["version"], version) if version else change or (lambda content: content))
        (root / LIB).mkdir(parents=True)
        for file in (root / "usr/lib").iterdir():
            if file.name.startswith("lib"):
                file.rename(root / LIB / file.name)
        (root / LIB / f"{copy.name.split('.so')[0]}.so").symlink_to(copy.name)

    return fill


def fleet(tlsbye, text):
    """The user's own file."""
    (tlsbye.folder / "config/tlsbye").mkdir(parents=True, exist_ok=True)
    (tlsbye.folder / "config/tlsbye/fleet.toml").write_text(text)


def suites(mirror, *names, address=None, ring=None):
    """In place of Debian's: all suites of the shipped file lie at the made-up mirror too, so that none of them is asked elsewhere."""
    text = ""
    for name in (*names, *(it for it in ("bullseye", "bookworm", "trixie", "sid", "experimental") if it not in names)):
        text += f'[[suite]]\nname = "{name}"\nmirror = "{address or f"file:{mirror.folder}"}"\nkeyring = "{ring or mirror.key.ring}"\nvalid_until = false\n'
    return text


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    key = Key(tmp_path_factory.mktemp("key") / "gnupg")
    yield key
    key.end()


@pytest.fixture(scope="module")
def mirror(tmp_path_factory, key):
    """`old` and `new` have a GnuTLS each, `broken` one that is not a library; `same` has the system's own."""
    mirror = Mirror(tmp_path_factory.mktemp("mirror"), key)
    system = stacks(Tlsbye(tmp_path_factory.mktemp("x")))["gnutls"]["version"]
    mirror.system = system
    empty = [mirror.package("unrelated", "1", lambda root: None)]
    for debian in ("bullseye", "bookworm", "trixie", "sid", "experimental"):
        mirror.suite(debian, *empty)
    mirror.suite("old", mirror.package("libgnutls28-dev", "3.0.1-1", library("gnutls", "3.0.1")))
    mirror.suite("new", mirror.package("libgnutls28-dev", "3.9.1-2+deb99u1", library("gnutls", "3.9.1")))
    mirror.suite("same", mirror.package("libgnutls28-dev", f"{system}-77", library("gnutls")))
    mirror.suite("broken", mirror.package("libgnutls28-dev", "3.9.2-1", library("gnutls", change=lambda content: content[:4096])))
    mirror.suite("none", mirror.package("libgnutls28-dev", "3.9.3-1", lambda root: (root / LIB).mkdir(parents=True)))
    return mirror


@pytest.fixture
def here(tlsbye, mirror):
    """The program, and a fleet of the made-up suites `old` and `new`."""
    fleet(tlsbye, suites(mirror, "old", "new"))
    return tlsbye


def listed(tlsbye, *words, check=0):
    """What can be had of the suites and by a test's own fleet; what is made of crates needs neither."""
    offered = json.loads(tlsbye("get", "--list", "--json", *words, check=check).stdout)
    return {build["build"]: build for build in offered if not build["build"].endswith("@crate")}


def said(done):
    """What was said against each build or suite, one line each."""
    return [line.removeprefix("tlsbye get: ") for line in done.stderr.splitlines() if not line.startswith("tlsbye get: another one")]


def all_files(folder):
    return {str(file.relative_to(folder)) for file in folder.rglob("*")}


# What goes well


def test_builds_are_listed_obtained_run_and_taken_away(here, mirror):
    offered = listed(here)
    assert {name: (build["version"], build["here"]) for name, build in offered.items()} == {"gnutls@new": ("3.9.1", False), "gnutls@old": ("3.0.1", False)}
    assert all(build["bytes"] > 1_000_000 for build in offered.values())
    before = all_files(here.folder)

    got = here("get", "gnutls@all", check=0)
    assert said(got) == [] and [line.split()[:2] for line in got.stdout.splitlines()] == [["gnutls@old", "3.0.1"], ["gnutls@new", "3.9.1"]]
    assert {name for name in all_files(here.folder) - before if not name.startswith("cache/tlsbye/fleet")} == set()
    assert not any("deb" == name.rsplit(".", 1)[-1] for name in all_files(here.folder))
    assert all(build["here"] and build["seconds"] > 0 for build in listed(here).values())
    assert "is here" in here("get", "gnutls@3.0", check=0).stdout

    there = {(stack["version"], stack["label"]): stack for stack in json.loads(here("list", "stacks", "--json", check=0).stdout) if stack["name"] == "gnutls"}
    assert set(there) == {("3.0.1", "old"), (mirror.system, ""), ("3.9.1", "new")}
    for label, version in (("old", "3.0.1"), ("new", "3.9.1")):
        stack = there[version, label]
        assert f"/builds/gnutls@{label}/" in stack["library"] and stack["build_id"] == build_id(stack["library"]) and stack["obtained"]

    for word, versions in (("gnutls", [mirror.system]), ("gnutls@*", ["3.0.1", mirror.system, "3.9.1"]), ("gnutls@>=3.9", ["3.9.1"]), ("gnutls@old", ["3.0.1"])):
        here("run", "--stack", word, *RUN, check=0)
        report = here.report()
        assert [stack["version"] for stack in report["stacks"]] == versions, word
        assert {cell["version"] for cell in report["cells"] if cell["replay"]} == set(versions), word
        (partner,) = report["partners"] if "partners" in report else report["provenance"]["partners"]
        assert partner["name"] == "openssl" and "/builds/" not in partner["library"]
    replay = next(cell["replay"] for cell in here.report()["cells"] if cell["replay"])
    assert here("replay", replay, check=0).stderr == ""

    here("get", "--remove", "gnutls@old", check=0)
    assert {name: build["here"] for name, build in listed(here).items()} == {"gnutls@new": True, "gnutls@old": False}
    assert "no such build is here" in here("get", "--remove", "gnutls@old", check=2).stderr
    here("get", "--remove", "all", check=0)
    assert all_files(here.folder / "cache") <= {"tlsbye", "tlsbye/fleet", "tlsbye/fleet/.lock"}


def test_the_same_file_is_the_same_build_and_another_of_one_version_is_called_by_its_label(tlsbye, mirror):
    def changed(content):
        return content.replace(bytes.fromhex(stacks(tlsbye)["gnutls"]["build_id"]), b"another build of it.")

    mirror.suite("other", mirror.package("libgnutls28-dev", f"{mirror.system}-78", library("gnutls", change=changed)))
    fleet(tlsbye, suites(mirror, "same", "other"))
    tlsbye("get", "gnutls@all", check=0)
    there = [stack for stack in json.loads(tlsbye("list", "stacks", "--json", check=0).stdout) if stack["name"] == "gnutls"]
    assert [(stack["version"], stack["label"]) for stack in there] == [(mirror.system, "same"), (f"{mirror.system}+other", "other")]
    assert f"{mirror.system}+other" in json.dumps(there)


def test_a_library_of_a_newer_system_runs_with_that_systems_loader(tlsbye, mirror):
    def loader(root):
        (root / LIB).mkdir(parents=True)
        interpreter = subprocess.run(["readelf", "-l", PROGRAM], capture_output=True, text=True, check=True).stdout
        interpreter = pathlib.Path(interpreter.split("program interpreter: ")[1].split("]")[0])
        for file in (interpreter, "libc.so.6", "libm.so.6"):
            shutil.copy(pathlib.Path(f"/lib/{MACHINE}") / file if isinstance(file, str) else file, root / LIB)

    libc = mirror.package("libc6", "99.9-1", loader)
    mirror.suite("future", libc, mirror.package("libgnutls28-dev", "3.9.4-1", library("gnutls", "3.9.4"), depends="libc6 (>= 99)"))
    fleet(tlsbye, suites(mirror, "future"))
    tlsbye("get", "gnutls@future", check=0)
    tlsbye("run", "--stack", "gnutls@future", *RUN, check=0)
    assert [stack["version"] for stack in tlsbye.report()["stacks"]] == ["3.9.4"]
    root = tlsbye.folder / "cache/tlsbye/fleet/builds/gnutls@future/root"
    assert (root / LIB / "libc.so.6").exists()
    # Without it the peer does not start any more, and that is said; so it was the one that was used.
    (root / LIB / "libc.so.6").write_text("")
    refused = tlsbye("list", "stacks", check=3)
    assert "gnutls@future: " in refused.stderr and "`tlsbye get --refresh gnutls@future` obtains it anew" in refused.stderr


def test_a_library_that_has_another_name_in_each_suite_is_found_by_the_first_that_is_there(tlsbye, mirror):
    mirror.suite("renamed", mirror.package("libgnutls99-dev", "3.9.7-1", library("gnutls", "3.9.7")), mirror.package("libgnutls28-dev", "3.0.2-1", lambda root: None))
    names = 'pkg_config = ["gnutls-99", "gnutls"]\ndebian = ["libgnutls99-dev", "libgnutls28-dev"]\n'
    fleet(tlsbye, suites(mirror, "old", "renamed") + f'[[stack]]\nname = "gnutls"\n{names}')
    assert {name: build["version"] for name, build in listed(tlsbye).items()} == {"gnutls@old": "3.0.1", "gnutls@renamed": "3.9.7"}
    got = tlsbye("get", "gnutls@all", check=0)
    assert [line.split()[:2] for line in got.stdout.splitlines()] == [["gnutls@old", "3.0.1"], ["gnutls@renamed", "3.9.7"]]


def test_a_prefix_and_a_command_of_ones_own(tlsbye, mirror):
    for name, version in (("opt", "3.9.5"), ("other", "3.9.6")):
        copied(stacks(tlsbye)["gnutls"]["library"], tlsbye.folder / name, renamed(mirror.system, version))
    fleet(
        tlsbye,
        suites(mirror)
        + f'[[build]]\nstack = "gnutls"\nlabel = "opt"\nprefix = "{tlsbye.folder}/opt"\n'
        + f'[[build]]\nstack = "gnutls"\nlabel = "made"\ncommand = "mkdir -p \\"$PREFIX\\"; cp -a {tlsbye.folder}/other/lib \\"$PREFIX\\""\n',
    )
    assert set(listed(tlsbye)) == {"gnutls@opt", "gnutls@made"}
    tlsbye("get", "gnutls@opt", "gnutls@made", check=0)
    there = {stack["label"]: stack["library"] for stack in json.loads(tlsbye("list", "stacks", "--json", check=0).stdout) if stack["label"]}
    assert there["opt"].startswith(str(tlsbye.folder / "opt")) and "/builds/gnutls@made/root/lib/" in there["made"]
    tlsbye("get", "--remove", "gnutls@opt", check=0)
    assert list((tlsbye.folder / "opt/lib").iterdir()), "what was there before stays"


def test_a_newer_version_in_a_suite_is_another_build_and_takes_the_place_of_the_one_that_is_here(tlsbye, mirror):
    mirror.suite("moving", mirror.package("libgnutls28-dev", "3.0.1-5", library("gnutls", "3.0.1")))
    fleet(tlsbye, suites(mirror, "moving"))
    tlsbye("get", "gnutls@moving", check=0)
    mirror.suite("moving", mirror.package("libgnutls28-dev", "3.9.1-5", library("gnutls", "3.9.1")))
    assert "3.9.1" in tlsbye("get", "gnutls@moving", check=0).stdout
    # The next one is broken: the one that works stays.
    mirror.suite("moving", mirror.package("libgnutls28-dev", "3.9.2-5", library("gnutls", change=lambda content: content[:4096])))
    assert "gnutls@moving" in tlsbye("get", "gnutls@moving", check=3).stdout
    assert {build["version"] for build in listed(tlsbye).values() if build["here"]} == {"3.9.1"}
    tlsbye("run", "--stack", "gnutls@moving", *RUN, check=0)


def test_a_peer_of_another_tlsbye_is_made_anew(here):
    here("get", "gnutls@old", check=0)
    sheet = here.folder / "cache/tlsbye/fleet/builds/gnutls@old/build.json"
    sheet.write_text(json.dumps({**json.loads(sheet.read_text()), "kit": "another"}))
    assert "making the peer of gnutls@old" in here("run", "--stack", "gnutls@old", *RUN, check=0).stderr
    assert "making" not in here("run", "--stack", "gnutls@old", *RUN, check=0).stderr
    sheet.write_text(json.dumps({**json.loads(sheet.read_text()), "kit": "another"}))
    assert "making" not in here("run", "--stack", "openssl@*", *RUN, check=0).stderr, "nobody asked for it"


def test_a_build_whose_programs_are_not_installed_is_left_out_of_all_and_fails_where_it_is_named(tlsbye, mirror):
    copied(stacks(tlsbye)["gnutls"]["library"], tlsbye.folder / "opt", renamed(mirror.system, "3.9.5"))
    fleet(
        tlsbye,
        suites(mirror)
        + f'[[build]]\nstack = "gnutls"\nlabel = "opt"\nprefix = "{tlsbye.folder}/opt"\n'
        + '[[build]]\nstack = "gnutls"\nlabel = "made"\ncommand = "exit 1"\ntakes = ["sh", "tlsbye-no-such-program"]\n',
    )
    says = "takes tlsbye-no-such-program, which is not installed"
    assert listed(tlsbye)["gnutls@made"]["lacks"] == ["tlsbye-no-such-program"]
    assert says in tlsbye("get", "--list", check=0).stdout
    done = tlsbye("get", "gnutls@all", check=0)
    assert re.search(rf"^gnutls@made +left out: {says}$", done.stdout, re.MULTILINE)
    assert set(build for build, it in listed(tlsbye).items() if it["here"]) == {"gnutls@opt"}
    assert f"tlsbye get: gnutls@made: {says}" in tlsbye("get", "gnutls@made", check=3).stderr


# What goes wrong: one line says why, and the others are there


def changed_library(root):
    library("gnutls", "3.9.6")(root)
    (root / "usr/include/gnutls").mkdir(parents=True)
    (root / "usr/include/gnutls/gnutls.h").write_text('#error "this GnuTLS is too old"\n')


@pytest.fixture(scope="module")
def failures(tmp_path_factory, mirror):
    """A fleet in which nearly nothing works, obtained once: the program, and what it said of each, by name."""
    tlsbye = Tlsbye(tmp_path_factory.mktemp("failures"))
    pool, other = mirror.folder / "pool", Key(tlsbye.folder / "gnupg")
    for name, damage in (
        ("missing", lambda file: file.unlink()),
        ("short", lambda file: file.write_bytes(file.read_bytes()[:100_000])),
        ("changed", lambda file: file.write_bytes(file.read_bytes()[:-1] + b"?")),
    ):
        mirror.suite(name, mirror.package("libgnutls28-dev", f"3.9.9-{name}", library("gnutls", "3.9.9")))
        damage(pool / f"libgnutls28-dev_3.9.9-{name}_{ARCHITECTURE}.deb")
    mirror.suite("ancient", mirror.package("libgnutls28-dev", "3.9.6-1", changed_library))
    fleet(
        tlsbye,
        suites(mirror, "gone", "missing", "short", "changed", "broken", "none", "ancient")
        + f'[[suite]]\nname = "unsigned"\nmirror = "file:{mirror.folder}"\nkeyring = "{other.ring}"\n'
        + suites(mirror, "old").split("[[suite]]")[1].join(["[[suite]]", ""])
        + '[[build]]\nstack = "gnutls"\nlabel = "failing"\ncommand = "echo no such tag >&2; exit 7"\n'
        + '[[build]]\nstack = "gnutls"\nlabel = "lost"\nprefix = "/nowhere/at/all"\n',
    )
    shutil.copytree(mirror.folder / "dists/old", mirror.folder / "dists/unsigned")
    done = tlsbye("get", "gnutls@all", check=3)
    other.end()
    tlsbye.got = done.stdout
    tlsbye.lines = dict(line.removeprefix("tlsbye get: ").split(": ", 1) for line in done.stderr.splitlines())
    return tlsbye


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("suite gone", "does not have a Release file"),
        ("suite unsigned", "not signed|couldn't be verified"),
        ("gnutls@missing", "No such file"),
        # apt from 3.0 on has no better word for them.
        ("gnutls@short", "unexpected size|Hash Sum mismatch|-short_.* Undetermined Error"),
        ("gnutls@changed", "Hash Sum mismatch|-changed_.* Undetermined Error"),
        ("gnutls@broken", "^its peer cannot be made: "),
        ("gnutls@none", "^the peer has loaded /.* all the same"),
        ("gnutls@ancient", "^its peer cannot be made: .*this GnuTLS is too old"),
        ("gnutls@failing", "^its command failed: sh: no such tag$"),
        ("gnutls@lost", "^/nowhere/at/all: No such file or directory$"),
    ],
)
def test_what_fails_says_why_in_one_line_and_leaves_nothing(failures, name, why):
    assert re.search(why, failures.lines[name]), failures.lines
    assert not list((failures.folder / "cache/tlsbye/fleet/builds").glob(f"*{name.split('@')[-1]}*"))
    if "@" in name:
        assert re.search(f"^{name} .* FAILED$", failures.got, re.MULTILINE)


def test_what_fails_leaves_the_others(failures):
    assert len(failures.lines) == 10
    assert {name for name, build in listed(failures, "gnutls@old").items() if build["here"]} == {"gnutls@old"}, failures.got
    failures("run", "--stack", "gnutls@*", *RUN, check=0)
    assert [stack["version"] for stack in failures.report()["stacks"]][0] == "3.0.1"


def test_a_mirror_that_nobody_answers_for(tlsbye, mirror):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    fleet(tlsbye, suites(mirror, "old") + f'[[suite]]\nname = "away"\nmirror = "http://127.0.0.1:{port}/debian"\nkeyring = "{mirror.key.ring}"\n')
    done = tlsbye("get", "gnutls@all", check=3, env={"no_proxy": "127.0.0.1", "http_proxy": ""})
    (line,) = said(done)
    assert line.startswith("suite away: ") and re.search("Could not connect|Unable to connect", line)
    assert listed(tlsbye, "gnutls@old")["gnutls@old"]["here"]


def test_a_download_that_breaks_off(tlsbye, mirror):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

        def copyfile(self, source, outputfile):
            if self.path.endswith(".deb"):
                outputfile.write(source.read(100_000))
                self.close_connection = True
            else:
                super().copyfile(source, outputfile)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=mirror.folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    fleet(tlsbye, suites(mirror, "old") + f'[[suite]]\nname = "new"\nmirror = "{address}"\nkeyring = "{mirror.key.ring}"\n')
    done = tlsbye("get", "gnutls@all", check=3, env={"no_proxy": "127.0.0.1", "http_proxy": ""})
    server.shutdown()
    (line,) = said(done)
    assert line.startswith("gnutls@new: ") and "Failed to fetch" in line
    assert listed(tlsbye, "gnutls@old")["gnutls@old"]["here"]


def tools(folder, *without):
    """A folder of the system's programs, without some."""
    folder.mkdir()
    for place in ("/usr/bin", "/bin"):
        for program in pathlib.Path(place).iterdir():
            if program.name not in without and not (folder / program.name).exists():
                (folder / program.name).symlink_to(program)
    return {"PATH": str(folder)}


def test_a_system_without_apt_or_without_a_compiler(tlsbye, mirror):
    copied(stacks(tlsbye)["gnutls"]["library"], tlsbye.folder / "opt", renamed(mirror.system, "3.9.5"))
    fleet(tlsbye, suites(mirror, "old") + f'[[build]]\nstack = "gnutls"\nlabel = "opt"\nprefix = "{tlsbye.folder}/opt"\n')
    without_apt = tools(tlsbye.folder / "bin", "apt-get", "apt-config", "apt-cache")
    done = tlsbye("get", "gnutls@all", check=3, env=without_apt)
    assert set(said(done)[0].split(": ")[1:]) == {"there is no apt-config"} and "gnutls@opt" in done.stdout
    assert listed(tlsbye, "gnutls@opt")["gnutls@opt"]["here"]
    without_packages = tools(tlsbye.folder / "bin2", "dpkg-deb")
    assert said(tlsbye("get", "gnutls@old", check=3, env=without_packages)) == ["gnutls@old: there is no dpkg-deb"]
    without_names = tools(tlsbye.folder / "bin3", "pkg-config", "pkgconf")
    assert said(tlsbye("get", "gnutls@old", check=3, env=without_names)) == ["gnutls@old: its peer cannot be made: there is no pkg-config"]


@pytest.mark.parametrize("room", [20_000, 1_500_000])
def test_a_disk_that_is_full(tlsbye, mirror, room):
    fleet(tlsbye, suites(mirror, "old", "new"))
    tlsbye("get", "gnutls@old", check=0)

    def little_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    environment = {**os.environ, "XDG_CACHE_HOME": f"{tlsbye.folder}/cache", "XDG_CONFIG_HOME": f"{tlsbye.folder}/config"}
    done = subprocess.run([PROGRAM, "get", "gnutls@new"], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, preexec_fn=little_room)
    assert done.returncode == 3, done.stderr
    assert said(done)[0].startswith(("gnutls@new: ", "suite new: ")) and re.search("File too large|Failed to fetch", said(done)[0])
    assert {name: build["here"] for name, build in listed(tlsbye).items()} == {"gnutls@old": True, "gnutls@new": False}
    tlsbye("get", "gnutls@new", check=0)


def test_a_get_that_is_killed_leaves_what_was_there(tlsbye, mirror):
    copied(stacks(tlsbye)["gnutls"]["library"], tlsbye.folder / "opt", renamed(mirror.system, "3.9.5"))
    copy = f'mkdir -p \\"$PREFIX\\"; cp -a {tlsbye.folder}/opt/lib \\"$PREFIX\\"'
    own = '[[build]]\nstack = "gnutls"\nlabel = "made"\ncommand = "{}"\n'
    fleet(tlsbye, suites(mirror) + own.format(copy))
    tlsbye("get", "gnutls@made", check=0)
    fleet(tlsbye, suites(mirror) + own.format(f"{copy}; kill -9 $PPID"))
    assert tlsbye("get", "gnutls@made").returncode == -signal.SIGKILL
    fleet(tlsbye, suites(mirror) + own.format(copy))
    assert "is here" in tlsbye("get", "gnutls@made", check=0).stdout
    tlsbye("run", "--stack", "gnutls@made", *RUN, check=0)


def test_two_at_once_work_one_after_the_other(tlsbye, mirror):
    os.mkfifo(tlsbye.folder / "gate")
    fleet(tlsbye, suites(mirror) + f'[[build]]\nstack = "gnutls"\nlabel = "slow"\ncommand = "echo begun > {tlsbye.folder}/gate; read x < {tlsbye.folder}/gate; echo nothing made >&2; exit 1"\n')
    environment = {**os.environ, "XDG_CACHE_HOME": f"{tlsbye.folder}/cache", "XDG_CONFIG_HOME": f"{tlsbye.folder}/config"}
    start = functools.partial(subprocess.Popen, [PROGRAM, "get", "gnutls@slow"], env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    first = start()
    assert (tlsbye.folder / "gate").read_text() == "begun\n"
    second = start()
    assert "another one is at work" in second.stderr.readline()
    (tlsbye.folder / "gate").write_text("go on\n")
    first.communicate()
    assert (tlsbye.folder / "gate").read_text() == "begun\n"
    (tlsbye.folder / "gate").write_text("go on\n")
    assert "nothing made" in second.communicate()[1]


# Words


def test_words_that_name_nothing_are_refused_before_anything_is_asked(here):
    for words, why in (
        ((), "say which builds"),
        (("gnutsl@3.5",), "did you mean `gnutls`?"),
        (("gnutls@bulseye",), "no such build can be had"),
        (("gnutls@99",), "no such build can be had"),
        (("all@new",), "there is no stack `all`"),
        (("--remove",), "say which builds"),
        (("--remove", "gnutls@old"), "no such build is here"),
        (("--remove", "nonsense"), "there is no stack `nonsense`"),
    ):
        done = here("get", *words, check=2)
        assert why in done.stderr and len(done.stderr.splitlines()) == 1, words
    assert "no such stack" in here("run", "--stack", "gnutls@99", check=2).stderr
    assert "XDG_CACHE_HOME" in here("get", "all", check=2, env={"XDG_CACHE_HOME": "", "HOME": ""}).stderr


def test_mistakes_in_the_file_are_told_with_their_place(here):
    fleet(here, '[[suite]]\nnme = "old"\n')
    assert "fleet.toml:2:1: unknown key `nme`" in here("get", "--list", check=2).stderr
    fleet(here, '[[build]]\nstack = "gnutsl"\nlabel = "x"\nprefix = "/opt"\n')
    assert "`gnutsl@x`" in here("get", "--list", check=2).stderr


@pytest.mark.network
def test_a_build_from_the_mirror_of_the_system(tlsbye):
    fleet(tlsbye, "")
    tlsbye("get", "gnutls@trixie", check=0)
    tlsbye("run", "--stack", "gnutls@trixie", *RUN, check=0)
    (stack,) = tlsbye.report()["stacks"]
    assert stack["version"].startswith("3.8.") and "/builds/gnutls@trixie/" in stack["library"]

"""A real browser, headless, by the WebDriver protocol (W3C) over chromedriver: no more of it than the page's tests need."""

import json
import subprocess
import tempfile
import time
import urllib.request

from conftest import PATIENCE


class Browser:
    def __init__(self, width=1400, height=1000, dark=False):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        # It takes a port that is free for one kind of address and goes where another has it: runs beside this one use many.
        if not any(self.start_driver() for attempt in range(5)):
            raise RuntimeError("chromedriver did not start")
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", f"--window-size={width},{height}",
                     f"--user-data-dir={self.profile.name}", f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
        patience = {kind: PATIENCE * 1000 for kind in ("script", "pageLoad")}  # chromedriver's own is half a minute for a script
        wanted = {"browserName": "chrome", "timeouts": patience, "goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}}
        self.session = ""
        self.session = "/session/" + self.ask("POST", "/session", capabilities={"alwaysMatch": wanted})["sessionId"]

    def start_driver(self):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.driver.stdout:  # it says where it listens
            if "successfully on port" in line:
                self.url = f"http://127.0.0.1:{line.rstrip().rstrip('.').rsplit(' ', 1)[1]}"
                return True
        self.driver.wait()
        return False

    def ask(self, method, path, **body):
        data = json.dumps(body).encode() if method == "POST" else None
        request = urllib.request.Request(self.url + self.session + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from None

    def open(self, address):
        self.ask("POST", "/url", url="about:blank")  # so that another fragment alone loads the page anew
        self.ask("POST", "/url", url=address)
        deadline = time.monotonic() + PATIENCE  # on a busy machine the driver answers while the old page is still there
        while not self.run("return document.readyState === 'complete' && location.href !== 'about:blank'"):
            assert time.monotonic() < deadline, f"{address} does not load"

    def run(self, script, *arguments):
        return self.ask("POST", "/execute/sync", script=script, args=list(arguments))

    def press(self, *keys):
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.ask("POST", "/actions", actions=[{"type": "key", "id": "keyboard", "actions": actions}])

    def click(self, selector):
        element = self.ask("POST", "/element", using="css selector", value=selector)
        self.ask("POST", f"/element/{next(iter(element.values()))}/click")

    def console(self):
        return [entry for entry in self.ask("POST", "/se/log", type="browser")]

    def screenshot(self):
        import base64

        return base64.b64decode(self.ask("GET", "/screenshot"))

    def emulate(self, command, **parameters):
        return self.ask("POST", "/goog/cdp/execute", cmd=command, params=parameters)

    def close(self):
        try:
            self.ask("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()
            self.driver.stdout.close()
            self.profile.cleanup()

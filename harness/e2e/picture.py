"""Makes docs/matrix.png, the picture of the README, from the page of a run: python3 harness/e2e/picture.py out/matrix.html"""

import base64
import pathlib
import sys

from browser import Browser

CELL = "rfc8446/success-means-the-answer-came:gnutls"
WHOLE = """<body style="margin:0;background:#fff"><div style="display:flex;gap:12px;height:760px;overflow:hidden">
<img style="width:880px;height:fit-content" src="data:image/png;base64,{}"><img style="width:520px;height:fit-content;border-left:1px solid #ccc" src="data:image/png;base64,{}"></div>"""


def shot(browser, address, width, height, scale=1):
    browser.emulate("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False)
    browser.open(address)
    return base64.b64encode(browser.screenshot()).decode()


def main(page, picture):
    browser = Browser()
    try:
        address = pathlib.Path(page).resolve().as_uri()
        matrix = shot(browser, f"{address}#q=rfc8446/&verdict=violates", 1200, 1040)
        cell = browser.run("return document.querySelector(`[data-cell^='${arguments[0]}']`).dataset.cell", CELL)
        panel = shot(browser, f"{address}#cell={cell}", 700, 1040)  # so narrow that the panel has all of it
        whole = base64.b64encode(WHOLE.format(matrix, panel).encode()).decode()
        pathlib.Path(picture).write_bytes(base64.b64decode(shot(browser, f"data:text/html;base64,{whole}", 1412, 760, scale=0.75)))
    finally:
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(__file__).parents[2] / "docs/matrix.png")

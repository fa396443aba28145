"""Reports in a real browser: on a phone, on a desk, in the dark and on paper. Needs Chromium; skipped without it."""

import functools
import json
import re
import shutil
import subprocess
import tempfile
from html import unescape
from pathlib import Path

import pytest

from lab.report import of, page
from tests import reported

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr",
)  # fmt: skip
# asks the page itself, which tells the one around it
PROBE = """<script>addEventListener("load", () => {
  const all = [...document.querySelectorAll("main *")], view = document.documentElement.clientWidth;
  const scrolls = element => element && element !== document.body
    && (getComputedStyle(element).overflowX === "auto" || scrolls(element.parentElement));
  const said = {
    view, width: document.documentElement.scrollWidth,
    outside: all.filter(one => one.getBoundingClientRect().right > view + 1 && !scrolls(one)).map(one => one.outerHTML),
    drawn: [...document.images].map(one => one.naturalWidth), alts: [...document.images].map(one => one.alt),
    fetched: performance.getEntriesByType("resource").map(one => one.name).filter(one => !one.startsWith("data:")),
    heads: [...document.querySelectorAll("h1, h2, h3, h4")].map(one => Number(one.tagName[1])),
    captions: [...document.querySelectorAll("table")].map(one => one.caption && one.caption.textContent),
    scopes: [...document.querySelectorAll("th")].map(one => one.scope),
    ink: getComputedStyle(document.body).color, paper: getComputedStyle(document.body).backgroundColor,
    lang: document.documentElement.lang, title: document.title,
  };
  parent.postMessage(JSON.stringify(said), "*");
});</script>"""
# a window cannot be as narrow as a phone, a frame can; --dump-dom shows what it was told
AROUND = """<body><script>addEventListener("message", event => { document.body.dataset.said = event.data; });</script>
<iframe src="report.html" style="border: 0; width: %dpx; height: 5000px"></iframe></body>"""

pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium is installed (Debian: apt install chromium)")


def _browse(*words: str) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as profile:
        return subprocess.run(
            [BROWSER, *FLAGS, f"--user-data-dir={profile}", *words], capture_output=True, text=True, timeout=120,
            check=True,
        )  # fmt: skip


MAKE = {
    "comparison": reported.comparison,
    "invalid": functools.partial(reported.comparison, steal_pct=80.0),
    "sweep": lambda root: reported.sweep(root).folder,
    "run": lambda root: reported.run(root).folder,
    "capacity": reported.capacity,
    "generator": functools.partial(reported.capacity, answer=False),
}


@pytest.fixture(params=list(MAKE))
def report(request, tmp_path):
    text = page(of(MAKE[request.param](tmp_path / "made")))
    file = tmp_path / "report.html"
    file.write_text(text.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    return file


def _asked(file: Path, width: int, *words: str):
    around = file.with_name("around.html")
    around.write_text(AROUND % width, encoding="utf-8")
    done = _browse("--hide-scrollbars", "--window-size=1400,900", *words, "--dump-dom", around.as_uri())
    assert "CONSOLE" not in done.stderr, done.stderr
    return json.loads(unescape(re.search(r'data-said="([^"]*)"', done.stdout).group(1)))


def test_a_report_fits_a_phone_and_needs_nothing_but_itself(report):
    said = _asked(report, 390)
    assert (said["view"], said["width"]) == (390, 390)
    assert said["outside"] == []
    assert said["fetched"] == []
    assert all(said["drawn"])
    assert all(said["alts"])
    assert said["drawn"]
    assert said["heads"][0] == 1
    assert set(said["heads"][1:]) == {2}
    assert all(said["captions"])
    assert set(said["scopes"]) <= {"row", "col"}
    assert (said["lang"], bool(said["title"])) == ("en", True)


def _contrast(one: str, other: str) -> float:
    """Return the ratio of WCAG 2 of two colours such as rgb(17, 17, 17)."""
    levels = []
    for colour in (one, other):
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        levels.append(sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))
    return (max(levels) + 0.05) / (min(levels) + 0.05)


def test_a_report_can_be_read_in_the_light_and_in_the_dark(tmp_path):
    file = tmp_path / "report.html"
    file.write_text(page(of(reported.run(tmp_path / "made").folder)).replace("</body>", PROBE + "</body>"))
    light, dark = _asked(file, 1280), _asked(file, 1280, "--blink-settings=preferredColorScheme=0")
    assert light["paper"] != dark["paper"]
    assert min(_contrast(said["ink"], said["paper"]) for said in (light, dark)) > 7


def test_a_report_can_be_printed(report, tmp_path):
    paper = tmp_path / "report.pdf"
    _browse("--no-pdf-header-footer", f"--print-to-pdf={paper}", report.as_uri())
    assert paper.read_bytes().startswith(b"%PDF")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes())) <= 12

"""The READMEs, taken at their word: the tour is run as a reader would, with the mock in place of the real APIs."""

import os
import pathlib
import re
import subprocess
import sys

import pytest
from conftest import BINARY, PASSWORD, PROXY_KEY, running_binary
from dialects import TEXT
from mock_upstream import Upstream

ROOT = pathlib.Path(__file__).parents[1]
ENGLISH, CHINESE = (ROOT / name for name in ("README.md", "README_CN.md"))
TOUR = re.compile(r"<!-- tour -->\n```(bash|python)\n(.*?)```", re.DOTALL)
UPSTREAMS = {
    "https://api.openai.com": "openai",
    "https://api.anthropic.com": "anthropic",
    "https://generativelanguage.googleapis.com": "gemini",
    "https://api.weatherstack.com": "weather",
}


def tour(readme: pathlib.Path) -> list[tuple[str, str]]:
    """Language and text of every step."""
    return TOUR.findall(readme.read_text())


def script(steps: list[tuple[str, str]], upstream: Upstream) -> str:
    """All steps as one, which stops at the first that fails."""
    parts = {"bash": "{}", "python": f"{sys.executable} - <<'PYTHON'\n{{}}PYTHON\n"}
    text = "set -euo pipefail\n" + "".join(parts[language].format(step) for language, step in steps)
    for address, service in UPSTREAMS.items():
        assert address in text
        text = text.replace(address, f"{upstream.url}/{service}")
    return text


def test_the_tour_works(upstream: Upstream, tmp_path: pathlib.Path) -> None:
    with running_binary(tmp_path) as url:
        environment = {
            "PATH": os.environ["PATH"],
            "ROTATOR": url,
            "ADMIN_PASSWORD": PASSWORD,
            "PROXY_KEY": PROXY_KEY,
        }
        command = ["bash", "-c", script(tour(ENGLISH), upstream)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stdout + done.stderr
    answers = done.stdout.replace("\\u00f6", "ö")
    assert answers.count(TEXT) == 5, answers
    assert '"temperature"' in answers
    assert sorted(upstream.hits) == sorted(UPSTREAMS.values())


def test_both_readmes_have_the_same_tour() -> None:
    def commands(readme: pathlib.Path) -> list[str]:
        lines = "".join(step for _, step in tour(readme)).splitlines()
        return [line for line in lines if not line.startswith("#")]

    assert commands(ENGLISH) == commands(CHINESE)


@pytest.mark.parametrize("readme", [ENGLISH, CHINESE])
def test_every_setting_is_in_the_table(readme: pathlib.Path) -> None:
    examples = subprocess.run([BINARY, "env-example"], capture_output=True, text=True, check=True).stdout
    settings = re.findall(r"^# ([A-Z_]+)=", examples, re.MULTILINE)

    assert settings
    assert re.findall(r"^\| `([A-Z_]+)`", readme.read_text(), re.MULTILINE) == settings

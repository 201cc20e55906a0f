"""Older SDKs, each in front of the APIs that speak another format: one run of `older_sdks.py` per version."""

import os
import pathlib
import subprocess
import sys

import pytest
from conftest import FORMATS, Gateway

SCRIPT = pathlib.Path(__file__).with_name("older_sdks.py")
FOLDER = pathlib.Path(os.environ["OLDER_SDKS"])
SDKS = [line for line in SCRIPT.with_suffix(".txt").read_text().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("sdk", SDKS)
def test_an_older_sdk_works(sdk: str, gateway: Gateway) -> None:
    client = sdk.partition("==")[0]
    urls = [gateway.base_url(f"{client}-on-{api}") for api in FORMATS if api != client]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(FOLDER / sdk), "PROXY_KEY": gateway.proxy_key}
    command = [sys.executable, SCRIPT, sdk, *urls]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stdout + done.stderr

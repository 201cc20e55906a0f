"""Runs a case of a Node script."""

import os
import pathlib
import subprocess

from conftest import Gateway
from mock_upstream import Upstream


def run(script: str, case: str, gateway: Gateway, upstream: Upstream, service: str, version: str = "/v1") -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "BASE_URL": gateway.base_url(service) + version,
        "PROXY_KEY": gateway.proxy_key,
        "STEP_URL": f"{upstream.url}/_step/{service}",
    }
    command = ["node", pathlib.Path(__file__).with_name(script), case]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr

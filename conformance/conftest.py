"""Starts the mock upstream and the real binary, and registers the services that the tests call."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from mock_upstream import Upstream

BINARY = pathlib.Path(os.environ["API_KEY_ROTATOR_BIN"]).resolve()
PROXY_KEY = "pk-conformance-0123456789"
PASSWORD = "conformance-password"
START_TIMEOUT_SECONDS = 30
STOP_TIMEOUT_SECONDS = 40

FORMATS = {
    "openai": "openai_compatible",
    "responses": "openai_responses",
    "anthropic": "anthropic_native",
    "gemini": "gemini_native",
}
OUTPUTS = {"openai": "openai", "responses": "openai_responses", "anthropic": "anthropic", "gemini": "gemini"}
BASES = {"openai": "/v1", "responses": "/v1", "anthropic": "", "gemini": ""}
POOLS = {
    "": ["up-ok-1", "up-ok-2"],
    "-limited": ["up-limited-1", "up-limited-2"],
    "-failover": ["up-limited-1", "up-ok-1"],
}


@dataclass(frozen=True)
class Gateway:
    """The binary under test, as its clients see it."""

    url: str
    proxy_key: str = PROXY_KEY

    def base_url(self, service: str) -> str:
        return f"{self.url}/llm/{service}"


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    upstream = Upstream(PROXY_KEY)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    yield upstream
    upstream.shutdown()


@pytest.fixture(autouse=True)
def nothing_leaks(upstream: Upstream) -> Iterator[None]:
    upstream.forget()
    yield
    assert upstream.wrongs == []


@pytest.fixture(scope="session")
def gateway(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_binary(tmp_path_factory.mktemp("gateway")) as url:
        register_services(url, upstream.url)
        yield Gateway(url)


@contextlib.contextmanager
def running_binary(folder: pathlib.Path) -> Iterator[str]:
    """The binary, with everything it keeps in this folder; its address."""
    port = free_port()
    environment = {
        "ADMIN_PASSWORD": PASSWORD,
        "BIND_ADDRESS": "127.0.0.1",
        "BACKEND_PORT": str(port),
        "DATABASE_PATH": str(folder / "api_key_rotator.db"),
        "GLOBAL_PROXY_KEYS": PROXY_KEY,
    }
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([BINARY], cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            wait_until_ready(url, process, folder / "log")
            yield url
        finally:
            process.terminate()
            process.wait(STOP_TIMEOUT_SECONDS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: pathlib.Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/readyz").close()
            return
        except urllib.error.URLError:
            time.sleep(0.05)
    pytest.exit(f"the binary did not become ready:\n{log.read_text()}")


def register_services(url: str, upstream: str) -> None:
    def post(path: str, body: Any, token: str = "") -> Any:
        headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
        request = urllib.request.Request(f"{url}/api/admin{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    def register(slug: str, dialect: str, keys: list[str], path: str, output: str = "none", **options: Any) -> None:
        config = {"name": slug, "slug": slug, "config_type": "LLM", "api_format": FORMATS[dialect]}
        config |= {"target_base_url": f"{upstream}/{slug}{path}", "output_format": output, **options}
        config_id = post("/proxy-configs", config, token)["id"]
        added = post(f"/proxy-configs/{config_id}/keys/batch", {"keys": keys}, token)
        assert added["success_count"] == len(keys), added

    token = post("/login", {"username": "admin", "password": PASSWORD})["access_token"]
    for dialect, path in BASES.items():
        for pool, keys in POOLS.items():
            register(f"{dialect}{pool}", dialect, keys, path)
            for client in OUTPUTS.keys() - {dialect}:
                register(f"{client}-on-{dialect}{pool}", dialect, keys, path, OUTPUTS[client])
    register("anthropic-v1", "anthropic", POOLS[""], "/v1")
    register("openai-on-anthropic-strict", "anthropic", POOLS[""], "", "openai", translation_strict=True)
    aliases = {"claude-opus-4-5": "text"}
    register("anthropic-on-gemini-aliased", "gemini", POOLS[""], "", "anthropic", model_aliases=aliases)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The closing line that scripts read."""
    count = {outcome: len(terminalreporter.stats.get(outcome, [])) for outcome in ("passed", "failed", "error")}
    terminalreporter.write_line(f"{count['passed']} passed, {count['failed'] + count['error']} failed")

"""Coding agents, each at work in front of APIs that speak another format: `make test-agents`.

The mock plays a model that calls the agent's own tools: the agent writes a file, reads it, and says what it has done.
"""

import json
import os
import pathlib
import subprocess
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from conftest import FORMATS, Gateway
from dialects import TEXT, Called, Json
from mock_upstream import Upstream

PACKAGES = pathlib.Path(os.environ["AGENTS"])
TASK = "Create hello.txt with the word hello, then read it."
WORD = "hello-from-the-agent"
NOWHERE = "http://127.0.0.1:9"
"""The way to everything that is not on the loopback interface."""
TIMEOUT_SECONDS = 180


@dataclass
class Play:
    """A model that makes these calls, one after the other."""

    calls: list[Called]
    results: tuple[Any, ...] = ()

    def __call__(self, tools: list[str], results: list[Any]) -> Called | None:
        self.results = max(self.results, tuple(results), key=len)
        left = self.calls[len(results) :]
        return left[0] if left and left[0][0] in tools else None


class Agent:
    """A program with a task, in a folder of its own."""

    format: ClassVar[str]

    def __init__(self, folder: pathlib.Path, base_url: str, key: str) -> None:
        self.home, self.work = folder / "home", folder / "work"
        self.work.mkdir()
        self.home.mkdir()
        self.base_url, self.key = base_url, key

    def command(self) -> list[Any]:
        raise NotImplementedError

    def calls(self) -> list[Called]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        raise NotImplementedError

    def run(self) -> subprocess.CompletedProcess[str]:
        alone = {"PATH": os.environ["PATH"], "HOME": str(self.home), "NO_PROXY": "127.0.0.1", "HTTPS_PROXY": NOWHERE}
        environment = alone | {"HTTP_PROXY": NOWHERE, "CI": "1"} | self.environment()
        return subprocess.run(
            self.command(),
            cwd=self.work,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )


class Codex(Agent):
    """`@openai/codex`, with a model that is offered a tool for patches in plain text."""

    format = "responses"
    model = "gpt-5.5"

    def command(self) -> list[Any]:
        provider = {"name": "rotator", "base_url": f"{self.base_url}/v1", "env_key": "PROXY_KEY"}
        provider["wire_api"] = "responses"
        settings = {"model_provider": "rotator", "model_reasoning_effort": "high", "model_reasoning_summary": "auto"}
        settings |= {"analytics.enabled": False, "check_for_update_on_startup": False}
        settings |= {f"model_providers.rotator.{name}": value for name, value in provider.items()}
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={json.dumps(value)}")]
        free = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
        return [PACKAGES / ".bin/codex", "exec", *free, *options, "-m", self.model, TASK]

    def environment(self) -> dict[str, str]:
        return {"PROXY_KEY": self.key}

    def calls(self) -> list[Called]:
        patch = f"*** Begin Patch\n*** Add File: hello.txt\n+{WORD}\n*** End Patch\n"
        return [("apply_patch", {"input": patch}), ("exec_command", {"cmd": "cat hello.txt"})]


class CodexInCode(Codex):
    """The same, with a model that calls all tools in programs, which are plain text too."""

    model = "gpt-6-sol"

    def calls(self) -> list[Called]:
        def program(command: str) -> Called:
            return "exec", {"input": f"text(await tools.exec_command({json.dumps({'cmd': command})}))"}

        return [program(f"echo {WORD} > hello.txt"), program("cat hello.txt")]


class GeminiCli(Agent):
    """`@google/gemini-cli`."""

    format = "gemini"

    def command(self) -> list[Any]:
        settings: Json = {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "general": {"enableAutoUpdate": False, "disableAutoUpdate": True},
            "privacy": {"usageStatisticsEnabled": False},
            "telemetry": {"enabled": False},
        }
        folder = self.home / ".gemini"
        folder.mkdir()
        (folder / "settings.json").write_text(json.dumps(settings))
        return [PACKAGES / ".bin/gemini", "--approval-mode", "yolo", "-m", "gemini-2.5-pro", "-p", TASK]

    def environment(self) -> dict[str, str]:
        address = {"GOOGLE_GEMINI_BASE_URL": self.base_url, "GEMINI_API_KEY": self.key}
        return address | {"GEMINI_CLI_TRUST_WORKSPACE": "true"}

    def calls(self) -> list[Called]:
        file = "hello.txt"
        return [("write_file", {"file_path": file, "content": WORD}), ("read_file", {"file_path": file})]


class ClaudeCode(Agent):
    """`@anthropic-ai/claude-code`, the last one."""

    format = "anthropic"
    package = "@anthropic-ai/claude-code"

    def command(self) -> list[Any]:
        tools = ["--allowedTools", "Write,Read", "--permission-mode", "acceptEdits"]
        return ["node", PACKAGES / self.package / "cli-wrapper.cjs", "-p", TASK, *tools, "--model", "claude-sonnet-4-5"]

    def environment(self) -> dict[str, str]:
        address = {"ANTHROPIC_BASE_URL": self.base_url, "ANTHROPIC_API_KEY": self.key}
        return address | {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}

    def calls(self) -> list[Called]:
        file = str(self.work / "hello.txt")
        return [("Write", {"file_path": file, "content": WORD}), ("Read", {"file_path": file})]


class OlderClaudeCode(ClaudeCode):
    """The last one for Node 20."""

    package = "claude-code-older"


AGENTS = [Codex, CodexInCode, GeminiCli, ClaudeCode, OlderClaudeCode]
PAIRS = [(agent, api) for agent in AGENTS for api in FORMATS if api != agent.format]


@pytest.mark.parametrize(("make", "api"), PAIRS, ids=lambda each: each if isinstance(each, str) else each.__name__)
def test_an_agent_writes_a_file_and_reads_it(
    make: type[Agent], api: str, gateway: Gateway, upstream: Upstream, tmp_path: pathlib.Path
) -> None:
    agent = make(tmp_path, gateway.base_url(f"{make.format}-on-{api}"), gateway.proxy_key)
    upstream.act = play = Play(agent.calls())
    done = agent.run()

    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert TEXT in done.stdout, said
    assert (agent.work / "hello.txt").read_text().strip() == WORD
    assert len(play.results) == 2 and WORD in str(play.results[-1]), play.results

"""A stand-in for OpenAI, Anthropic, Gemini and a weather API, on the loopback interface, for tests only.

The first path segment names the *service*; what follows is that API's own path. What happens is asked for by
ordinary means, so that it passes through any proxy unchanged:

- the key: `up-limited-…` is answered 429, every other key is served;
- the model: `stepwise` waits after each piece of text until it is told to go on (`POST /_step/{service}`),
  `cut` breaks off between two events of a stream, `cut-within` in the middle of one;
- `tools` in the request: the answer calls the first of them, and says something when it has seen the result
  (`Upstream.act` may be another play);
- a JSON schema for the answer: the answer is JSON;
- thinking: thoughts come first, and what is signed has to come back as it was.

A request that the real API would refuse is refused (`contracts.py`).

Run by itself (`python3 mock_upstream.py`), it prints its address and serves until it is ended.
"""

import json
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import endpoints
from dialects import Act, Event, obliging

CREDENTIAL_HEADERS = ("authorization", "x-api-key", "x-goog-api-key", "x-anthropic-api-key", "api-key", "x-proxy-key")
CREDENTIAL_PARAMETERS = ("key", "api_key", "access_key")
STEP_TIMEOUT_SECONDS = 5


class Upstream(ThreadingHTTPServer):
    """The server, and what it saw."""

    daemon_threads = True

    def __init__(self, proxy_key: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.proxy_key = proxy_key
        self.hits: dict[str, list[str]] = defaultdict(list)
        """Upstream keys in the order they came, by service."""
        self.wrongs: list[str] = []
        """What no upstream may ever see: the proxy key, a credential too few or too many, or what it has to refuse."""
        self.act: Act = obliging
        self.steps: dict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(0))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def step(self, service: str) -> None:
        """Lets a `stepwise` stream of this service go on."""
        self.steps[service].release()

    def forget(self) -> None:
        """Forgets what was seen, between two tests."""
        self.hits.clear()
        self.wrongs.clear()
        self.steps.clear()
        self.act = obliging


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    server: Upstream

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers.get("content-length", 0))))

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, body: bytes) -> None:
        url = urlsplit(self.path)
        _, service, path = url.path.split("/", 2)
        if service == "_step":
            self.server.step(path)
            return self.send(200, {})
        key = self.credential(parse_qs(url.query), body)
        dialect = endpoints.of(self.command, path, self.headers, self.server.act)
        if key is None:
            return self.send(401, dialect.error(401))
        self.server.hits[service].append(key)
        if key.startswith("up-limited-"):
            return self.send(429, dialect.error(429), {"retry-after": "1"})
        request = json.loads(body) if body else {}
        if request and (problem := dialect.contract(request, self.headers)):
            self.server.wrongs.append(f"{problem} in {self.command} {self.path}: {body.decode()}")
            return self.send(400, dialect.error(400, problem))
        model = dialect.model(path, request)
        if dialect.streams(path, request):
            return self.stream(service, model, dialect.events(path, request))
        self.send(200, dialect.response(path, request))

    def credential(self, query: dict[str, list[str]], body: bytes) -> str | None:
        """The one credential of the request; notes what is wrong with it."""
        shown = [self.headers[name] for name in CREDENTIAL_HEADERS if name in self.headers]
        shown += [value for name in CREDENTIAL_PARAMETERS for value in query.get(name, [])]
        if len(shown) != 1:
            self.server.wrongs.append(f"{len(shown)} credentials in {self.command} {self.path}")
        everything = f"{self.path}\n{self.headers}\n{body!r}"
        if self.server.proxy_key and self.server.proxy_key in everything:
            self.server.wrongs.append(f"the proxy key in {self.command} {self.path}")
        return shown[0].removeprefix("Bearer ") if shown else None

    def send(self, status: int, answer: dict, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, service: str, model: str, events: list[Event]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        texts = 0
        for event in events:
            texts += event.is_text
            if texts == 2 and model == "cut":
                return self.break_off()
            if texts == 2 and model == "cut-within":
                self.chunk(event.data[: len(event.data) // 2])
                return self.break_off()
            self.chunk(event.data)
            if event.is_text and model == "stepwise":
                if not self.server.steps[service].acquire(timeout=STEP_TIMEOUT_SECONDS):
                    return self.break_off()
        self.wfile.write(b"0\r\n\r\n")

    def chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def break_off(self) -> None:
        """Ends the connection without the last chunk: the stream is visibly incomplete."""
        self.close_connection = True


if __name__ == "__main__":
    upstream = Upstream()
    print(upstream.url, flush=True)
    upstream.serve_forever()

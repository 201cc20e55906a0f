import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const PASSWORD = "a password for the browser";
export const PROXY_KEY = "pk-for-the-browser-0123456789";

const USAGE = { prompt_tokens: 5, completion_tokens: 7 };
/** What the API answers with where a stream is wanted. */
const STREAM = [{ choices: [{ delta: { content: "Hello from " } }] }, { choices: [{ delta: { content: "the API" } }] }, { choices: [], usage: USAGE }]
  .map((event) => `data: ${JSON.stringify(event)}\n\n`)
  .concat("data: [DONE]\n\n")
  .join("");

/** An API that answers with the key that it was shown, and its neighbour, the real server. */
export interface World {
  /** Where the server is. */
  url: string;
  /** Where the API is. */
  upstream: string;
  stop: () => Promise<void>;
}

/** What an API says to a key that it does not just serve. */
export type Manner = (key: string) => { status: number; headers: Record<string, string>; body: unknown } | null;

export async function start(manner: Manner = () => null): Promise<World> {
  const upstream = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const refusal = manner(String(request.headers.authorization ?? request.headers["x-api-key"]));
      if (refusal) {
        response.writeHead(refusal.status, { "content-type": "application/json", ...refusal.headers });
        response.end(JSON.stringify(refusal.body));
        return;
      }
      const wantsStream = Buffer.concat(pieces).includes('"stream":true');
      response.setHeader("content-type", wantsStream ? "text/event-stream" : "application/json");
      response.end(wantsStream ? STREAM : JSON.stringify({ key: request.headers.authorization, choices: [], usage: USAGE }));
    });
  });
  const folder = mkdtempSync(join(tmpdir(), "panel-e2e-"));
  const [apiPort, port] = [await listen(upstream), await freePort()];
  const binary = process.env.API_KEY_ROTATOR_BIN ?? "../target/debug/api-key-rotator";
  const server = spawn(binary, [], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      PATH: process.env.PATH,
      ADMIN_PASSWORD: PASSWORD,
      GLOBAL_PROXY_KEYS: PROXY_KEY,
      BIND_ADDRESS: "127.0.0.1",
      BACKEND_PORT: String(port),
      DATABASE_PATH: join(folder, "panel.db"),
      LOG_LEVEL: "error",
      LOG_FORMAT: "json",
    },
  });
  const url = `http://127.0.0.1:${port}`;
  await ready(url, server);
  return {
    url,
    upstream: `http://127.0.0.1:${apiPort}/v1`,
    async stop() {
      server.kill("SIGTERM");
      if (server.exitCode === null) await once(server, "exit");
      upstream.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, "close");
  return port;
}

async function ready(url: string, server: ChildProcess) {
  for (let tries = 0; tries < 300 && server.exitCode === null; tries++) {
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the server at ${url} did not start`);
}

import { expect, type Response, test } from "@playwright/test";
import { complaintsOf, isFit, shot, sizeOf } from "./page";
import { PASSWORD, PROXY_KEY, start, type World } from "./server";

let world: World;
test.beforeAll(async () => {
  world = await start();
});
test.afterAll(() => world.stop());

function ask(path: string, proxyKey: string): Promise<globalThis.Response> {
  return fetch(`${world.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${proxyKey}`, "content-type": "application/json" },
    body: '{"model": "gpt-5", "messages": []}',
  });
}

async function statusOf(path: string, proxyKey: string): Promise<number> {
  return (await ask(path, proxyKey)).status;
}

/** The key with which an API was asked. */
async function call(path: string, proxyKey = PROXY_KEY): Promise<string> {
  const answer = await ask(path, proxyKey);
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { key: string }).key;
}

const thousandKeys = `key,note\n${Array.from({ length: 1000 }, (_, index) => `sk-browser-${String(index).padStart(4, "0")}-abcdefgh,note`).join("\n")}\nsk-browser-0000-abcdefgh,again\n`;

test("an operator's first hour", async ({ page }) => {
  const complaints = complaintsOf(page);

  const scripts: Response[] = [];
  page.on("response", (response) => response.url().endsWith(".js") && scripts.push(response));
  await page.goto(`${world.url}/requests?status=429`);
  await expect(page).toHaveURL(/\/login\?next=/);
  await page.waitForLoadState("networkidle");
  expect(await sizeOf(scripts)).toBeLessThanOrEqual(120 * 1024);
  await isFit(page);
  await shot(page, "login");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/requests\?status=429/);
  const cookie = (await page.context().cookies()).find(({ name }) => name === "akr_session");
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict", path: "/api/admin" });

  await page.goto(world.url);
  await expect(page.getByRole("heading", { name: "Welcome" })).toBeVisible();
  await isFit(page);
  await shot(page, "overview-empty");

  await page.getByRole("link", { name: "Services" }).click();
  await page.getByTestId("new-service").click();
  await expect(page.getByTestId("preset-openai")).toBeVisible();
  await isFit(page);
  await shot(page, "presets");
  await page.getByTestId("preset-openai").click();
  await page.getByLabel("Address of the API").fill(world.upstream);
  await isFit(page);
  await shot(page, "editor");
  await page.getByTestId("save-service").click();

  await expect(page.getByRole("heading", { name: "No keys yet" })).toBeVisible();
  await page.getByTestId("add-keys").click();
  await page.getByTestId("key-file").setInputFiles({ name: "keys.csv", mimeType: "text/csv", buffer: Buffer.from(thousandKeys) });
  await expect(page.getByText("1,000 keys to add")).toBeVisible();
  await expect(page.getByText("1 repeated")).toBeVisible();
  await isFit(page);
  await shot(page, "import");
  await page.getByTestId("import").click();
  await expect(page.getByTestId("import-report")).toContainText("1,000 added");
  await page.getByTestId("import-close").click();
  await expect(page.getByText("1–50 of 1,000")).toBeVisible();
  expect(await page.content()).not.toContain("sk-browser-0000-abcdefgh");

  const first = await call("/llm/openai/v1/chat/completions");
  const used = page.getByRole("row").filter({ hasText: "100%" });
  await expect(async () => {
    await page.getByRole("button", { name: "Refresh" }).click();
    await expect(used).toHaveCount(1, { timeout: 1000 });
  }).toPass();
  await isFit(page);
  await shot(page, "keys");

  await used.getByRole("button", { name: /^More actions/ }).click();
  await page.getByRole("menuitem", { name: "Reveal" }).click();
  await page.getByRole("dialog").getByLabel("Password").fill(PASSWORD);
  await page.getByRole("dialog").getByRole("button", { name: "Reveal" }).click();
  expect(`Bearer ${await page.getByTestId("secret").textContent()}`).toBe(first);
  await isFit(page);
  await page.getByRole("dialog").getByRole("button", { name: "Close", exact: true }).last().click();

  await used.getByRole("switch").press("Space");
  await expect(page.getByTestId("state-disabled")).toContainText("1");
  for (let turn = 0; turn < 3; turn++) expect(await call("/llm/openai/v1/chat/completions")).not.toBe(first);

  await page.getByRole("checkbox", { name: "Select all on this page" }).locator("..").click();
  await page.getByTestId("select-total").click();
  await expect(page.getByText("1,000 keys selected")).toBeVisible();
  await page.getByTestId("bulk-enable").click();
  await expect(page.getByTestId("job")).toContainText("1,000 done");
  await expect(page.getByTestId("state-disabled")).toContainText("0");
  await page.getByTestId("test-all").click();
  await page.reload();
  await expect(page.getByTestId("job")).toContainText("running");
  await page.getByTestId("job").getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByTestId("job")).toContainText("cancelled");
  await page.getByTestId("job").getByRole("button", { name: "Close" }).click();

  const search = page.getByLabel("Note, or a whole key");
  await search.fill("no such note");
  await search.press("Enter");
  await expect(page.getByRole("heading", { name: "No key like that" })).toBeVisible();
  await page.getByRole("button", { name: "Export keys" }).click();
  await expect(page.getByRole("dialog")).toContainText("What a search finds cannot be exported");
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
  await search.fill("");
  await search.press("Enter");

  const second = page.getByRole("row").nth(2);
  await second.locator(".el-checkbox").click();
  await page.getByTestId("bulk-test").click();
  await expect(page.getByTestId("job")).toContainText("1 accepted");
  await second.locator(".el-checkbox").click();
  await page.getByTestId("bulk-delete").click();
  await expect(page.getByRole("dialog").getByRole("button", { name: "Delete" })).toBeDisabled();
  await page.getByRole("dialog").getByRole("textbox").fill("1");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByTestId("state-all")).toContainText("999");

  await page.getByRole("link", { name: "Requests" }).click();
  const rows = page.getByRole("row").filter({ hasText: "/llm/openai/v1/chat/completions" });
  await expect(async () => {
    await page.getByRole("button", { name: "Refresh" }).click();
    await expect(rows).toHaveCount(4, { timeout: 1000 });
  }).toPass();
  await isFit(page);
  await shot(page, "requests");
  await rows.first().getByRole("button").click();
  await expect(page.getByRole("heading", { name: "How it came to its answer" })).toBeVisible();
  await isFit(page);
  await shot(page, "request");
  await page.keyboard.press("Escape");

  await page.getByRole("link", { name: "Proxy keys" }).click();
  await expect(page.getByRole("row").filter({ hasText: "Set in the configuration" })).toBeVisible();
  await page.getByTestId("new-proxy-key").click();
  await page.getByLabel("Name").fill("a team");
  await page.getByLabel("Requests a minute").fill("1");
  await isFit(page);
  await shot(page, "proxy-key-editor");
  await page.getByTestId("save-proxy-key").click();
  const made = (await page.getByTestId("secret").textContent()) ?? "";
  await isFit(page);
  await page.getByTestId("made-close").click();
  await expect(page.getByText("1 request/min")).toBeVisible();
  // It is there until the dialog has faded away.
  await expect(page.getByTestId("secret")).toHaveCount(0);
  expect(await page.content()).not.toContain(made);
  await call("/llm/openai/v1/chat/completions", made);
  expect(await statusOf("/llm/openai/v1/chat/completions", made)).toBe(429);
  await isFit(page);
  await shot(page, "proxy-keys");
  await page.getByRole("button", { name: "Delete: a team" }).click();
  await page.getByRole("dialog").getByRole("textbox").fill("a team");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByText("1 request/min")).toBeHidden();
  expect(await statusOf("/llm/openai/v1/chat/completions", made)).toBe(401);

  for (const [link, name] of [["Connect", "connect"], ["Audit log", "audit"], ["Overview", "overview"], ["Services", "services"]] as const) {
    await page.getByRole("link", { name: link, exact: true }).click();
    await page.waitForLoadState("networkidle");
    await isFit(page);
    await shot(page, name);
  }

  await page.getByRole("link", { name: "Overview", exact: true }).click();
  await page.getByRole("button", { name: "Last 7 days" }).click();
  await expect(page).toHaveURL(/range=7d/);
  await expect(page.getByRole("img", { name: "Requests: 7" }).locator("canvas")).toBeVisible();
  await expect(page.getByRole("region", { name: "Top keys" })).toContainText("Key #");
  await page.getByRole("link", { name: "Services", exact: true }).click();

  await page.getByTestId("locale").click();
  await expect(page.getByRole("heading", { name: "服务" })).toBeVisible();
  await page.getByTestId("theme").click();
  await page.getByTestId("theme").click();
  await expect(page.locator("html")).toHaveClass(/dark/);
  await page.setViewportSize({ width: 375, height: 812 });
  for (const path of ["/", "/services", "/services/1", "/requests", "/connect", "/proxy-keys", "/audit"]) {
    await page.goto(world.url + path);
    await page.waitForLoadState("networkidle");
    await expect(page.locator("html")).toHaveClass(/dark/);
    await isFit(page);
    await shot(page, `phone-dark${path.replaceAll("/", "-")}`);
  }

  await page.getByRole("button", { name: "菜单" }).click();
  await page.getByRole("button", { name: "退出登录" }).click();
  await expect(page).toHaveURL(/\/login$/);
  expect(complaints).toEqual([]);
});

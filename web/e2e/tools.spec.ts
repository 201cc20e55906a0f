import { expect, type Page, test } from "@playwright/test";
import { readFile } from "node:fs/promises";
import { complaintsOf, isFit, shot } from "./page";
import { PASSWORD, PROXY_KEY, start, type World } from "./server";

let world: World;
test.beforeAll(async () => {
  world = await start();
});
test.afterAll(() => world.stop());

async function goTo(page: Page, name: string) {
  await page.getByRole("navigation").getByRole("link", { name }).click();
}

async function addService(page: Page) {
  await goTo(page, "Services");
  await page.getByTestId("new-service").click();
  await page.getByTestId("preset-openai").click();
  await page.getByLabel("Address of the API").fill(world.upstream);
  await page.getByTestId("save-service").click();
  await page.getByTestId("add-keys").click();
  await page.getByRole("dialog").getByRole("textbox").first().fill("sk-browser-0001-abcdefgh");
  await expect(page.getByTestId("import-preview")).toContainText("Nothing is added yet");
  await page.getByTestId("import").click();
  await page.getByTestId("import-close").click();

  await page.getByTestId("add-keys").click();
  await page.getByRole("dialog").getByRole("textbox").first().fill("sk-browser-0001-abcdefgh\nsk-browser-0002-abcdefgh\nsk-ключ");
  for (const told of ["1 key to add", "1 there already", "1 cannot be a key", "Entry 3: has characters"]) {
    await expect(page.getByTestId("import-preview")).toContainText(told);
  }
  await isFit(page);
  await shot(page, "import-preview");
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
}

/** Opens the editor, and in it all that most services never need. */
async function edit(page: Page) {
  await page.getByRole("button", { name: /^More actions/ }).click();
  await page.getByRole("menuitem", { name: "Edit" }).click();
  for (const section of ["Rules for answers", "More addresses", "Headers", "Names of models", "Special cases"]) {
    await page.getByRole("button", { name: section }).click();
  }
}

test("an operator's tools", async ({ page }) => {
  const complaints = complaintsOf(page);
  await page.goto(world.url);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await goTo(page, "Playground");
  await expect(page.getByRole("heading", { name: "No LLM service yet" })).toBeVisible();
  await isFit(page);
  await addService(page);

  await goTo(page, "Services");
  await edit(page);
  await page.getByTestId("add-rule").click();
  await page.locator("#rule-0-name").fill("out of credit");
  await page.locator("#rule-0-status").fill("402");
  await page.getByTestId("add-rule").click();
  await page.locator("#rule-1-name").fill("bad key");
  await page.locator("#rule-1-status").fill("403");
  await page.getByRole("button", { name: "Move up: bad key" }).click();
  await expect(page.locator("#rule-0-status")).toHaveValue("403");
  await page.locator("#rule-1-status").press("End");
  await page.locator("#rule-1-status").pressSequentially("\n429");
  await expect(page.locator("#rule-1-status")).toHaveValue("402\n429");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Go on writing" }).click();
  await page.locator("#tested-status").fill("402");
  await page.getByTestId("test-rules").click();
  await expect(page.getByTestId("verdict")).toContainText("Rule: out of credit");
  await page.getByTestId("verdict").scrollIntoViewIfNeeded();
  await shot(page, "rule-test");
  await page.getByRole("button", { name: "Add an address" }).click();
  await page.getByLabel("Address of the API").last().fill("https://eu.api.example.com/v1");
  await page.getByRole("button", { name: "Add a name" }).click();
  await page.getByLabel("Clients say").fill("mine");
  await page.getByLabel("The API hears: mine").fill("gpt-5");
  await isFit(page);
  await shot(page, "editor-rules");
  await page.getByRole("button", { name: "More addresses" }).click();
  await page.getByTestId("save-service").click();
  await expect(page.getByText("OpenAI is saved.")).toBeVisible();
  await edit(page);
  await expect(page.locator("#rule-0-status")).toHaveValue("403");
  await expect(page.locator("#rule-1-name")).toHaveValue("out of credit");
  await expect(page.locator("#rule-1-status")).toHaveValue("402\n429");
  await expect(page.getByLabel("The API hears: mine")).toHaveValue("gpt-5");
  await page.getByRole("button", { name: "Delete: https://eu.api.example.com/v1" }).click();
  await page.getByTestId("save-service").click();
  await expect(page.getByRole("dialog", { name: "Edit the service" })).toBeHidden();

  await goTo(page, "Playground");
  await page.getByLabel("Model").fill("mine");
  await page.getByLabel("Proxy key").fill(PROXY_KEY);
  await page.getByLabel("Prompt", { exact: true }).fill("Hello");
  await page.getByTestId("play-send").click();
  await expect(page.getByTestId("play-record")).toContainText("#1");
  await expect(page.getByTestId("play-answer")).toContainText("Hello from the API");
  await page.getByTestId("play-raw").click();
  await expect(page.getByTestId("play-answer")).toContainText("[DONE]");
  expect(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]))).not.toContain(PROXY_KEY);
  await isFit(page);
  await shot(page, "playground");

  await goTo(page, "Requests");
  await page.getByTestId("live").click();
  const rows = page.getByRole("row").filter({ hasText: "/llm/openai/v1/chat/completions" });
  await expect(rows).toHaveCount(1);
  await page.evaluate(async (key) => {
    await fetch("/llm/openai/v1/chat/completions", { method: "POST", headers: { "x-proxy-key": key, "content-type": "application/json" }, body: '{"model":"mine","messages":[]}' });
  }, PROXY_KEY);
  await expect(rows).toHaveCount(2);
  await page.getByTestId("live").click();
  await page.getByTestId("export-requests").click();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: "CSV" }).click()]);
  expect(file.suggestedFilename()).toBe("requests.csv");
  expect((await readFile(await file.path(), "utf8")).trim().split("\r\n")).toHaveLength(3);

  await goTo(page, "Settings");
  await page.getByTestId("add-price").click();
  await page.getByLabel("Model", { exact: true }).fill("gpt-5*");
  await page.getByLabel("Output: gpt-5*").fill("10");
  await page.getByTestId("save-prices").click();
  await expect(page.getByText("The prices are saved.")).toBeVisible();
  await page.getByTestId("add-webhook").click();
  await page.getByLabel("Address", { exact: true }).fill(`${world.upstream}/a-hook-of-the-tests`);
  await page.getByRole("button", { name: "Generate" }).click();
  await page.getByTestId("test-webhook").click();
  await expect(page.getByTestId("webhook-report")).toContainText("Answered 200");
  await page.getByTestId("save-webhooks").click();
  await expect(page.getByText("The webhooks are saved.")).toBeVisible();
  expect(await page.content()).not.toContain("a-hook-of-the-tests");
  await page.getByTestId("backup").click();
  await page.getByRole("dialog").getByLabel("Password").fill(PASSWORD);
  const [backup] = await Promise.all([page.waitForEvent("download"), page.getByRole("dialog").getByRole("button", { name: "Download" }).click()]);
  expect(backup.suggestedFilename()).toMatch(/^api-key-rotator-.*\.db$/);
  expect((await readFile(await backup.path())).subarray(0, 15).toString()).toBe("SQLite format 3");
  await expect(page.getByRole("dialog")).toBeHidden();
  await page.getByRole("button", { name: "How to restore a backup" }).click();
  await page.getByRole("button", { name: "Prices that the program brings along" }).click();
  await isFit(page);
  await shot(page, "settings");

  await goTo(page, "Instances");
  await expect(page.getByRole("region", { name: "Database" })).toContainText("Answers");
  await expect(page.getByRole("row").filter({ hasText: "This one" })).toContainText("Leads");
  await expect(page.getByTestId("now")).toContainText("Requests now");
  await isFit(page);
  await shot(page, "instances");

  await goTo(page, "API reference");
  await page.getByText("Show what requests came to over time").click();
  await expect(page.getByText("How long a step is, in seconds.")).toBeVisible();
  await isFit(page);
  await shot(page, "reference");

  await page.getByTestId("locale").click();
  await page.getByTestId("theme").click();
  await page.getByTestId("theme").click();
  await expect(page.locator("html")).toHaveClass(/dark/);
  await page.setViewportSize({ width: 375, height: 812 });
  for (const path of ["/settings", "/instances", "/playground", "/reference"]) {
    await page.goto(world.url + path);
    await page.waitForLoadState("networkidle");
    await isFit(page);
    await shot(page, `phone-dark${path.replaceAll("/", "-")}`);
  }
  expect(complaints).toEqual([]);
});

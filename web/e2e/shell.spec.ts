import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, type Page, test } from "@playwright/test";
import { complaintsOf, isFit, shot } from "./page";
import { PASSWORD, PROXY_KEY, start, type World } from "./server";

let world: World;
test.beforeAll(async () => {
  world = await start();
});
test.afterAll(() => world.stop());

async function signIn(page: Page, path = "/") {
  await page.goto(world.url + path);
  await page.locator("#password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page.locator("main h1")).toBeVisible();
}

test("the first steps end in a curl that works", async ({ page, context }) => {
  const complaints = complaintsOf(page);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await signIn(page);
  const guide = page.getByTestId("first-steps");
  await expect(guide.locator("[aria-current=step]")).toContainText("Add a service");
  await isFit(page);
  await guide.getByRole("button", { name: "Add the first service" }).click();
  await page.getByTestId("new-service").click();
  await page.getByTestId("preset-openai").click();
  await page.getByLabel("Address of the API").fill(world.upstream);
  await page.getByTestId("save-service").click();
  await page.getByRole("link", { name: "Overview", exact: true }).click();
  await expect(guide.locator("[aria-current=step]")).toContainText("Add its keys");
  await guide.getByRole("button", { name: "Add keys" }).click();
  await page.getByTestId("add-keys").click();
  await page.getByRole("dialog").getByRole("textbox").first().fill("sk-browser-0001-abcdefgh");
  await page.getByTestId("import").click();
  await page.getByTestId("import-close").click();

  await page.getByRole("link", { name: "Overview", exact: true }).click();
  await guide.getByLabel("Proxy key").fill(PROXY_KEY);
  await expect(guide.locator("pre")).toContainText("/llm/openai/v1/chat/completions");
  await expect(guide.locator("pre")).not.toContainText(PROXY_KEY);
  await isFit(page);
  await shot(page, "first-steps");
  await guide.getByRole("button", { name: "Copy" }).click();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  // Not in the way of everything else: the API that it asks in the end is in this process.
  const { stdout } = await promisify(execFile)("bash", ["-c", command]);
  expect(stdout).toContain("sk-browser-0001-abcdefgh");
  await expect(guide).toHaveCount(0);
  await expect(page.getByRole("cell", { name: "/llm/openai/v1/chat/completions" })).toBeVisible();

  await page.getByRole("link", { name: "Audit log" }).click();
  await expect(page.getByRole("row").filter({ hasText: "Service created" })).toContainText("“OpenAI” · slug openai");
  await expect(page.getByRole("row").filter({ hasText: "Keys added" })).toContainText("1 key added");
  await page.getByRole("link", { name: "Requests" }).click();
  await page.getByLabel("Key number").fill("7");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/key=7/);
  await expect(page.getByRole("heading", { name: "No request like that" })).toBeVisible();
  await page.getByText("Any outcome").click();
  await page.getByRole("option", { name: "Refused here" }).click();
  await expect(page).toHaveURL(/outcome=refused/);
  await page.reload();
  await expect(page.getByLabel("Key number")).toHaveValue("7");
  await expect(page.locator(".toolbar")).toContainText("Refused here");
  await isFit(page);
  expect(complaints).toEqual([]);
});

test("what the server says is Chinese in the Chinese panel", async ({ page }) => {
  await page.addInitScript(() => localStorage.setItem("akr.locale", "zh-CN"));
  const complaints = complaintsOf(page);
  await signIn(page, "/services");
  await page.getByTestId("new-service").click();
  await page.getByTestId("preset-openai").click();
  await page.locator("#service-slug").fill("No Slug");
  await page.locator("#service-base").fill("ftp://example.com");
  await page.getByTestId("save-service").click();
  await expect(page.getByText("必须是 1 到 100 个字符，只能用 a-z")).toBeVisible();
  await expect(page.getByText("必须以 http:// 或 https:// 开头")).toBeVisible();
  await shot(page, "wrong-fields-zh");
  // A refused form is an error to the browser too.
  expect(complaints.filter((complaint) => !complaint.includes("422"))).toEqual([]);
});

test("a page that is nowhere says so", async ({ page }) => {
  const complaints = complaintsOf(page);
  await signIn(page, "/nowhere/to/be/found");
  await expect(page.getByRole("heading", { name: "There is no such page" })).toBeVisible();
  await isFit(page);
  expect(complaints).toEqual([]);
});

test("an outage signs nobody out", async ({ page }) => {
  await signIn(page, "/audit");
  await expect(page.getByRole("heading", { name: "Audit log" })).toBeVisible();
  const outage = { code: "unavailable", error: "the database does not answer", request_id: "r" };
  await page.route("**/api/admin/session", (route) => route.fulfill({ status: 503, json: outage }));
  await page.reload();
  await expect(page.getByText("The database does not answer.")).toBeVisible();
  await isFit(page);
  await page.unroute("**/api/admin/session");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { name: "Audit log" })).toBeVisible();
  await expect(page).toHaveURL(/\/audit$/);
});

test("a session that ends takes nothing with it that is not saved", async ({ page }) => {
  await signIn(page, "/services");
  await page.getByRole("link", { name: "Proxy keys" }).click();
  await page.getByTestId("new-proxy-key").click();
  const name = page.getByRole("dialog").getByRole("textbox").first();
  await name.fill("a team of ours");
  await page.context().clearCookies();
  await page.getByTestId("save-proxy-key").click();
  await expect(page.getByText("What you have not saved is still here")).toBeVisible();
  await isFit(page);
  // Nothing leads away from it unasked.
  await page.goBack();
  await expect(page).toHaveURL(/\/proxy-keys$/);
  await page.locator("#password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page.locator("#password")).toBeHidden();
  await expect(name).toHaveValue("a team of ours");
  await page.getByTestId("save-proxy-key").click();
  await expect(page.getByText("a team of ours")).toBeVisible();
});

test("a page whose code went with an upgrade is loaded anew", async ({ page }) => {
  let isGone = true;
  await page.route(/\/assets\/AuditView-.*\.js/, (route) => (isGone ? route.abort() : route.continue()));
  await signIn(page, "/services");
  page.once("framenavigated", () => (isGone = false));
  await page.getByRole("link", { name: "Audit log" }).click();
  await expect(page.getByRole("heading", { name: "Audit log" })).toBeVisible();
  expect(isGone).toBe(false);
});

test("the menu is usable on a phone and on a low window", async ({ page }) => {
  const complaints = complaintsOf(page);
  await signIn(page, "/services");
  await page.setViewportSize({ width: 375, height: 812 });
  const button = page.getByRole("button", { name: "Menu" });
  await button.click();
  await expect(page.getByRole("link", { name: "Overview" })).toBeFocused();
  await expect(page.locator("main")).toHaveJSProperty("inert", true);
  await isFit(page);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("navigation")).toBeHidden();
  await expect(button).toBeFocused();
  await expect(page.locator("main")).toHaveJSProperty("inert", false);

  await page.setViewportSize({ width: 812, height: 375 });
  await button.click();
  const out = page.getByRole("button", { name: "Sign out" });
  await out.scrollIntoViewIfNeeded();
  await expect(out).toBeInViewport();
  await page.setViewportSize({ width: 1440, height: 900 });
  await expect(page.locator("main")).toHaveJSProperty("inert", false);
  expect(complaints).toEqual([]);
});

import { mkdirSync } from "node:fs";
import { expect, type Page, test } from "@playwright/test";
import { PASSWORD, start, type World } from "../e2e/server";
import { fill, manner, stats } from "./demo";

/** Every page, and what is done on it before it is shown. `small` ones are shown on a phone and on a large screen too. */
const PAGES: { name: string; path: string; small?: boolean; prepare?: (page: Page) => Promise<unknown> }[] = [
  { name: "overview", path: "/", small: true, prepare: (page) => expect(page.locator("canvas").first()).toBeVisible() },
  { name: "services", path: "/services", small: true },
  { name: "keys", path: "/services/1", small: true },
  { name: "key-import", path: "/services/1", prepare: openImport },
  { name: "service-editor", path: "/services", prepare: openEditor },
  { name: "rules", path: "/services", prepare: openRules },
  { name: "requests", path: "/requests", small: true },
  { name: "request", path: "/requests?attempts=2", prepare: (page) => page.locator("tbody button").first().click() },
  { name: "playground", path: "/playground" },
  { name: "connect", path: "/connect", small: true },
  { name: "proxy-keys", path: "/proxy-keys" },
  { name: "audit", path: "/audit" },
  { name: "instances", path: "/instances", small: true },
  { name: "settings", path: "/settings", small: true },
  { name: "reference", path: "/reference" },
  { name: "nowhere", path: "/nowhere" },
];
const FOLDER = process.env.SCREENSHOTS ?? "../target/screenshots";

let world: World;
test.beforeAll(async () => {
  mkdirSync(FOLDER, { recursive: true });
  world = await start(manner);
  await fill(world);
});
test.afterAll(() => world.stop());

async function openEditor(page: Page) {
  await page.getByTestId("new-service").click();
  await page.getByTestId("preset-openai").click();
}

/** One key twice, one that is there already and one that cannot be a key: the preview tells them apart. */
async function openImport(page: Page) {
  await page.getByTestId("add-keys").click();
  await page.getByRole("dialog").getByRole("textbox").first().fill("sk-proj-new-0001-abcdefgh\nsk-proj-new-0002-abcdefgh\nsk-proj-new-0001-abcdefgh\nsk-ключ");
  await expect(page.getByTestId("import-preview")).toContainText("2");
}

/** A rule of the operator's own, and what it makes of an answer. */
async function openRules(page: Page) {
  // The last is the oldest, and what can be done to it is at the end of its row.
  await page.locator("tbody tr").last().locator("button").last().click();
  await page.getByRole("menuitem").first().click();
  await page.getByRole("button", { name: /Rules for answers|应答规则/ }).click();
  await page.getByTestId("add-rule").click();
  await page.locator("#rule-0-name").fill("out of credit");
  await page.locator("#rule-0-status").fill("402");
  await page.locator("#tested-status").fill("402");
  await page.getByTestId("test-rules").click();
  await page.getByTestId("verdict").scrollIntoViewIfNeeded();
}

async function shoot(page: Page, name: string, fullPage: boolean) {
  await page.waitForLoadState("networkidle");
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => null))));
  await page.screenshot({ path: `${FOLDER}/${name}.png`, fullPage, animations: "disabled" });
}

for (const locale of ["en", "zh-CN"]) {
  for (const theme of ["light", "dark"]) {
    test(`${locale}, ${theme}`, async ({ page }) => {
      await page.addInitScript((liked) => {
        for (const [what, value] of Object.entries(liked)) localStorage.setItem(`akr.${what}`, value);
      }, { locale, theme });
      await page.route("**/api/admin/stats*", (route) => {
        const range = new URL(route.request().url()).searchParams.get("range") ?? "1h";
        return route.fulfill({ json: stats(range as Parameters<typeof stats>[0]) });
      });
      const suffix = `${locale.slice(0, 2)}-${theme}`;
      await page.goto(world.url);
      await shoot(page, `login-${suffix}`, false);
      await page.locator("input[type=password]").fill(PASSWORD);
      await page.keyboard.press("Enter");
      await expect(page.getByRole("navigation")).toBeVisible();
      for (const [size, width, height] of [["", 1440, 900], ["-375", 375, 812], ["-3840", 3840, 2160]] as const) {
        await page.setViewportSize({ width, height });
        for (const { name, path, prepare } of PAGES.filter(({ small }) => size === "" || small)) {
          await page.goto(world.url + path);
          await page.waitForLoadState("networkidle");
          await prepare?.(page);
          await shoot(page, `${name}${size}-${suffix}`, false);
          if (size !== "-3840" && !prepare) await shoot(page, `whole-${name}${size}-${suffix}`, true);
        }
      }
    });
  }
}

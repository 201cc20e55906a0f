import { expect, type Page, test } from "@playwright/test";
import { PASSWORD, start, type World } from "../e2e/server";

/** What 100 000 keys of one service cost whoever looks at them, and what a change of the page does. It tells numbers, and asserts none. */
const KEYS = Number(process.env.KEYS ?? 100_000);

let world: World;
test.beforeAll(async () => {
  world = await start();
});
test.afterAll(() => world.stop());

test(`${KEYS} keys`, async ({ page }) => {
  await page.goto(world.url);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "Services" }).click();
  await page.getByTestId("new-service").click();
  await page.getByTestId("preset-openai").click();
  await page.getByLabel("Address of the API").fill(world.upstream);
  await page.getByTestId("save-service").click();

  await page.getByTestId("add-keys").click();
  const text = Array.from({ length: KEYS }, (_, index) => `sk-many-${String(index).padStart(6, "0")}-abcdefghijklmnop`).join("\n");
  let began = Date.now();
  await page.getByTestId("key-file").setInputFiles({ name: "keys.txt", mimeType: "text/plain", buffer: Buffer.from(text) });
  await expect(page.getByTestId("import")).toBeEnabled();
  console.log(`read and taken apart: ${Date.now() - began} ms`);
  began = Date.now();
  const seen: string[] = [];
  let last = "";
  await page.getByTestId("import").click();
  while (!(await page.getByTestId("import-report").isVisible())) {
    const percent = (await page.getByRole("progressbar").getAttribute("aria-valuenow", { timeout: 200 }).catch(() => null)) ?? "";
    if (percent !== last) seen.push(`${percent}% ${((Date.now() - began) / 1000).toFixed(1)} s`);
    last = percent;
    await page.waitForTimeout(50);
  }
  console.log(`imported: ${Date.now() - began} ms; progress: ${seen.join(", ")}`);
  await page.getByTestId("import-close").click();

  const rows = page.locator("tbody tr");
  for (const [what, path] of [["first page", "/services/1"], ["a search that finds nothing", "/services/1?q=nothing-like-it"], ["by state", "/services/1?state=active"]] as const) {
    await page.goto(`${world.url}/audit`);
    await page.waitForLoadState("networkidle");
    const began = Date.now();
    await page.goto(world.url + path);
    // Not by expect: that looks ever more seldom.
    await rows.or(page.getByRole("heading", { name: "No key like that" })).first().waitFor();
    console.log(`${what}: ${Date.now() - began} ms`);
  }

  await page.goto(`${world.url}/services/1`);
  await expect(rows.first()).toBeVisible();
  const frames = await page.evaluate(async () => {
    const times: number[] = [];
    let before = performance.now();
    for (let step = 0; step < 120; step++) {
      window.scrollBy(0, step < 60 ? 40 : -40);
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      times.push(now - before);
      before = now;
    }
    return times.sort((one, other) => one - other);
  });
  console.log(`frames while scrolling: median ${frames[60]?.toFixed(1)} ms, 95th ${frames[114]?.toFixed(1)} ms, worst ${frames[119]?.toFixed(1)} ms`);
  const turned = Date.now();
  await page.getByRole("button", { name: "Next page" }).click();
  await page.getByText(/^51–100 of/).waitFor();
  console.log(`next page: ${Date.now() - turned} ms`);
});

/** From a click in the menu until the heading of the new page is painted, in milliseconds. */
function goTo(page: Page, href: string): Promise<number> {
  return page.evaluate(async (path) => {
    const frame = () => new Promise(requestAnimationFrame);
    const before = document.querySelector("main h1");
    const link = document.querySelector<HTMLAnchorElement>(`nav a[href="${path}"]`);
    if (!link) throw new Error(`nothing leads to ${path}`);
    const began = performance.now();
    link.click();
    for (let heading = before; heading === before || heading === null; heading = document.querySelector("main h1")) await frame();
    // The frame after the one that has it begins when that is painted.
    await frame();
    return performance.now() - began;
  }, href);
}

test("a change of the page", async ({ page }) => {
  await page.goto(`${world.url}/settings`);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("navigation")).toBeVisible();
  const paths = await page.locator("nav a").evaluateAll((links) => links.map((link) => link.getAttribute("href") ?? ""));
  for (const when of ["for the first time, at once", "for the first time, after a moment", "once more"]) {
    if (when !== "once more") {
      await page.reload();
      await expect(page.getByRole("navigation")).toBeVisible();
    }
    if (!when.endsWith("at once")) await page.waitForLoadState("networkidle");
    const times: [string, number][] = [];
    for (const path of paths.filter((path) => path !== "/settings").concat("/settings")) {
      times.push([path, await goTo(page, path)]);
      if (!when.endsWith("at once")) await page.waitForTimeout(300);
    }
    const [slowest] = [...times].sort(([, one], [, other]) => other - one);
    console.log(`a click until the heading is painted, ${when}: ${times.map(([path, time]) => `${path} ${time.toFixed(0)} ms`).join(", ")}; slowest: ${slowest?.[0]}, ${slowest?.[1].toFixed(0)} ms`);
  }
});

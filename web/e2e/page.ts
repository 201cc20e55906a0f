import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page, type Response } from "@playwright/test";

/** Whatever the browser complains of: errors of scripts, of loading, and of the content security policy. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  return complaints;
}

/** Nothing that keeps a person from reading or using what is shown, and nothing that sticks out of the window. */
export async function isFit(page: Page) {
  // A message goes by itself, and would fade while colours are measured. Under the pointer it stays.
  const message = page.locator(".el-message").last();
  const isHeld = (await message.count()) > 0 && (await message.hover({ timeout: 1000 }).then(() => true, () => false));
  if (!isHeld) await expect(message).toHaveCount(0);
  // Colours are measured when nothing is on its way any more.
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => null))));
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect.soft(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`)).toEqual([]);
  if (isHeld) await page.mouse.move(0, 0);
  const [content, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  expect.soft(content, page.url()).toBeLessThanOrEqual(room ?? 0);
}

/** What these are on the wire, in bytes. */
export async function sizeOf(answers: Response[]): Promise<number> {
  const sizes = await Promise.all(answers.map(async (answer) => (await answer.request().sizes()).responseBodySize));
  return sizes.reduce((sum, size) => sum + size, 0);
}

export async function shot(page: Page, name: string) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}.png`, fullPage: true });
}

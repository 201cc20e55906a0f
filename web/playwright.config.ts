import { defineConfig } from "@playwright/test";

/** The times are those of a machine that is busy with something else. */
export default defineConfig({
  testDir: "e2e",
  workers: 1,
  timeout: 300_000,
  expect: { timeout: 30_000 },
  reporter: "list",
  use: {
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    testIdAttribute: "data-test",
    // Debian's Chromium; a sandbox in a container would need rights that it has not.
    launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] },
    trace: "retain-on-failure",
  },
});

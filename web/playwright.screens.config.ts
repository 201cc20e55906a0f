import config from "./playwright.config";

/** Pictures of every page, and what 100 000 keys cost: for people to look at, and no part of the tests. */
export default { ...config, testDir: "screens", timeout: 1_800_000, use: { ...config.use, actionTimeout: 30_000 } };

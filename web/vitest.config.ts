import { defineConfig, mergeConfig } from "vitest/config";
import vite from "./vite.config.ts";

export default mergeConfig(
  vite,
  defineConfig({
    test: {
      environment: "jsdom",
      testTimeout: 60_000,
      environmentOptions: { jsdom: { url: "http://panel.test/" } },
      include: ["src/**/*.spec.ts"],
      server: { deps: { inline: ["element-plus"] } },
    },
  }),
);

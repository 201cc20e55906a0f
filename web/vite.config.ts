import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import vue from "@vitejs/plugin-vue";
import { defineConfig, type Plugin } from "vite";

/** Text that is worth compressing. */
const TEXT = /\.(html|js|css|svg|json)$/;
const FOLDER = join(import.meta.dirname, "dist");

/** Puts a `.br` and a `.gz` beside each file, once and as small as they get, so that the server never compresses. */
function precompress(): Plugin {
  return {
    name: "precompress",
    apply: "build",
    closeBundle() {
      for (const name of readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter((name) => TEXT.test(name))) {
        const path = join(FOLDER, name);
        const content = readFileSync(path);
        const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
        writeFileSync(`${path}.br`, brotliCompressSync(content, { params: quality }));
        writeFileSync(`${path}.gz`, gzipSync(content, { level: constants.Z_BEST_COMPRESSION }));
      }
    },
  };
}

export default defineConfig({
  plugins: [vue(), precompress()],
  resolve: { alias: { "@": join(import.meta.dirname, "src") } },
  // What is not used of the libraries is not sent.
  define: {
    __VUE_OPTIONS_API__: false,
    __VUE_I18N_LEGACY_API__: false,
    __VUE_I18N_FULL_INSTALL__: false,
    __INTLIFY_JIT_COMPILATION__: true,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  build: {
    target: "es2022",
    // A file that is put into the page as a data: URL would be refused by the server's policy.
    assetsInlineLimit: 0,
    // The policy knows no inline script, and browsers of today preload modules by themselves.
    modulePreload: { polyfill: false },
    // What draws charts is larger than the usual bound, and loaded by the page that has them alone.
    chunkSizeWarningLimit: 600,
  },
  server: {
    proxy: { "^/(api|proxy|llm)/": { target: process.env.ROTATOR ?? "http://localhost:8000", changeOrigin: false } },
  },
});

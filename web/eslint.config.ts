import vue from "eslint-plugin-vue";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist", "src/api/schema.gen.ts", "public", "test-results", "playwright-report"] },
  ...tseslint.configs.strict,
  ...vue.configs["flat/recommended"],
  {
    files: ["**/*.vue"],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
    rules: {
      // What a person reads comes from the locale files.
      "vue/no-bare-strings-in-template": ["error", {
        allowlist: ["·", "/", "–", "—", "×", "{", "}", "(", ")", ":", ",", "…", "%", "→"],
        attributes: {
          "/.+/": ["title", "aria-label", "aria-placeholder", "aria-roledescription", "aria-valuetext"],
          input: ["placeholder"],
          img: ["alt"],
          // Components of ours, and of the library.
          "/^[A-Z]/": ["label", "placeholder", "text", "content"],
        },
      }],
      "vue/no-v-html": "error",
      "vue/block-order": ["error", { order: ["script", "template", "style"] }],
      "vue/component-api-style": ["error", ["script-setup"]],
      "max-lines": ["error", 200],
      // Line breaks are a matter of taste.
      "vue/max-attributes-per-line": "off",
      "vue/singleline-html-element-content-newline": "off",
      "vue/html-self-closing": "off",
      "vue/html-closing-bracket-newline": "off",
      "vue/html-indent": "off",
      "vue/multiline-html-element-content-newline": "off",
      "vue/first-attribute-linebreak": "off",
    },
  },
  { files: ["src/views/**", "src/components/**", "src/layouts/**"], rules: {
    // Calls to the server are made by stores alone.
    "no-restricted-imports": ["error", { patterns: ["@/api/client"] }],
  } },
);

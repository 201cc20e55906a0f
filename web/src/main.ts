import { createPinia } from "pinia";
import { createApp } from "vue";
import App from "./App.vue";
import { i18n, preferredLocale, speak } from "./locales";
import { router } from "./router";
import "./styles/element.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/table.css";

await speak(preferredLocale());
createApp(App).use(createPinia()).use(i18n).use(router).mount("#app");

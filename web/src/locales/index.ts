import { createI18n } from "vue-i18n";
import type en from "./en.json";

export type Messages = typeof en;
export type Locale = "en" | "zh-CN";

/** What a person chose, else what the browser speaks. */
export function preferredLocale(): Locale {
  const wanted = localStorage.getItem("akr.locale") ?? navigator.language;
  return wanted.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
}

export const i18n = createI18n<[Messages], Locale, false>({
  legacy: false,
  locale: preferredLocale(),
  fallbackLocale: preferredLocale(),
  // None before they are loaded.
  messages: {} as Record<Locale, Messages>,
});

// The type of one is checked against that of the other: a text that is missing does not compile.
const TEXTS: Record<Locale, () => Promise<{ default: Messages }>> = {
  en: () => import("./en.json"),
  "zh-CN": () => import("./zh-CN.json"),
};

/** Goes over to a language, whose texts are loaded when it is first spoken. */
export async function speak(locale: Locale) {
  if (!i18n.global.availableLocales.includes(locale)) {
    i18n.global.setLocaleMessage(locale, (await TEXTS[locale]()).default);
  }
  i18n.global.locale.value = locale;
}

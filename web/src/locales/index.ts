import { shallowRef } from "vue";
import { createI18n } from "vue-i18n";
import { type Catalogue, speaker } from "@/lib/serverText";
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

/** What the server says, by language; it speaks English itself. */
const SERVER_TEXTS: Record<Locale, () => Promise<{ default: Catalogue }>> = {
  en: async () => ({ default: {} }),
  "zh-CN": () => import("./server.zh-CN.json"),
};

/** What the document of the API says, by language; it is written in English. */
const REFERENCE_TEXTS: Record<Locale, () => Promise<{ default: Record<string, string> }>> = {
  en: async () => ({ default: {} }),
  "zh-CN": () => import("./reference.zh-CN.json"),
};

/** Says a text of the document of the API in a language, or in English where that cannot be loaded. */
export async function referenceSpeaker(locale: Locale): Promise<(text: string) => string> {
  const found = await REFERENCE_TEXTS[locale]().catch(REFERENCE_TEXTS.en);
  const texts = new Map(Object.entries(found.default));
  return (text) => texts.get(text) ?? text;
}

/** Says a sentence of the server in the language that is spoken now. */
export const serverTexts = shallowRef(speaker({}));

/** Goes over to a language, whose texts are loaded when it is first spoken. */
export async function speak(locale: Locale) {
  const [texts, server] = await Promise.all([TEXTS[locale](), SERVER_TEXTS[locale]()]);
  i18n.global.setLocaleMessage(locale, texts.default);
  serverTexts.value = speaker(server.default);
  i18n.global.locale.value = locale;
}

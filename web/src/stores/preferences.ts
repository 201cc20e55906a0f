import { defineStore } from "pinia";
import { computed, ref, watch } from "vue";
import { type Locale, preferredLocale, speak } from "@/locales";

export type Theme = "auto" | "light" | "dark";
export const THEMES: readonly Theme[] = ["auto", "light", "dark"];

/** How one person likes the panel; kept in this browser. */
export const usePreferences = defineStore("preferences", () => {
  const stored = localStorage.getItem("akr.theme");
  const theme = ref<Theme>(THEMES.find((known) => known === stored) ?? "auto");
  const locale = ref<Locale>(preferredLocale());
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const systemIsDark = ref(system.matches);
  system.addEventListener("change", (event) => (systemIsDark.value = event.matches));
  const isDark = computed(() => theme.value === "dark" || (theme.value === "auto" && systemIsDark.value));

  watch(isDark, (dark) => document.documentElement.classList.toggle("dark", dark), { immediate: true });
  watch(theme, (value) => localStorage.setItem("akr.theme", value));
  watch(
    locale,
    (value, before) => {
      void speak(value);
      document.documentElement.lang = value;
      if (before) localStorage.setItem("akr.locale", value);
    },
    { immediate: true },
  );

  return { theme, locale, isDark };
});
